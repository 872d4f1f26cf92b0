import * as React from 'react';

import { Digest, Tag, useChanges, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { ReleaseLink, RunLink, VersionLink } from '../parts/opening';
import { Answered, Stage } from '../parts/page';
import { DateField } from '../parts/fields';
import { Table } from '../parts/table';
import type { IStanding, IStandingApproval } from '../records';
import { moment } from '../words';
import { StateTag } from '../parts/state';

/** What was live, approved and running on a day, by the verified ledger as it stood then. */
export function Standing(): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const changes = useChanges();
  const [date, setDate] = React.useState(today());
  const answer = useAnswer(
    async () =>
      date ? client.get<IStanding>('audit/as-of', { path: place, date }) : null,
    [place, date, changes]
  );
  return (
    <>
      <div className="gn-Form">
        <DateField
          label={trans.__('What ran on')}
          hint={trans.__('The end of that day, UTC')}
          value={date}
          onChange={setDate}
        />
      </div>
      <Answered answer={answer} busy={trans.__('Replaying the ledger…')}>
        {found => found && <Stood found={found} />}
      </Answered>
    </>
  );
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function Stood(props: { found: IStanding }): React.ReactElement {
  const { trans } = useGoverned();
  const { ledger, policy, live, approved, running } = props.found;
  return (
    <>
      <p>
        {trans.__('By %1 records of the ledger, root', ledger.records)}{' '}
        <Digest value={ledger.root} />{' '}
        {!policy.is_in_force_now && (
          <Tag tone="attention">{trans.__('other rules are in force now')}</Tag>
        )}{' '}
        {ledger.bear_a_later_time.length > 0 && (
          <Tag tone="attention">{trans.__('a clock stepped back')}</Tag>
        )}
      </p>
      <Stage title={trans.__('Live')}>
        {live.length === 0 ? (
          <p>{trans.__('Nothing.')}</p>
        ) : (
          <Live rows={live} />
        )}
      </Stage>
      <Stage title={trans.__('Approved')}>
        {approved.length === 0 ? (
          <p>{trans.__('Nothing.')}</p>
        ) : (
          <Approved rows={approved} />
        )}
      </Stage>
      <Stage title={trans.__('Running')}>
        {running.length === 0 && <p>{trans.__('Nothing.')}</p>}
        <ul className="gn-List">
          {running.map(item => (
            <li key={item.run}>
              <RunLink run={item.run} />{' '}
              {trans.__('since %1 by %2', moment(item.started_at), item.person)}
            </li>
          ))}
        </ul>
      </Stage>
    </>
  );
}

function Live(props: { rows: IStanding['live'] }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Table
      label={trans.__('Live')}
      rows={props.rows}
      keyOf={row => `${row.environment}/${row.slot}`}
      columns={[
        {
          title: trans.__('Where'),
          cell: row => `${row.environment}/${row.slot}`,
          isHead: true
        },
        {
          title: trans.__('Bundle'),
          cell: row => (
            <>
              {row.bundle} <Digest value={row.bundle_digest} />
            </>
          )
        },
        {
          title: trans.__('Release and run'),
          cell: row => (
            <>
              <ReleaseLink release={row.release} /> <RunLink run={row.run} />
            </>
          )
        },
        {
          title: trans.__('Validation'),
          cell: row =>
            row.validation && (
              <Tag tone={row.validation.passed ? 'good' : 'bad'}>
                {row.validation.suite}
              </Tag>
            )
        },
        {
          title: trans.__('Approvals'),
          cell: row => <Approvals given={row.approvals} />
        },
        {
          title: trans.__('Since'),
          cell: row => trans.__('%1 by %2', moment(row.live_from), row.person)
        }
      ]}
    />
  );
}

function Approved(props: { rows: IStanding['approved'] }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Table
      label={trans.__('Approved')}
      rows={props.rows}
      keyOf={row => row.release}
      columns={[
        {
          title: trans.__('Release'),
          cell: row => <ReleaseLink release={row.release} />
        },
        {
          title: trans.__('State then'),
          cell: row => <StateTag state={row.state} />
        },
        { title: trans.__('Author'), cell: row => row.author },
        {
          title: trans.__('Approvals'),
          cell: row => <Approvals given={row.approvals} />
        },
        {
          title: trans.__('Inputs'),
          cell: row =>
            row.inputs.map(item => (
              <React.Fragment key={item.name}>
                <VersionLink name={item.name} />{' '}
              </React.Fragment>
            ))
        }
      ]}
    />
  );
}

function Approvals(props: { given: IStandingApproval[] }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <ul className="gn-Plain">
      {props.given.map((item, at) => (
        <li key={at} title={item.reason || moment(item.signed_at)}>
          {item.printed_name}{' '}
          {item.counts === false && (
            <Tag tone="bad">{trans.__('does not count')}</Tag>
          )}
          {item.counts === null && <Tag>{trans.__('not known')}</Tag>}
        </li>
      ))}
    </ul>
  );
}
