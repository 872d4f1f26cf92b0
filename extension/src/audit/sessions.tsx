import * as React from 'react';

import { Tag, useGoverned } from '../parts';
import { ReleaseLink, RunLink } from '../parts/opening';
import { Paged, SearchField, usePaged } from '../parts/paged';
import { Table } from '../parts/table';
import type { ISessionPage, ISessionRow } from '../records';
import { moment } from '../words';
import { label } from '../labels';

/** Every recorded session by page, the newest first: whose, how it ended, what it lost. */
export function Sessions(): React.ReactElement {
  const { trans } = useGoverned();
  const paged = usePaged<ISessionPage>('sessions');
  return (
    <>
      <div className="gn-Form">
        <SearchField
          paged={paged}
          hint={trans.__('Session, notebook, release, run, user or machine')}
        />
      </div>
      <Paged paged={paged} busy={trans.__('Reading what is on record…')}>
        {page => <Rows rows={page.sessions} />}
      </Paged>
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
  return (
    <Table
      none={trans.__('None.')}
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
          cell: row => (
            <Tag tone={TONES[row.state]}>{label(row.state, trans)}</Tag>
          )
        },
        {
          title: trans.__('Notebook or run'),
          cell: row =>
            row.run_id ? (
              <>
                {row.release && <ReleaseLink release={row.release} />}{' '}
                <RunLink run={row.run_id} />
              </>
            ) : (
              row.notebook
            )
        },
        {
          title: trans.__('User'),
          cell: row => row.user_name,
          hint: row => row.host ?? ''
        },
        {
          title: trans.__('Began'),
          cell: row => (row.started_at ? moment(row.started_at) : ''),
          isTime: true
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
