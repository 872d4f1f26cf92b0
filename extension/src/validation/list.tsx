import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { validationIcon } from '../icons';
import { Empty, Panel, Tag, useGoverned } from '../parts';
import { Opens, ReleaseLink, RunLink } from '../parts/opening';
import { Page, titled } from '../parts/page';
import { Table } from '../parts/table';
import { Paged, SearchField, usePaged } from '../parts/paged';
import type { IEvaluationSummary, IPage } from '../records';
import { moment } from '../words';

/** Every validation of the workspace, the newest first. */
export function validationPanel(governed: Governed): Panel {
  return titled(governed, <ValidationView />, {
    id: 'governed-validation',
    icon: validationIcon,
    label: governed.trans.__('Validation')
  });
}

function ValidationView(): React.ReactElement {
  const { trans } = useGoverned();
  const paged = usePaged<IPage<IEvaluationSummary>>('evaluations');
  return (
    <Page title={trans.__('Validation')} header={<SearchField paged={paged} />}>
      <Paged paged={paged}>
        {page =>
          page.all ? (
            <List rows={page.rows} />
          ) : (
            <Empty title={trans.__('No run was validated yet')}>
              <p>
                {trans.__(
                  'Open a run that succeeded and press “Validate this run”.'
                )}
              </p>
            </Empty>
          )
        }
      </Paged>
    </Page>
  );
}

function List(props: { rows: IEvaluationSummary[] }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Table
      none={trans.__('None is like this.')}
      label={trans.__('Validation')}
      rows={props.rows}
      keyOf={row => row.validation}
      classOf={row => (row.counts ? '' : 'gn-mod-dismissed')}
      columns={[
        { title: trans.__('Outcome'), cell: row => <Outcome of={row} /> },
        {
          title: trans.__('Suite'),
          cell: row => (
            <Opens
              command={Commands.evaluation}
              args={{ validation: row.validation }}
            >
              {row.suite}
            </Opens>
          )
        },
        { title: trans.__('Run'), cell: row => <RunLink run={row.run} /> },
        {
          title: trans.__('Release'),
          cell: row => <ReleaseLink release={row.release} />
        },
        {
          title: trans.__('Cases'),
          cell: row =>
            row.failed
              ? trans.__('%1 of %2 failed', row.failed, row.cases)
              : row.cases,
          isNumber: true
        },
        { title: trans.__('Person'), cell: row => row.person },
        {
          title: trans.__('When'),
          cell: row => moment(row.at),
          isTime: true
        }
      ]}
    />
  );
}

/** Passed, failed, or failed and accepted; and whether a later one decides. */
export function Outcome(props: { of: IEvaluationSummary }): React.ReactElement {
  const { trans } = useGoverned();
  const { passed, passes_now, counts } = props.of;
  return (
    <>
      {passed && <Tag tone="good">{trans.__('passed')}</Tag>}
      {!passed && passes_now && (
        <Tag tone="attention">{trans.__('failed, risk accepted')}</Tag>
      )}
      {!passed && !passes_now && <Tag tone="bad">{trans.__('failed')}</Tag>}
      {!counts && (
        <>
          {' '}
          <Tag>{trans.__('a later one decides')}</Tag>
        </>
      )}
    </>
  );
}
