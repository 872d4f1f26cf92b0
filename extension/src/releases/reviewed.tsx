import * as React from 'react';

import { Retention } from '../catalog/list';
import { ClassTag, Digest, Tag, useGoverned } from '../parts';
import { Difference } from '../parts/difference';
import { VersionLink } from '../parts/opening';
import { Parameters } from '../parts/parameters';
import { Table } from '../parts/table';
import type { IReview, IReviewedInput } from '../records';
import { learning } from '../words';
import { Artifacts } from '../runs/artifacts';
import { Cases } from '../validation/panel';
import { label, labels } from '../labels';

/** Everything behind a signature, as it was verified a moment ago. */
export function Reviewed(props: { review: IReview }): React.ReactElement {
  const { trans } = useGoverned();
  const { facts, comparisons } = props.review;
  return (
    <div className="gn-Reviewed">
      <h3>{trans.__('Notebook')}</h3>
      <p>
        {trans.__(
          '%1, promoted from %2 (%3)',
          facts.notebook.path,
          facts.notebook.origin,
          facts.notebook.origin_now
        )}
        {' · '}
        {trans.__(
          'session %1 ran these %2 cells',
          facts.session.session_id,
          facts.session.cells
        )}
      </p>
      {facts.findings.map((finding, at) => (
        <p key={at}>
          <Tag tone={finding.severity === 'note' ? 'plain' : 'attention'}>
            {label(finding.severity, trans)}
          </Tag>{' '}
          {finding.what}
        </p>
      ))}
      <Difference comparisons={comparisons} />
      <h3>{trans.__('Inputs')}</h3>
      <Inputs inputs={facts.inputs} />
      {facts.suites.map(suite => (
        <React.Fragment key={suite.path}>
          <h3>{trans.__('Suite %1', suite.path)}</h3>
          <Inputs inputs={suite.inputs} />
        </React.Fragment>
      ))}
      <h3>{trans.__('Parameters')}</h3>
      <Parameters parameters={facts.parameters} />
      <Environment review={props.review} />
      {facts.run && <RunEvidence review={props.review} />}
    </div>
  );
}

function Inputs(props: { inputs: IReviewedInput[] }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Table
      label={trans.__('Inputs')}
      rows={props.inputs}
      keyOf={item => item.name}
      columns={[
        {
          title: trans.__('Version'),
          cell: item => (
            <>
              <VersionLink name={item.name} />{' '}
              {item.kind === 'model' && <Tag>{trans.__('base model')}</Tag>}
              {item.may_learn?.map(said => (
                <p key={said.at}>{learning(said, trans)}</p>
              ))}
            </>
          )
        },
        {
          title: trans.__('Class'),
          cell: item => <ClassTag name={item.data_class} />
        },
        {
          title: trans.__('State'),
          cell: item => (
            <Tag tone={item.state === 'approved' ? 'good' : 'attention'}>
              {label(item.state, trans)}
            </Tag>
          ),
          hint: item => item.restriction
        },
        { title: trans.__('For'), cell: item => labels(item.purposes, trans) },
        {
          title: trans.__('Rows'),
          cell: item => (item.rows >= 0 ? item.rows : ''),
          isNumber: true
        },
        { title: trans.__('Owner'), cell: item => item.owner },
        {
          title: trans.__('Keep until'),
          cell: item => (
            <Retention
              until={item.retention_until}
              isOver={item.retention_over}
            />
          )
        },
        {
          title: trans.__('SHA-256'),
          cell: item => <Digest value={item.sha256} />
        }
      ]}
    />
  );
}

function Environment(props: { review: IReview }): React.ReactElement {
  const { trans } = useGoverned();
  const { environment, policy, code, tolerance } = props.review.facts;
  const main = Object.entries(environment.main).map(
    ([name, version]) => `${name} ${version}`
  );
  return (
    <>
      <h3>{trans.__('Environment')}</h3>
      <dl className="gn-Facts">
        <dt>{trans.__('Lock')}</dt>
        <dd>
          <Digest value={environment.sha256} whole />
        </dd>
        <dt>{trans.__('Interpreter')}</dt>
        <dd>
          {trans.__(
            'Python %1 on %2',
            environment.python,
            environment.platform
          )}
        </dd>
        <dt>{trans.__('Distributions')}</dt>
        <dd>{`${environment.distributions}: ${main.join(', ')}`}</dd>
        {environment.editable.length > 0 && (
          <>
            <dt>{trans.__('From folders')}</dt>
            <dd>
              <Tag tone="attention">{environment.editable.join(', ')}</Tag>
            </dd>
          </>
        )}
        <dt>{trans.__('Modules')}</dt>
        <dd>
          {code
            .map(file => `${file.path} (${label(file.change, trans)})`)
            .join(', ') || trans.__('none')}
        </dd>
        <dt>{trans.__('Tolerance')}</dt>
        <dd>
          {Object.entries(tolerance)
            .map(([name, value]) => `${name} ${value}`)
            .join(', ')}
        </dd>
        <dt>{trans.__('Policy')}</dt>
        <dd>
          <Digest value={policy.sha256} />{' '}
          <Tag tone={policy.in_force ? 'good' : 'bad'}>
            {policy.in_force
              ? trans.__('in force')
              : trans.__('not the one in force')}
          </Tag>
        </dd>
      </dl>
    </>
  );
}

/** For deployment: what the run left, and what its suites said; failing cases first. */
function RunEvidence(props: { review: IReview }): React.ReactElement {
  const { trans } = useGoverned();
  const { artifacts, validation, cases } = props.review.facts;
  return (
    <>
      <h3>{trans.__('Artifacts of %1', props.review.run)}</h3>
      <Artifacts artifacts={artifacts ?? []} />
      {(validation ?? []).map(item => (
        <p key={item.run_id}>
          <Tag tone={item.passed ? 'good' : 'bad'}>
            {item.passed ? trans.__('passed') : trans.__('failed')}
          </Tag>{' '}
          {trans.__(
            '%1 over %2 records of %3',
            item.suite,
            item.records,
            item.dataset
          )}
        </p>
      ))}
      <h3>{trans.__('Cases')}</h3>
      <Cases cases={cases ?? []} label={trans.__('Cases')} />
    </>
  );
}
