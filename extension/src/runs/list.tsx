import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { runsIcon } from '../icons';
import {
  Busy,
  Button,
  Empty,
  Panel,
  Problem,
  Tag,
  useChanges,
  useGoverned
} from '../parts';
import { useAnswer } from '../parts/asking';
import type { IRun } from '../records';
import { toneOf } from '../releases/states';
import { duration, moment } from '../words';
import { Compared } from './compared';

/** Every run of the workspace, the newest first; two of them side by side. */
export function runsPanel(governed: Governed): Panel {
  const panel = new Panel(governed, <RunsView />);
  panel.id = 'governed-runs';
  panel.title.icon = runsIcon;
  panel.title.label = governed.trans.__('Runs');
  panel.title.closable = true;
  return panel;
}

function RunsView(): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place, app } = governed;
  const changes = useChanges();
  const [chosen, setChosen] = React.useState<string[]>([]);
  const answer = useAnswer(
    () => client.get<IRun[]>('runs', { path: place }),
    [place, changes]
  );
  const pick = (run: string, isOn: boolean): void =>
    setChosen(
      isOn ? [...chosen, run].slice(-2) : chosen.filter(other => other !== run)
    );
  const pair = (answer.value ?? []).filter(run => chosen.includes(run.run));
  return (
    <article className="gn-Page">
      <header className="gn-Page-header">
        <h1>{trans.__('Runs')}</h1>
        <Button onClick={answer.again}>{trans.__('Refresh')}</Button>
      </header>
      {answer.problem && (
        <Problem problem={answer.problem} retry={answer.again} />
      )}
      {!answer.value && answer.isBusy && (
        <Busy>{trans.__('Reading the ledger…')}</Busy>
      )}
      {answer.value?.length === 0 && (
        <Empty title={trans.__('No run yet')}>
          <p>{trans.__('Open an approved release and press “Run release”.')}</p>
        </Empty>
      )}
      {pair.length === 2 && <Compared first={pair[1]} second={pair[0]} />}
      {answer.value && answer.value.length > 0 && (
        <table className="gn-Table">
          <thead>
            <tr>
              <th scope="col">{trans.__('Compare')}</th>
              <th scope="col">{trans.__('Run')}</th>
              <th scope="col">{trans.__('Release')}</th>
              <th scope="col">{trans.__('Kind')}</th>
              <th scope="col">{trans.__('State')}</th>
              <th scope="col">{trans.__('Started')}</th>
              <th scope="col">{trans.__('Time')}</th>
              <th scope="col">{trans.__('Person')}</th>
            </tr>
          </thead>
          <tbody>
            {answer.value.map(run => (
              <tr key={run.run}>
                <td>
                  <input
                    type="checkbox"
                    aria-label={trans.__('Compare %1', run.run)}
                    checked={chosen.includes(run.run)}
                    onChange={event => pick(run.run, event.target.checked)}
                  />
                </td>
                <td>
                  <Button
                    kind="link"
                    onClick={() =>
                      void app.commands.execute(Commands.run, { run: run.run })
                    }
                  >
                    {run.run}
                  </Button>
                </td>
                <td>{run.release}</td>
                <td>{run.kind}</td>
                <td title={run.error}>
                  <Tag tone={toneOf(run.state)}>{run.state}</Tag>
                </td>
                <td>{moment(run.started_at)}</td>
                <td className="gn-mod-number">
                  {run.seconds === null ? '' : duration(run.seconds)}
                </td>
                <td>{run.person}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </article>
  );
}
