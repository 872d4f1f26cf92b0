import * as React from 'react';

import { Busy, ClassTag, Problem, Tag, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import type {
  IAccess,
  ICellEvidence,
  ICellRecord,
  IPolicyReason
} from '../records';
import { bytes } from '../words';
import { label } from '../labels';

/** Everything that one execution of a cell did. */
export function CellDetail(props: {
  path: string;
  session: string;
  evidence: ICellEvidence;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans } = governed;
  const { path, session } = props;
  const { cell_id, execution } = props.evidence;
  const answer = useAnswer(
    () =>
      governed.client.get<ICellRecord>('session/cell', {
        path,
        session,
        cell_id,
        execution
      }),
    [path, session, cell_id, execution]
  );
  if (answer.problem) {
    return <Problem problem={answer.problem} retry={answer.again} />;
  }
  if (!answer.value) {
    return <Busy>{trans.__('Reading the record…')}</Busy>;
  }
  const { accesses, transformations, policies } = answer.value;
  const denied = accesses.filter(access => access.decision === 'denied');
  return (
    <>
      {denied.map((access, at) => (
        <Denied key={at} access={access} policies={policies} />
      ))}
      {accesses.length > 0 && (
        <table className="gn-Table">
          <caption>{trans.__('Accesses')}</caption>
          <thead>
            <tr>
              <th scope="col">{trans.__('What')}</th>
              <th scope="col">{trans.__('Where')}</th>
              <th scope="col">{trans.__('Class')}</th>
              <th scope="col">{trans.__('Size')}</th>
              <th scope="col">{trans.__('Seen by')}</th>
              <th scope="col">{trans.__('Evidence')}</th>
            </tr>
          </thead>
          <tbody>
            {accesses.map((access, at) => (
              <tr key={at}>
                <td>{label(access.operation, trans)}</td>
                <td title={access.uri}>{access.name}</td>
                <td>
                  {access.data_class && <ClassTag name={access.data_class} />}
                </td>
                <td className="gn-mod-number">
                  {access.bytes === null ? '' : bytes(access.bytes)}
                </td>
                <td>{access.via}</td>
                <td>
                  {access.decision === 'denied' ? (
                    <Tag tone="bad">{trans.__('denied')}</Tag>
                  ) : (
                    <Tag
                      tone={
                        access.evidence === 'unexplained'
                          ? 'attention'
                          : 'plain'
                      }
                    >
                      {label(access.evidence, trans)}
                    </Tag>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {transformations.length > 0 && (
        <table className="gn-Table">
          <caption>{trans.__('Transformations')}</caption>
          <thead>
            <tr>
              <th scope="col">{trans.__('Operation')}</th>
              <th scope="col">{trans.__('Library')}</th>
              <th scope="col">{trans.__('Rows')}</th>
              <th scope="col">{trans.__('Column edges')}</th>
            </tr>
          </thead>
          <tbody>
            {transformations.map(made => (
              <tr key={made.transformation_id}>
                <td>{made.operation}</td>
                <td>{made.library}</td>
                <td className="gn-mod-number">{`${made.rows_in ?? '?'} → ${made.rows_out ?? '?'}`}</td>
                <td className="gn-mod-number">{made.columns}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

/** Why an access was denied, and what to do. */
function Denied(props: {
  access: IAccess;
  policies: Record<string, IPolicyReason>;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { access, policies } = props;
  return (
    <div className="gn-Denied" role="note">
      <strong>
        {trans.__(
          'Denied: %1 of %2',
          label(access.operation, trans),
          access.name
        )}
      </strong>
      {access.policies.map(name => (
        <dl key={name}>
          <dt>{trans.__('Policy')}</dt>
          <dd>
            <code>{name}</code>{' '}
            {policies[name]?.file && <small>{policies[name].file}</small>}
          </dd>
          {policies[name]?.reason && (
            <>
              <dt>{trans.__('Reason')}</dt>
              <dd>{policies[name].reason}</dd>
            </>
          )}
          {policies[name]?.advice && (
            <>
              <dt>{trans.__('What to do')}</dt>
              <dd>{policies[name].advice}</dd>
            </>
          )}
        </dl>
      ))}
    </div>
  );
}
