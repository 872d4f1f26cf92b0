import * as React from 'react';

import { Digest, Empty, Tag, useGoverned } from '../parts';
import { RunLink } from '../parts/opening';
import { Answered } from '../parts/page';
import { Paged, PagedChoice, SearchField, usePaged } from '../parts/paged';
import { SignForm, useStatus } from '../parts/signing';
import type { IPage, IRun, IVerdict } from '../records';
import { moment } from '../words';
import { label } from '../labels';

/** Each verdict is a text of its own, so few make a page. */
const PER_PAGE = 10;

/** A run executed again from its sealed release, and every verdict that is on record. */
export function Reruns(): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place } = governed;
  const status = useStatus();
  const [chosen, setChosen] = React.useState('');
  const runs = usePaged<IPage<IRun>>('runs', {
    kind: 'release',
    state: 'succeeded'
  });
  const verdicts = usePaged<IPage<IVerdict>>('audit/verdicts', {}, PER_PAGE);
  const run = chosen || runs.answer.value?.rows[0]?.run || '';
  return (
    <>
      <p>
        {trans.__(
          'The run is executed again from its sealed release in an empty folder, and every artifact and tensor is held against the first.'
        )}
      </p>
      <Answered answer={runs.answer}>
        {page =>
          page.total || runs.search ? (
            <SignForm
              status={status}
              button={trans.__('Re-run and compare')}
              sign={async (signed, onStep) => {
                const body = { ...signed, path: place, run };
                await client.job<IVerdict>('audit/rerun', body, onStep);
                governed.tell();
              }}
            >
              <PagedChoice
                label={trans.__('Run')}
                paged={runs}
                page={page}
                value={run}
                choice={item => [item.run, `${item.run} (${item.release})`]}
                onChange={setChosen}
              />
            </SignForm>
          ) : (
            <Empty title={trans.__('No run to repeat')}>
              <p>{trans.__('A run of a release must have succeeded.')}</p>
            </Empty>
          )
        }
      </Answered>
      <Paged paged={verdicts}>
        {page => (
          <>
            {(verdicts.search || page.all > PER_PAGE) && (
              <SearchField
                paged={verdicts}
                hint={trans.__('Run, release, verdict or person')}
              />
            )}
            {verdicts.search && page.total === 0 && <p>{trans.__('None.')}</p>}
            {page.rows.map(verdict => (
              <Verdict key={verdict.rerun} verdict={verdict} />
            ))}
          </>
        )}
      </Paged>
    </>
  );
}

/** One verdict with each thing that differs, and what may explain it. */
function Verdict(props: { verdict: IVerdict }): React.ReactElement {
  const { trans } = useGoverned();
  const { verdict } = props;
  const tone = { IDENTICAL: 'good', EQUIVALENT: 'attention', DIFFERENT: 'bad' };
  return (
    <section
      className="gn-Stage"
      aria-label={trans.__('Verdict on %1', verdict.run)}
    >
      <h2>
        <Tag tone={tone[verdict.verdict] as 'good' | 'attention' | 'bad'}>
          {label(verdict.verdict, trans)}
        </Tag>{' '}
        <RunLink run={verdict.run} />
      </h2>
      <p>
        {trans.__('Repeated as')} <RunLink run={verdict.rerun} />{' '}
        {trans.__('by %1, %2', verdict.person, moment(verdict.at))}
        {verdict.weights_sha256 && (
          <>
            {' · '}
            {trans.__('weights')} <Digest value={verdict.weights_sha256} />
          </>
        )}
      </p>
      <Differences
        title={trans.__('Artifacts, tensors and cases')}
        none={trans.__(
          'Every artifact and every tensor is the same, bit for bit.'
        )}
        items={verdict.differences}
      />
      <Differences
        title={trans.__('Environment, platform and parameters')}
        none={trans.__('Nothing differs around it.')}
        items={verdict.surroundings}
      />
    </section>
  );
}

const MOST_SHOWN = 8;

function Differences(props: {
  title: string;
  none: string;
  items: string[];
}): React.ReactElement {
  const { trans } = useGoverned();
  const { title, none, items } = props;
  return (
    <>
      <h3>{title}</h3>
      {items.length === 0 && <p>{none}</p>}
      <Lines items={items.slice(0, MOST_SHOWN)} />
      {items.length > MOST_SHOWN && (
        <details>
          <summary>{trans.__('%1 more', items.length - MOST_SHOWN)}</summary>
          <Lines items={items.slice(MOST_SHOWN)} />
        </details>
      )}
    </>
  );
}

function Lines(props: { items: string[] }): React.ReactElement {
  return (
    <ul className="gn-List">
      {props.items.map(item => (
        <li key={item}>{item}</li>
      ))}
    </ul>
  );
}
