import * as React from 'react';

import type { IChange, IComparison } from '../records';
import { useGoverned } from './index';
import { linesOf } from './lines';

/** Two notebooks, and the files beside them, held against each other: cell by cell. */
export function Difference(props: {
  comparisons: IComparison[];
}): React.ReactElement {
  return (
    <>
      {props.comparisons.map(comparison => (
        <section key={comparison.heading} className="gn-Diff">
          <h3>{comparison.heading}</h3>
          <p>{comparison.summary}</p>
          {comparison.changes.map(change => (
            <Change key={change.name} change={change} />
          ))}
        </section>
      ))}
    </>
  );
}

function Change(props: { change: IChange }): React.ReactElement {
  const { trans } = useGoverned();
  const { change } = props;
  const title = `${change.name}: ${change.kind}${change.note ? ` (${change.note})` : ''}`;
  const isOpen = change.kind !== 'unchanged';
  return (
    <details className={`gn-Change gn-mod-${change.kind}`} open={isOpen}>
      <summary>{title}</summary>
      <pre tabIndex={0} aria-label={trans.__('Text of %1', change.name)}>
        {linesOf(change.before, change.after).map((line, at) => (
          <span key={at} className={`gn-Line gn-mod-${line.kind}`}>
            {`${line.kind === 'added' ? '+' : line.kind === 'removed' ? '−' : ' '} ${line.text}\n`}
          </span>
        ))}
      </pre>
    </details>
  );
}
