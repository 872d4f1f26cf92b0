import * as React from 'react';

import { Button, ClassTag, Tag, useGoverned } from '../parts';
import type { GraphModel, IShown } from './model';
import { label } from '../labels';

/** The graph as text: each thing with what comes before and after it. */
export function LineageTable(props: {
  model: GraphModel;
  shown: IShown;
  picked: string;
  pick: (key: string) => void;
  expand: (key: string) => void;
  expanded: ReadonlySet<string>;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { model, shown, pick } = props;
  const before = new Map<string, string[]>();
  const after = new Map<string, string[]>();
  for (const { source, target } of shown.links) {
    before.set(target, [...(before.get(target) ?? []), source]);
    after.set(source, [...(after.get(source) ?? []), target]);
  }
  const names = (keys: string[] | undefined): React.ReactNode => (
    <ul className="gn-Plain">
      {(keys ?? []).map(key => (
        <li key={key}>
          <Button kind="link" onClick={() => pick(key)}>
            {model.nodes.get(key)?.name ?? key}
          </Button>
        </li>
      ))}
    </ul>
  );
  return (
    <div className="gn-Lineage-table">
      <table className="gn-Table gn-mod-wide">
        <caption className="gn-Hidden">
          {trans.__('Lineage as a table')}
        </caption>
        <thead>
          <tr>
            <th scope="col">{trans.__('Thing')}</th>
            <th scope="col">{trans.__('Kind')}</th>
            <th scope="col">{trans.__('Class')}</th>
            <th scope="col">{trans.__('Comes from')}</th>
            <th scope="col">{trans.__('Goes on in')}</th>
            <th scope="col">{trans.__('Hidden')}</th>
          </tr>
        </thead>
        <tbody>
          {shown.nodes.map(node => (
            <tr
              key={node.key}
              aria-selected={node.key === props.picked}
              className={node.isMatch ? 'gn-mod-match' : undefined}
            >
              <th scope="row" title={node.where}>
                <Button kind="link" onClick={() => pick(node.key)}>
                  {node.name}
                </Button>
              </th>
              <td>
                {label(node.kind, trans)}{' '}
                {node.denied && <Tag tone="bad">{trans.__('denied')}</Tag>}
              </td>
              <td>{node.data_class && <ClassTag name={node.data_class} />}</td>
              <td>{names(before.get(node.key))}</td>
              <td>{names(after.get(node.key))}</td>
              <td>
                {(node.hidden > 0 || props.expanded.has(node.key)) && (
                  <Button kind="link" onClick={() => props.expand(node.key)}>
                    {props.expanded.has(node.key)
                      ? trans.__('collapse')
                      : trans.__('show %1', node.hidden)}
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
