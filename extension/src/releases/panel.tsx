import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { releasesIcon } from '../icons';
import {
  Busy,
  Button,
  Digest,
  Panel,
  Problem,
  Tag,
  useChanges,
  useGoverned
} from '../parts';
import { useAnswer, useWork } from '../parts/asking';
import { RunLink } from '../parts/opening';
import { Answered, Page, Stage, titled } from '../parts/page';
import { PersonField, useStatus } from '../parts/signing';
import type { IApproval, IRelease, IReview, IStatus } from '../records';
import { moment } from '../words';
import { Deployments } from './deployments';
import { Reviewed } from './reviewed';
import { Ending, Signature } from './signature';
import { approvalsFor, toneOf } from './states';
import { Returning } from '../parts/returning';
import { StateTag } from '../parts/state';
import { label } from '../labels';

/** One release, as a reviewer reads it. */
export function releasePanel(governed: Governed, release: string): Panel {
  return titled(governed, <ReleaseView release={release} />, {
    id: `governed-release-${release}`,
    icon: releasesIcon,
    label: release
  });
}

function ReleaseView(props: { release: string }): React.ReactElement {
  const { client, place } = useGoverned();
  const changes = useChanges();
  const status = useStatus();
  const answer = useAnswer(
    () =>
      client.get<IRelease>('release', { path: place, release: props.release }),
    [place, props.release, changes]
  );
  const found = answer.value;
  return (
    <Page
      title={
        found ? (
          <>
            {found.release} <StateTag state={found.state} />
          </>
        ) : (
          props.release
        )
      }
      header={found && <Acting found={found} status={status} />}
    >
      <Answered answer={answer}>
        {shown => <ReleasePage found={shown} status={status} />}
      </Answered>
    </Page>
  );
}

function Acting(props: {
  found: IRelease;
  status: IStatus | null;
}): React.ReactElement {
  const { trans, app } = useGoverned();
  const { found } = props;
  const canRun = ['approved', 'executed', 'validated', 'released'].includes(
    found.state
  );
  return (
    <>
      <PersonField status={props.status} />
      <Button
        kind={canRun ? 'accept' : 'plain'}
        disabledBecause={canRun ? '' : whyNotRun(found, trans.__.bind(trans))}
        onClick={() =>
          void app.commands.execute(Commands.startRun, {
            release: found.release
          })
        }
      >
        {trans.__('Run release…')}
      </Button>
    </>
  );
}

function ReleasePage(props: {
  found: IRelease;
  status: IStatus | null;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { found } = props;
  return (
    <>
      <p>
        {trans.__(
          'By %1 from %2, risk class %3',
          found.author,
          found.notebook,
          found.risk_class
        )}
      </p>
      <p>
        {trans.__('Release digest')} <Digest value={found.digest} whole />
      </p>
      <Approvals found={found} />
      <Reviewing found={found} status={props.status} />
      <Runs found={found} />
      <Deployments found={found} status={props.status} />
      <Conversation found={found} />
    </>
  );
}

function whyNotRun(
  found: IRelease,
  __: (text: string, ...more: unknown[]) => string
): string {
  if (found.state === 'candidate') {
    const given = approvalsFor('run', found.approvals);
    return __('%1 of %2 approvals are there', given, found.required.run);
  }
  return __('It was %1', found.state);
}

function Approvals(props: { found: IRelease }): React.ReactElement {
  const { trans } = useGoverned();
  const { approvals, required } = props.found;
  const count = (purpose: 'run' | 'deployment'): number =>
    approvalsFor(purpose, approvals);
  return (
    <Stage title={trans.__('Approvals')}>
      <p>
        {trans.__('For a run: %1 of %2', count('run'), required.run)}
        {' · '}
        {trans.__(
          'for deployment: %1 of %2',
          count('deployment'),
          required.deployment
        )}
      </p>
      <ul className="gn-List">
        {approvals.map((item, at) => (
          <ApprovalItem key={at} approval={item} />
        ))}
      </ul>
    </Stage>
  );
}

function ApprovalItem(props: { approval: IApproval }): React.ReactElement {
  const { trans } = useGoverned();
  const item = props.approval;
  return (
    <li className={item.counts ? '' : 'gn-mod-dismissed'}>
      <Tag tone={item.counts ? 'good' : 'bad'}>
        {item.counts ? trans.__('counts') : trans.__('does not count')}
      </Tag>{' '}
      <b>{item.printed_name}</b>{' '}
      {trans.__(
        '%1, for %2, %3',
        item.meaning,
        item.for === 'run' ? trans.__('a run') : trans.__('deployment'),
        moment(item.signed_at)
      )}{' '}
      {item.role && <Tag>{label(item.role, trans)}</Tag>}{' '}
      <Digest value={item.digest} />
      {item.comment && <blockquote>{item.comment}</blockquote>}
      {!item.counts && <p>{item.reason}</p>}
    </li>
  );
}

/** What is signed is verified first, from bytes up; then it is shown, and only then signed. */
function Reviewing(props: {
  found: IRelease;
  status: IStatus | null;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, person, place } = governed;
  const { found, status } = props;
  const [review, setReview] = React.useState<IReview | null>(null);
  const [purpose, setPurpose] = React.useState<'run' | 'deployment'>('run');
  const work = useWork();
  const isOver = ['rejected', 'revoked', 'retired'].includes(found.state);
  const canDeploy = ['validated', 'released'].includes(found.state);
  const start = (asked: 'run' | 'deployment'): void => {
    setPurpose(asked);
    setReview(null);
    work.start(async onStep => {
      const body = {
        path: place,
        release: found.release,
        person,
        purpose: asked
      };
      setReview(await client.job<IReview>('release/review', body, onStep));
    });
  };
  React.useEffect(() => setReview(null), [person, found.digest]);
  const who = !person ? trans.__('Say who you are first') : '';
  const over = isOver ? trans.__('It was %1', label(found.state, trans)) : '';
  return (
    <Stage title={trans.__('Review')}>
      <div className="gn-Actions">
        <Button disabledBecause={who || over} onClick={() => start('run')}>
          {trans.__('Review for a run')}
        </Button>
        <Button
          disabledBecause={
            who ||
            over ||
            (canDeploy ? '' : trans.__('No run of it passed its validation'))
          }
          onClick={() => start('deployment')}
        >
          {trans.__('Review for deployment')}
        </Button>
      </div>
      {work.isBusy && <Busy>{work.step || trans.__('One moment…')}</Busy>}
      {work.problem && <Problem problem={work.problem} />}
      {review && (
        <Returning>
          <Reviewed review={review} />
          <div className="gn-Columns">
            <Signature
              review={review}
              purpose={purpose}
              status={status}
              onSigned={() => {
                setReview(null);
                governed.tell();
              }}
            />
            <Ending
              found={found}
              status={status}
              onSigned={() => {
                setReview(null);
                governed.tell();
              }}
            />
          </div>
        </Returning>
      )}
    </Stage>
  );
}

function Runs(props: { found: IRelease }): React.ReactElement {
  const { trans } = useGoverned();
  const { runs, deployments } = props.found;
  const live = new Set(
    deployments
      .filter(item => item.live_to === null)
      .map(({ bundle }) => bundle)
  );
  return (
    <Stage title={trans.__('Runs')}>
      {runs.length === 0 && <p>{trans.__('None yet.')}</p>}
      <ul className="gn-List">
        {[...runs].reverse().map(run => (
          <li key={run.run}>
            <RunLink run={run.run} /> <StateTag state={run.state} />{' '}
            <Tag>{label(run.kind, trans)}</Tag>{' '}
            {run.validated !== null && (
              <Tag tone={run.validated ? 'good' : 'bad'}>
                {run.validated
                  ? trans.__('validated')
                  : trans.__('validation failed')}
              </Tag>
            )}{' '}
            {run.bundle && <Tag>{run.bundle}</Tag>}{' '}
            {live.has(run.bundle) && <Tag tone="good">{trans.__('live')}</Tag>}
            {run.error && <small className="gn-Beside">{run.error}</small>}
          </li>
        ))}
      </ul>
    </Stage>
  );
}

/** What happened and what people said, in the order of the ledger. */
function Conversation(props: { found: IRelease }): React.ReactElement {
  const { trans } = useGoverned();
  const { history, refusals } = props.found;
  const told = [
    ...history.map(step => ({
      at: step.at,
      tone: toneOf(step.state),
      word: label(step.state, trans),
      text: `${step.person}: ${step.reason}`
    })),
    ...refusals.map(item => ({
      at: item.at,
      tone: 'bad' as const,
      word: trans.__('refused'),
      text: `${item.person}, ${label(item.kind, trans)}: ${item.why}`
    }))
  ].sort((a, b) => a.at.localeCompare(b.at));
  return (
    <Stage title={trans.__('Conversation')}>
      <ol className="gn-List">
        {told.map((item, at) => (
          <li key={at}>
            <Tag tone={item.tone}>{item.word}</Tag> {moment(item.at)} ·{' '}
            {item.text}
          </li>
        ))}
      </ol>
    </Stage>
  );
}
