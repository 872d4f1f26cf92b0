import * as React from 'react';

import { described, IErrorDescription } from '../api';
import { Commands } from '../commands';
import type { Governed } from '../governed';
import { runsIcon } from '../icons';
import { Busy, Button, Panel, Problem, Tag, useGoverned } from '../parts';
import { useWork } from '../parts/asking';
import { SignForm, useStatus } from '../parts/signing';
import type { ISeen } from '../records';
import { toneOf } from '../releases/states';
import { bytes, duration, moment } from '../words';

/** One run: live while it goes on, and what it left. */
export function runPanel(governed: Governed, run: string): Panel {
  const panel = new Panel(governed, <RunView run={run} />);
  panel.id = `governed-run-${run}`;
  panel.title.icon = runsIcon;
  panel.title.label = run;
  panel.title.closable = true;
  return panel;
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
  const governed = useGoverned();
  const { trans, app } = governed;
  const { seen, log, problem } = useRun(props.run);
  const state = seen?.state;
  return (
    <article className="gn-Page">
      <header className="gn-Page-header">
        <h1>
          {props.run}{' '}
          {state && <Tag tone={toneOf(state.state)}>{state.state}</Tag>}
        </h1>
        {state && (
          <Button
            kind="link"
            onClick={() =>
              void app.commands.execute(Commands.release, {
                release: state.release
              })
            }
          >
            {state.release}
          </Button>
        )}
      </header>
      {problem && <Problem problem={problem} />}
      {!seen && !problem && <Busy>{trans.__('Reading the run’s state…')}</Busy>}
      {seen && <Progress seen={seen} />}
      {seen && <Outcome seen={seen} />}
      {seen && <Acting seen={seen} />}
      <section className="gn-Stage" aria-label={trans.__('Log')}>
        <h2>{trans.__('Log')}</h2>
        <Log text={log} />
      </section>
      {seen && <Executed run={props.run} state={seen.state.state} />}
    </article>
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
    <section className="gn-Stage" aria-label={trans.__('Artifacts')}>
      <h2>{trans.__('Artifacts')}</h2>
      <table className="gn-Table">
        <tbody>
          {state.artifacts.map(item => (
            <tr key={item.name}>
              <td>{item.name}</td>
              <td>{item.kind}</td>
              <td className="gn-mod-number">{bytes(item.bytes)}</td>
              <td>
                <code title={item.sha256}>{item.sha256.slice(0, 16)}…</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Stop it while it goes on; validate it when it succeeded. */
function Acting(props: { seen: ISeen }): React.ReactElement | null {
  const governed = useGoverned();
  const { trans, client, place, app } = governed;
  const status = useStatus();
  const work = useWork();
  const { state } = props.seen;
  if (state.ended_at === null) {
    return (
      <div className="gn-Actions">
        <Button
          kind="warn"
          disabledBecause={work.isBusy ? trans.__('It is being stopped') : ''}
          onClick={() =>
            work.start(async () => {
              await client.post('runs/cancel', {
                path: place,
                run: state.run_id
              });
            })
          }
        >
          {trans.__('Stop the run')}
        </Button>
        {work.problem && <Problem problem={work.problem} />}
      </div>
    );
  }
  if (state.state !== 'succeeded' || state.kind !== 'release') {
    return null;
  }
  return (
    <section className="gn-Stage" aria-label={trans.__('Validate')}>
      <h2>{trans.__('Validate')}</h2>
      <p>
        {trans.__(
          'Runs the release’s suite over what this run made, on the locked holdout.'
        )}
      </p>
      <SignForm
        status={status}
        button={trans.__('Validate this run')}
        sign={async (signed, onStep) => {
          const body = { ...signed, path: place, run: state.run_id };
          const { run } = await client.job<{ run: string }>(
            'validations',
            body,
            onStep
          );
          governed.tell();
          await app.commands.execute(Commands.run, { run });
        }}
      />
    </section>
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
            const query = { path: place, run: props.run };
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
