import * as React from 'react';

import type { Governed } from '../governed';
import { runsIcon } from '../icons';
import { Button, Empty, Panel, Tag, useChanges, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { ReleaseLink, RunLink } from '../parts/opening';
import { Answered, Page, titled } from '../parts/page';
import { Table } from '../parts/table';
import type { IRun } from '../records';
import { toneOf } from '../releases/states';
import { duration, moment } from '../words';
import { Compared } from './compared';

/** Every run of the workspace, the newest first; two of them side by side. */
export function runsPanel(governed: Governed): Panel {
  return titled(governed, <RunsView />, {
    id: 'governed-runs',
    icon: runsIcon,
    label: governed.trans.__('Runs')
  });
}

function RunsView(): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place } = governed;
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
    <Page
      title={trans.__('Runs')}
      header={<Button onClick={answer.again}>{trans.__('Refresh')}</Button>}
    >
      <Answered answer={answer}>
        {found =>
          found.length ? (
            <>
              {pair.length === 2 ? (
                <Compared first={pair[1].run} second={pair[0].run} />
              ) : (
                found.length > 1 && (
                  <p>{trans.__('Choose two runs to compare them.')}</p>
                )
              )}
              <List rows={found} chosen={chosen} pick={pick} />
            </>
          ) : (
            <Empty title={trans.__('No run yet')}>
              <p>
                {trans.__('Open an approved release and press “Run release”.')}
              </p>
            </Empty>
          )
        }
      </Answered>
    </Page>
  );
}

function List(props: {
  rows: IRun[];
  chosen: string[];
  pick: (run: string, isOn: boolean) => void;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { rows, chosen, pick } = props;
  return (
    <Table
      label={trans.__('Runs')}
      rows={rows}
      keyOf={run => run.run}
      columns={[
        {
          title: trans.__('Compare'),
          cell: run => (
            <input
              type="checkbox"
              aria-label={trans.__('Compare %1', run.run)}
              checked={chosen.includes(run.run)}
              onChange={event => pick(run.run, event.target.checked)}
            />
          )
        },
        { title: trans.__('Run'), cell: run => <RunLink run={run.run} /> },
        {
          title: trans.__('Release'),
          cell: run => <ReleaseLink release={run.release} />
        },
        { title: trans.__('Kind'), cell: run => run.kind },
        {
          title: trans.__('State'),
          cell: run => <Tag tone={toneOf(run.state)}>{run.state}</Tag>,
          hint: run => run.error
        },
        { title: trans.__('Started'), cell: run => moment(run.started_at) },
        {
          title: trans.__('Time'),
          cell: run => (run.seconds === null ? '' : duration(run.seconds)),
          isNumber: true
        },
        { title: trans.__('Person'), cell: run => run.person }
      ]}
    />
  );
}
