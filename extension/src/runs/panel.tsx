import * as React from 'react';

import { described, IErrorDescription } from '../api';
import { Commands } from '../commands';
import type { Governed } from '../governed';
import { runsIcon } from '../icons';
import { Busy, Button, Panel, Problem, useGoverned } from '../parts';
import { useWork } from '../parts/asking';
import { Opens, ReleaseLink } from '../parts/opening';
import { Page, Stage, titled } from '../parts/page';
import { SignForm, useStatus } from '../parts/signing';
import type { ISeen } from '../records';
import { bytes, duration, moment } from '../words';
import { Artifacts } from './artifacts';
import { StateTag } from '../parts/state';

/** One run: live while it goes on, and what it left. */
export function runPanel(governed: Governed, run: string): Panel {
  return titled(governed, <RunView run={run} />, {
    id: `governed-run-${run}`,
    icon: runsIcon,
    label: run
  });
}

const RETRY_MS = 2000;
const MOST_LOG = 400_000;

interface IFollowed {
  seen: ISeen | null;
  log: string;
  problem: IErrorDescription | null;
}

/** Follow a run to its end; when the server goes away, again once it is back. */
function useRun(run: string): IFollowed {
  const governed = useGoverned();
  const { client, place } = governed;
  const [seen, setSeen] = React.useState<ISeen | null>(null);
  const [log, setLog] = React.useState('');
  const [problem, setProblem] = React.useState<IErrorDescription | null>(null);
  React.useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const follow = async (): Promise<void> => {
      let isOver = false;
      setLog('');
      try {
        await client.follow(
          'runs/events',
          { path: place, run },
          event => {
            setProblem(null);
            if (event.name === 'log') {
              const { text } = event.data as { text: string };
              setLog(known => (known + text).slice(-MOST_LOG));
            } else if (event.name === 'state') {
              const state = event.data as ISeen;
              isOver = ['succeeded', 'failed', 'interrupted'].includes(
                state.state.state
              );
              setSeen(state);
            }
          },
          stop.signal
        );
      } catch (error) {
        if (stop.signal.aborted) {
          return;
        }
        const said = described(error);
        setProblem(said);
        isOver = said.error === 'UnknownName';
      }
      if (isOver) {
        governed.tell();
      } else if (!stop.signal.aborted) {
        timer = window.setTimeout(() => void follow(), RETRY_MS);
      }
    };
    void follow();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [client, run]);
  return { seen, log, problem };
}

function RunView(props: { run: string }): React.ReactElement {
  const { trans } = useGoverned();
  const { seen, log, problem } = useRun(props.run);
  const state = seen?.state;
  return (
    <Page
      title={
        <>
          {props.run} {state && <StateTag state={state.state} />}
        </>
      }
      header={state && <ReleaseLink release={state.release} />}
    >
      {problem && <Problem problem={problem} />}
      {!seen && !problem && <Busy>{trans.__('Reading the run’s state…')}</Busy>}
      {seen && <Progress seen={seen} />}
      {seen && <Outcome seen={seen} />}
      {seen && <Acting seen={seen} />}
      <Stage title={trans.__('Log')}>
        <Log text={log} />
      </Stage>
      {seen && <Executed run={props.run} state={seen.state.state} />}
    </Page>
  );
}

function Progress(props: { seen: ISeen }): React.ReactElement {
  const { trans } = useGoverned();
  const { state, seconds, memory, gpu_memory, parameters } = props.seen;
  const { cell, cells, heading } = state.progress;
  const isOver = state.ended_at !== null;
  const said = cells
    ? trans.__('cell %1 of %2 %3', cell, cells, heading)
    : trans.__('getting ready');
  return (
    <section className="gn-Stage" aria-label={trans.__('Progress')}>
      {!isOver && (
        <>
          <progress
            max={cells || 1}
            value={cells ? cell - 1 : undefined}
            aria-label={said}
          />
          <p role="status">{said}</p>
        </>
      )}
      <dl className="gn-Facts">
        <dt>{trans.__('Started')}</dt>
        <dd>{trans.__('%1 by %2', moment(state.started_at), state.person)}</dd>
        <dt>{trans.__('Time')}</dt>
        <dd className="gn-mod-number">{duration(seconds)}</dd>
        {!isOver && (
          <>
            <dt>{trans.__('Memory')}</dt>
            <dd className="gn-mod-number">{bytes(memory)}</dd>
            <dt>{trans.__('GPU memory')}</dt>
            <dd className="gn-mod-number">
              {gpu_memory === null
                ? trans.__('no GPU here')
                : bytes(gpu_memory)}
            </dd>
          </>
        )}
        {Object.entries(parameters).map(([name, value]) => (
          <React.Fragment key={name}>
            <dt>
              <code>{name}</code>
            </dt>
            <dd>{String(value)}</dd>
          </React.Fragment>
        ))}
      </dl>
    </section>
  );
}

function Outcome(props: { seen: ISeen }): React.ReactElement | null {
  const { trans } = useGoverned();
  const { state } = props.seen;
  if (state.state === 'failed' || state.state === 'interrupted') {
    const { what, why, next } = state.error;
    return (
      <Problem
        problem={{
          error: state.state,
          what: what ?? trans.__('The run did not finish'),
          why: why ?? '',
          next: next ?? ''
        }}
      />
    );
  }
  if (state.state !== 'succeeded') {
    return null;
  }
  return (
    <Stage title={trans.__('Artifacts')}>
      <Artifacts artifacts={state.artifacts} />
    </Stage>
  );
}

/** Stop it while it goes on; validate it when it succeeded. */
function Acting(props: { seen: ISeen }): React.ReactElement | null {
  const { trans } = useGoverned();
  const { state } = props.seen;
  if (state.ended_at === null) {
    return <Stop run={state.run_id} />;
  }
  if (state.kind === 'validation' && state.state === 'succeeded') {
    return (
      <p>
        <Opens
          command={Commands.evaluation}
          args={{ validation: state.run_id }}
        >
          {trans.__('See what the suite said')}
        </Opens>
      </p>
    );
  }
  return state.state === 'succeeded' && state.kind === 'release' ? (
    <Validate run={state.run_id} />
  ) : null;
}

/** Who stops a run says who they are: code in a kernel can't. */
function Stop(props: { run: string }): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const status = useStatus();
  return (
    <details className="gn-Stop">
      <summary>{trans.__('Stop the run…')}</summary>
      <SignForm
        status={status}
        kind="warn"
        button={trans.__('Stop the run')}
        sign={async signed => {
          await client.post('runs/cancel', {
            ...signed,
            path: place,
            run: props.run
          });
        }}
      />
    </details>
  );
}

function Validate(props: { run: string }): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place, app } = governed;
  const status = useStatus();
  return (
    <Stage title={trans.__('Validate')}>
      <p>
        {trans.__(
          'Runs the release’s suite over what this run made, on the locked holdout.'
        )}
      </p>
      <SignForm
        status={status}
        button={trans.__('Validate this run')}
        sign={async (signed, onStep) => {
          const { run } = await client.job<{ run: string }>(
            'validations',
            { ...signed, path: place, run: props.run },
            onStep
          );
          governed.tell();
          await app.commands.execute(Commands.run, { run });
        }}
      />
    </Stage>
  );
}

/** The end of the log stays in view, unless the reader has scrolled up. */
function Log(props: { text: string }): React.ReactElement {
  const { trans } = useGoverned();
  const box = React.useRef<HTMLPreElement>(null);
  const isAtEnd = React.useRef(true);
  React.useEffect(() => {
    if (box.current && isAtEnd.current) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [props.text]);
  return (
    <pre
      ref={box}
      className="gn-Log"
      tabIndex={0}
      role="log"
      aria-label={trans.__('Log of the run')}
      onScroll={event => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < 40;
      }}
    >
      {props.text || trans.__('nothing yet')}
    </pre>
  );
}

/** The executed notebook, without scripts: nothing in it can act on this page. */
function Executed(props: { run: string; state: string }): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const [html, setHtml] = React.useState('');
  const work = useWork();
  return (
    <section className="gn-Stage" aria-label={trans.__('Executed notebook')}>
      <Button
        onClick={() =>
          work.start(async () => {
            const isDark = document.body.dataset.jpThemeLight === 'false';
            const theme = isDark ? 'dark' : 'light';
            const query = { path: place, run: props.run, theme };
            setHtml(
              (await client.get<{ html: string }>('runs/notebook', query)).html
            );
          })
        }
      >
        {trans.__('Show the executed notebook')}
      </Button>
      {work.problem && <Problem problem={work.problem} />}
      {html && (
        <iframe
          className="gn-Executed"
          sandbox=""
          srcDoc={html}
          title={trans.__('Executed notebook of %1', props.run)}
        />
      )}
    </section>
  );
}
