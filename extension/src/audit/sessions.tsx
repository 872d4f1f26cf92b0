import * as React from 'react';

import { Tag, useChanges, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { TextField } from '../parts/fields';
import { Answered } from '../parts/page';
import { Pager } from '../parts/pager';
import { Table } from '../parts/table';
import type { ISessionPage, ISessionRow } from '../records';
import { moment } from '../words';

const LIMIT = 100;

/** Every recorded session by page, the newest first: whose, how it ended, what it lost. */
export function Sessions(): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const changes = useChanges();
  const [search, setSearch] = React.useState('');
  const [offset, setOffset] = React.useState(0);
  const answer = useAnswer(
    () =>
      client.get<ISessionPage>('sessions', {
        path: place,
        search,
        offset: String(offset),
        limit: String(LIMIT)
      }),
    [place, search, offset, changes]
  );
  return (
    <>
      <div className="gn-Form">
        <TextField
          label={trans.__('Search')}
          hint={trans.__('Session, notebook, user or machine')}
          value={search}
          onChange={text => {
            setSearch(text);
            setOffset(0);
          }}
        />
      </div>
      <Answered answer={answer} busy={trans.__('Reading what is on record…')}>
        {page => (
          <>
            <Rows rows={page.sessions} />
            <Pager
              offset={offset}
              limit={LIMIT}
              total={page.total}
              onMove={setOffset}
            />
          </>
        )}
      </Answered>
    </>
  );
}

const TONES: Record<string, 'good' | 'attention' | 'bad' | 'plain'> = {
  sealed: 'good',
  running: 'plain',
  'cut off': 'attention',
  'journal gone': 'bad'
};

function Rows(props: { rows: ISessionRow[] }): React.ReactElement {
  const { trans } = useGoverned();
  if (!props.rows.length) {
    return <p>{trans.__('None.')}</p>;
  }
  return (
    <Table
      label={trans.__('Sessions')}
      rows={props.rows}
      keyOf={row => row.session_id}
      columns={[
        {
          title: trans.__('Session'),
          cell: row => <code>{row.session_id}</code>,
          isHead: true
        },
        {
          title: trans.__('State'),
          cell: row => <Tag tone={TONES[row.state]}>{row.state}</Tag>
        },
        { title: trans.__('Notebook'), cell: row => row.notebook },
        {
          title: trans.__('User'),
          cell: row => row.user_name,
          hint: row => row.host ?? ''
        },
        {
          title: trans.__('Began'),
          cell: row => (row.started_at ? moment(row.started_at) : '')
        },
        {
          title: trans.__('Cells'),
          cell: row => row.cells,
          isNumber: true
        },
        {
          title: trans.__('Unexplained'),
          cell: row => row.unexplained,
          isNumber: true
        },
        {
          title: trans.__('Not recorded'),
          cell: row => row.lost,
          isNumber: true
        }
      ]}
    />
  );
}
