import * as React from 'react';

import { Button, Tag, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { DateField, TextField } from '../parts/fields';
import { ReleaseLink, RunLink } from '../parts/opening';
import { Answered } from '../parts/page';
import { Pager } from '../parts/pager';
import { Table } from '../parts/table';
import type { IReading, IReadings } from '../records';
import { moment } from '../words';
import { labels } from '../labels';

const LIMIT = 100;

interface IQuestion {
  target: string;
  since: string;
  until: string;
}

/** Who read a dataset, a file or a column between two days, and what allowed it. */
export function Readers(): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const [said, setSaid] = React.useState<IQuestion>({
    target: '',
    since: '',
    until: ''
  });
  const [asked, setAsked] = React.useState<IQuestion | null>(null);
  const [offset, setOffset] = React.useState(0);
  const answer = useAnswer(
    async () =>
      asked
        ? client.get<IReadings>('lineage/readers', {
            path: place,
            ...asked,
            offset: String(offset),
            limit: String(LIMIT)
          })
        : null,
    [place, asked, offset]
  );
  const ask = (): void => {
    setOffset(0);
    setAsked({ ...said, target: said.target.trim() });
  };
  return (
    <>
      <form
        className="gn-Form"
        onSubmit={event => {
          event.preventDefault();
          if (said.target.trim()) {
            ask();
          }
        }}
      >
        <TextField
          label={trans.__('Who read')}
          hint={trans.__('NAME, NAME@VERSION, or the path of a file')}
          value={said.target}
          onChange={target => setSaid({ ...said, target })}
        />
        <DateField
          label={trans.__('From')}
          value={said.since}
          onChange={since => setSaid({ ...said, since })}
        />
        <DateField
          label={trans.__('To')}
          hint={trans.__('The end of that day, UTC')}
          value={said.until}
          onChange={until => setSaid({ ...said, until })}
        />
        <div className="gn-Form-end">
          <Button
            type="submit"
            onClick={ask}
            disabledBecause={
              said.target.trim() ? '' : trans.__('Say what was read')
            }
          >
            {trans.__('Show readers')}
          </Button>
        </div>
      </form>
      {asked && (
        <Answered answer={answer} busy={trans.__('Reading what is on record…')}>
          {found =>
            found && (
              <>
                <Rows rows={found.readings} />
                <Pager
                  offset={offset}
                  limit={LIMIT}
                  total={found.total}
                  onMove={setOffset}
                />
              </>
            )
          }
        </Answered>
      )}
    </>
  );
}

function Rows(props: { rows: IReading[] }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Table
      none={trans.__('Nobody, by what is on record.')}
      label={trans.__('Readers')}
      rows={props.rows}
      keyOf={row => `${row.session_id} ${row.execution} ${row.uri}`}
      columns={[
        {
          title: trans.__('When'),
          cell: row => moment(row.occurred_at),
          isTime: true
        },
        { title: trans.__('User'), cell: row => row.user_name, isHead: true },
        {
          title: trans.__('Where'),
          cell: row =>
            [row.notebook, `In [${row.execution}]`].filter(Boolean).join(' · '),
          hint: row => row.session_id
        },
        {
          title: trans.__('Read'),
          cell: row =>
            row.dataset ? `${row.dataset}@${row.version ?? ''}` : row.uri,
          hint: row => row.uri
        },
        {
          title: trans.__('Columns'),
          cell: row => (row.columns ?? []).join(', ')
        },
        {
          title: trans.__('Decision'),
          cell: row =>
            row.decision && (
              <Tag tone={row.decision === 'denied' ? 'bad' : 'good'}>
                {labels(
                  [row.decision, row.purpose ?? ''].filter(Boolean),
                  trans
                )}
              </Tag>
            )
        },
        {
          title: trans.__('Run'),
          cell: row => (
            <>
              {row.run_id && <RunLink run={row.run_id} />}{' '}
              {row.release && <ReleaseLink release={row.release} />}
            </>
          )
        }
      ]}
    />
  );
}
