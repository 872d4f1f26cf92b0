import * as React from 'react';

import { Busy, Button, Problem, Tag, useGoverned } from '../parts';
import { useWork } from '../parts/asking';
import { Table } from '../parts/table';
import type { IVerification } from '../records';
import { label } from '../labels';

/** Everything recomputed from bytes up; each part is named while it is looked at. */
export function Verify(): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const [found, setFound] = React.useState<IVerification | null>(null);
  const [done, setDone] = React.useState<string[]>([]);
  const work = useWork();
  const start = (incremental: boolean): void => {
    setFound(null);
    setDone([]);
    work.start(async onStep => {
      const body = { path: place, incremental };
      setFound(
        await client.job<IVerification>('audit/verify', body, step => {
          onStep(step);
          setDone(known => [...known, step]);
        })
      );
    });
  };
  const busy = work.isBusy ? trans.__('It is being verified') : '';
  return (
    <>
      <p>
        {trans.__(
          'Ledger, signatures, journals, objects, releases, runs and bundles are computed anew and held against the record.'
        )}
      </p>
      <div className="gn-Actions">
        <Button
          kind="accept"
          disabledBecause={busy}
          onClick={() => start(false)}
        >
          {trans.__('Verify everything')}
        </Button>
        <Button disabledBecause={busy} onClick={() => start(true)}>
          {trans.__('Only what is new')}
        </Button>
      </div>
      {work.isBusy && (
        <>
          <Busy>{trans.__('Verifying %1…', work.step)}</Busy>
          <ul className="gn-Steps">
            {done.slice(0, -1).map(step => (
              <li key={step}>{step}</li>
            ))}
          </ul>
        </>
      )}
      {work.problem && <Problem problem={work.problem} />}
      {found && <Outcome found={found} />}
    </>
  );
}

function Outcome(props: { found: IVerification }): React.ReactElement {
  const { trans } = useGoverned();
  const { whole, counts, checks } = props.found;
  const unread = Object.values(counts).reduce(
    (sum, outcomes) => sum + (outcomes.unread ?? 0),
    0
  );
  const verdict = whole
    ? trans.__('All that was read is what was recorded')
    : trans.__('Something is not what was recorded');
  return (
    <section role="status" aria-label={trans.__('Verification')}>
      <h2>
        <Tag tone={whole ? 'good' : 'bad'}>
          {whole ? trans.__('whole') : trans.__('broken')}
        </Tag>{' '}
        {verdict}
      </h2>
      {unread > 0 && (
        <p>
          {trans._n(
            '%1 sealed session was not read again: its file is as it was verified before.',
            '%1 sealed sessions were not read again: their files are as they were verified before.',
            unread
          )}
        </p>
      )}
      <Table
        label={trans.__('What was verified')}
        rows={Object.entries(counts)}
        keyOf={([kind]) => kind}
        columns={[
          {
            title: trans.__('What'),
            cell: ([kind]) => label(kind, trans),
            isHead: true
          },
          {
            title: trans.__('Outcome'),
            cell: ([, outcomes]) =>
              Object.entries(outcomes).map(([outcome, number]) => (
                <React.Fragment key={outcome}>
                  <Tag
                    tone={toneOf(outcome)}
                  >{`${number} ${label(outcome, trans)}`}</Tag>{' '}
                </React.Fragment>
              ))
          }
        ]}
      />
      {checks.length > 0 && (
        <Table
          label={trans.__('Findings')}
          rows={checks}
          keyOf={check => `${check.kind} ${check.subject} ${check.detail}`}
          columns={[
            {
              title: trans.__('Finding'),
              cell: check => (
                <Tag tone={toneOf(check.outcome)}>
                  {label(check.outcome, trans)}
                </Tag>
              )
            },
            {
              title: trans.__('Of'),
              cell: check => `${label(check.kind, trans)} ${check.subject}`
            },
            { title: trans.__('Detail'), cell: check => check.detail }
          ]}
        />
      )}
    </section>
  );
}

function toneOf(outcome: string): 'good' | 'bad' | 'attention' | 'plain' {
  switch (outcome) {
    case 'ok':
      return 'good';
    case 'broken':
      return 'bad';
    case 'unread':
      return 'plain';
    default:
      return 'attention';
  }
}
