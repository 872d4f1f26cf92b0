import * as React from 'react';

import { useGoverned } from '../parts';
import { Stage } from '../parts/page';

/** How often each true class was taken for which; deeper means a larger share of its row. */
export function Confusion(props: {
  classes: string[];
  counts: number[][];
}): React.ReactElement {
  const { trans } = useGoverned();
  const { classes, counts } = props;
  return (
    <Stage title={trans.__('Confusion matrix')}>
      <table className="gn-Confusion">
        <caption>{trans.__('Rows: true class. Columns: predicted.')}</caption>
        <thead>
          <tr>
            <td />
            {classes.map(name => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {counts.map((row, at) => (
            <tr key={classes[at]}>
              <th scope="row">{classes[at]}</th>
              {row.map((count, predicted) => (
                <td
                  key={predicted}
                  className={at === predicted ? 'gn-mod-right' : 'gn-mod-wrong'}
                  style={shade(count, row)}
                  title={trans.__(
                    '%1 of %2 taken for %3',
                    count,
                    total(row),
                    classes[predicted]
                  )}
                >
                  {count}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Stage>
  );
}

function total(row: number[]): number {
  return row.reduce((sum, count) => sum + count, 0);
}

function shade(count: number, row: number[]): React.CSSProperties {
  const share = total(row) ? Math.round((60 * count) / total(row)) : 0;
  return { '--gn-share': `${share}%` } as React.CSSProperties;
}
