import * as React from 'react';

import type { Governed } from '../governed';
import { validationIcon } from '../icons';
import { Panel, Tag, useChanges, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { ReleaseLink, RunLink, VersionLink } from '../parts/opening';
import { Answered, Page, Stage, titled } from '../parts/page';
import { Table } from '../parts/table';
import type { ICase, IEvaluation, IEvidence } from '../records';
import { figure, moment, type Trans } from '../words';
import { Calibration } from './calibration';
import { Confusion } from './confusion';
import { layersOf, type ILayer } from './layers';
import { Outcome } from './list';
import { Risks } from './risks';
import { label } from '../labels';

/** One validation: what failed comes first. */
export function evaluationPanel(governed: Governed, validation: string): Panel {
  return titled(governed, <EvaluationView validation={validation} />, {
    id: `governed-evaluation-${validation}`,
    icon: validationIcon,
    label: governed.trans.__('Results of %1', validation)
  });
}

function EvaluationView(props: { validation: string }): React.ReactElement {
  const { client, place } = useGoverned();
  const changes = useChanges();
  const answer = useAnswer(
    () =>
      client.get<IEvaluation>('evaluation', {
        path: place,
        validation: props.validation
      }),
    [place, props.validation, changes]
  );
  const title = answer.value ? (
    <>
      {answer.value.suite} <Outcome of={answer.value} />
    </>
  ) : (
    props.validation
  );
  return (
    <Page title={title}>
      <Answered answer={answer}>
        {found => <Evaluated found={found} />}
      </Answered>
    </Page>
  );
}

function Evaluated(props: { found: IEvaluation }): React.ReactElement {
  const { trans } = useGoverned();
  const { found } = props;
  return (
    <>
      <dl className="gn-Facts">
        <dt>{trans.__('Run')}</dt>
        <dd>
          <RunLink run={found.run} />
        </dd>
        <dt>{trans.__('Release')}</dt>
        <dd>
          <ReleaseLink release={found.release} />
        </dd>
        <dt>{trans.__('Carried out')}</dt>
        <dd>
          {trans.__('%1 by %2 as', moment(found.at), found.person)}{' '}
          <RunLink run={found.validation} />
        </dd>
      </dl>
      {found.evidence.map(evidence => (
        <Evidence key={evidence.suite} evidence={evidence} />
      ))}
      <Risks found={found} />
    </>
  );
}

function Evidence(props: { evidence: IEvidence }): React.ReactElement {
  const { trans } = useGoverned();
  const { evidence } = props;
  return (
    <>
      <p>
        {trans.__('On %1 records of', evidence.records)}{' '}
        <VersionLink name={evidence.dataset} />{' '}
        {trans.__('with the base model')}{' '}
        <VersionLink name={evidence.base_model} />
        {evidence.device && ` · ${evidence.device}`}
      </p>
      <Stage title={trans.__('Results by layer')}>
        <Cases cases={evidence.cases} label={trans.__('Results by layer')} />
      </Stage>
      <div className="gn-Columns">
        {evidence.confusion.length > 0 && (
          <Confusion classes={evidence.classes} counts={evidence.confusion} />
        )}
        {evidence.calibration.length > 0 && (
          <Calibration
            bins={evidence.calibration}
            error={evidence.calibration_error}
          />
        )}
      </div>
    </>
  );
}

function layerTitle(name: string, trans: Trans): string {
  const known: Record<string, string> = {
    functional: trans.__('Functional'),
    calibration: trans.__('Calibration of probabilities'),
    scenario: trans.__('Scenarios'),
    'change-surface': trans.__('Change surface')
  };
  return known[name] ?? name;
}

/** Cases by layer; what failed stands above what passed. */
export function Cases(props: {
  cases: ICase[];
  label: string;
}): React.ReactElement {
  const { trans } = useGoverned();
  const layers = layersOf(props.cases);
  return (
    <Table
      label={props.label}
      rows={layers.flatMap(layer => layer.cases)}
      keyOf={item => `${item.layer} ${item.id}`}
      groupOf={item => item.layer}
      groupTitle={name => (
        <Layer layer={layers.find(each => each.name === name)!} />
      )}
      columns={[
        {
          title: trans.__('Case'),
          cell: item => (
            <>
              {item.id}{' '}
              {!item.blocking && <Tag>{trans.__('does not block')}</Tag>}
              <small className="gn-Beside">{beside(item)}</small>
            </>
          ),
          isHead: true
        },
        {
          title: trans.__('Outcome'),
          cell: item => (
            <Tag tone={item.outcome === 'passed' ? 'good' : 'bad'}>
              {label(item.outcome, trans)}
            </Tag>
          )
        },
        {
          title: trans.__('Value'),
          cell: item => (item.outcome === 'error' ? '' : figure(item.value)),
          isNumber: true
        },
        {
          title: trans.__('Asked for'),
          cell: item =>
            `${label(item.comparison, trans)} ${figure(item.threshold)}`,
          isNumber: true
        }
      ]}
    />
  );
}

/** What a case noted; of one that failed also why that matters. */
function beside(item: ICase): string {
  const said = item.outcome === 'passed' ? [item.note] : [item.why, item.note];
  return said.filter(Boolean).join(' · ');
}

function Layer(props: { layer: ILayer }): React.ReactElement {
  const { trans } = useGoverned();
  const { name, failed, cases } = props.layer;
  return (
    <>
      {layerTitle(name, trans)}{' '}
      {failed > 0 ? (
        <Tag tone="bad">
          {trans.__('%1 of %2 failed', failed, cases.length)}
        </Tag>
      ) : (
        <Tag tone="good">
          {trans.__('%1 of %2 passed', cases.length, cases.length)}
        </Tag>
      )}
    </>
  );
}
