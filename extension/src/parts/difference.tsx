import { Widget } from '@lumino/widgets';
import * as React from 'react';

import { described, type IErrorDescription } from '../api';
import type { IChange, IComparison } from '../records';
import { Problem, useGoverned } from './index';
import { label } from '../labels';

/** Two notebooks, and the files beside them, held against each other: cell by cell. */
export function Difference(props: {
  comparisons: IComparison[];
}): React.ReactElement {
  return (
    <>
      {props.comparisons.map((comparison, at) => (
        <section key={comparison.heading} className="gn-Diff">
          <h3>{comparison.heading}</h3>
          <p>{comparison.summary}</p>
          <Changes changes={comparison.changes} isFirst={at === 0} />
        </section>
      ))}
    </>
  );
}

/** What is signed is read once, whole; a further comparison shows what it adds, the rest on demand. */
function Changes(props: {
  changes: IChange[];
  isFirst: boolean;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { changes, isFirst } = props;
  const same = changes.filter(change => change.kind === 'unchanged');
  if (isFirst || !same.length) {
    return (
      <>
        {changes.map(change => (
          <Change key={change.name} change={change} isOpen={change.is_code} />
        ))}
      </>
    );
  }
  return (
    <>
      {changes
        .filter(change => change.kind !== 'unchanged')
        .map(change => (
          <Change key={change.name} change={change} />
        ))}
      <details className="gn-Same">
        <summary>
          {trans._n('%1 unchanged', '%1 unchanged', same.length)}
        </summary>
        {same.map(change => (
          <Change key={change.name} change={change} />
        ))}
      </details>
    </>
  );
}

function Change(props: {
  change: IChange;
  isOpen?: boolean;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { change } = props;
  const title = `${change.name}: ${label(change.kind, trans)}${change.note ? ` (${change.note})` : ''}`;
  const [isOpen, setOpen] = React.useState(
    change.kind !== 'unchanged' || props.isOpen === true
  );
  return (
    <details
      className={`gn-Change gn-mod-${change.kind}`}
      open={isOpen}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>{title}</summary>
      {isOpen && <Texts change={change} />}
    </details>
  );
}

/** What it was and what it is, beside each other; plain where nbdime could not be loaded. */
function Texts(props: { change: IChange }): React.ReactElement {
  const { trans } = useGoverned();
  const { change } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const [problem, setProblem] = React.useState<IErrorDescription | null>(null);
  // taken away before its place is: a widget that is no longer in the page can't be detached
  React.useLayoutEffect(() => {
    let view: Widget | null = null;
    let isThere = true;
    import('./merged')
      .then(({ mergeView }) => {
        if (isThere && host.current) {
          view = mergeView(
            change.kind === 'added' ? null : change.before,
            change.kind === 'removed' ? null : change.after,
            mimetypeOf(change),
            trans.__('Text of %1', change.name)
          );
          Widget.attach(view, host.current);
        }
      })
      .catch(error => isThere && setProblem(described(error)));
    return () => {
      isThere = false;
      view?.dispose();
    };
  }, [change, trans]);
  return (
    <div ref={host} className="nbdime-root jp-Notebook-diff">
      {problem && <Problem problem={problem} />}
    </div>
  );
}

const MIMETYPES: Record<string, string> = {
  py: 'text/x-python',
  toml: 'text/x-toml',
  json: 'application/json',
  md: 'text/markdown'
};

function mimetypeOf(change: IChange): string {
  if (!change.name.startsWith('file ')) {
    return change.is_code ? 'text/x-ipython' : 'text/markdown';
  }
  const ending = change.name.split('.').pop() ?? '';
  return MIMETYPES[ending] ?? 'text/plain';
}
