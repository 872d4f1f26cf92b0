import * as React from 'react';

import type { Governed } from '../governed';
import { runsIcon } from '../icons';
import { Button, Empty, Panel, useGoverned } from '../parts';
import { ReleaseLink, RunLink } from '../parts/opening';
import { Page, titled } from '../parts/page';
import { Table } from '../parts/table';
import { Paged, SearchField, usePaged } from '../parts/paged';
import type { IPage, IRun } from '../records';
import { duration, moment } from '../words';
import { Compared } from './compared';
import { StateTag } from '../parts/state';
import { label } from '../labels';

/** Every run of the workspace, the newest first; two of them side by side. */
export function runsPanel(governed: Governed): Panel {
  return titled(governed, <RunsView />, {
    id: 'governed-runs',
    icon: runsIcon,
    label: governed.trans.__('Runs')
  });
}

function RunsView(): React.ReactElement {
  const { trans } = useGoverned();
  const [chosen, setChosen] = React.useState<IRun[]>([]);
  const paged = usePaged<IPage<IRun>>('runs');
  const pick = (run: IRun, isOn: boolean): void => {
    const others = chosen.filter(other => other.run !== run.run);
    setChosen(isOn ? [...others, run].slice(-2) : others);
  };
  const [older, newer] = [...chosen].sort((a, b) =>
    a.started_at.localeCompare(b.started_at)
  );
  return (
    <Page
      title={trans.__('Runs')}
      header={
        <>
          <SearchField paged={paged} />
          <Button onClick={paged.answer.again}>{trans.__('Refresh')}</Button>
        </>
      }
    >
      <Paged paged={paged}>
        {page =>
          page.all ? (
            <>
              {newer ? (
                <Compared first={older.run} second={newer.run} />
              ) : (
                page.all > 1 && (
                  <p>{trans.__('Choose two runs to compare them.')}</p>
                )
              )}
              <List
                rows={page.rows}
                chosen={chosen.map(run => run.run)}
                pick={pick}
              />
            </>
          ) : (
            <Empty title={trans.__('No run yet')}>
              <p>
                {trans.__('Open an approved release and press “Run release”.')}
              </p>
            </Empty>
          )
        }
      </Paged>
    </Page>
  );
}

function List(props: {
  rows: IRun[];
  chosen: string[];
  pick: (run: IRun, isOn: boolean) => void;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { rows, chosen, pick } = props;
  return (
    <Table
      none={trans.__('None is like this.')}
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
              onChange={event => pick(run, event.target.checked)}
            />
          )
        },
        { title: trans.__('Run'), cell: run => <RunLink run={run.run} /> },
        {
          title: trans.__('Release'),
          cell: run => <ReleaseLink release={run.release} />
        },
        { title: trans.__('Kind'), cell: run => label(run.kind, trans) },
        {
          title: trans.__('State'),
          cell: run => <StateTag state={run.state} />,
          hint: run => run.error
        },
        {
          title: trans.__('Started'),
          cell: run => moment(run.started_at),
          isTime: true
        },
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
