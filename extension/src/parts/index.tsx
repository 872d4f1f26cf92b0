/** Small parts that every panel is made of. */

import { Clipboard, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { described, type IErrorDescription } from '../api';
import type { Governed } from '../governed';
import { Returning } from './returning';

/** What the parts and panels work with. */
export const GovernedContext = React.createContext<Governed | null>(null);

/** The product's state, inside of a panel. */
export function useGoverned(): Governed {
  const governed = React.useContext(GovernedContext);
  if (!governed) {
    throw new Error('this part lies outside of a panel');
  }
  return governed;
}

/** Render again whenever person, place or what is on record changes; returns how often. */
export function useChanges(): number {
  const governed = useGoverned();
  const [count, setCount] = React.useState(0);
  React.useEffect(() => {
    const onChange = (): void => setCount(known => known + 1);
    governed.changed.connect(onChange);
    return () => {
      governed.changed.disconnect(onChange);
    };
  }, [governed]);
  return count;
}

/** A panel of the product: a React component with its context. */
export class Panel extends ReactWidget {
  constructor(
    private _governed: Governed,
    private _body: React.ReactElement
  ) {
    super();
    this.addClass('gn-Panel');
  }

  protected override render(): React.ReactElement {
    return (
      <GovernedContext.Provider value={this._governed}>
        <Guard>{this._body}</Guard>
      </GovernedContext.Provider>
    );
  }
}

/** Shows what went wrong in a panel, instead of nothing at all. */
class Guard extends React.Component<
  { children: React.ReactNode },
  { problem: IErrorDescription | null }
> {
  static getDerivedStateFromError(error: unknown): {
    problem: IErrorDescription;
  } {
    return { problem: described(error) };
  }

  override state: { problem: IErrorDescription | null } = { problem: null };

  override render(): React.ReactNode {
    return this.state.problem ? (
      <Problem
        problem={this.state.problem}
        retry={() => this.setState({ problem: null })}
      />
    ) : (
      this.props.children
    );
  }
}

const LONG = 600;

/** An error: what happened, why, and what to do next. */
export function Problem(props: {
  problem: IErrorDescription;
  retry?: () => void;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { what, why, next } = props.problem;
  const told = (
    <div className="gn-Problem" role="alert">
      <strong>{what}</strong>
      {/* a long one scrolls, by keyboard too */}
      {why && <p tabIndex={why.length > LONG ? 0 : undefined}>{why}</p>}
      {next && <p className="gn-Problem-next">{trans.__('Next: %1', next)}</p>}
      {props.retry && (
        <Button onClick={props.retry}>{trans.__('Try again')}</Button>
      )}
    </div>
  );
  return props.retry ? <Returning>{told}</Returning> : told;
}

/** A button; one that is disabled says why, to the mouse and to screen readers. */
export function Button(props: {
  onClick: () => void;
  children: React.ReactNode;
  kind?: 'plain' | 'accept' | 'warn' | 'link';
  disabledBecause?: string;
  label?: string;
  type?: 'button' | 'submit';
}): React.ReactElement {
  const reason = props.disabledBecause ?? '';
  const id = React.useId();
  return (
    <>
      <button
        type={props.type ?? 'button'}
        className={`gn-Button gn-mod-${props.kind ?? 'plain'}`}
        aria-disabled={reason ? true : undefined}
        aria-describedby={reason ? id : undefined}
        aria-label={props.label}
        title={reason || undefined}
        onClick={event => {
          event.preventDefault();
          if (!reason) {
            props.onClick();
          }
        }}
      >
        {props.children}
      </button>
      {reason && (
        <span id={id} className="gn-Button-reason">
          {reason}
        </span>
      )}
    </>
  );
}

/** A word on a coloured ground; the word says it, the colour helps. */
export function Tag(props: {
  children: React.ReactNode;
  tone?: 'good' | 'attention' | 'bad' | 'plain' | 'brand';
  title?: string;
}): React.ReactElement {
  return (
    <span
      className={`gn-Tag gn-tone-${props.tone ?? 'plain'}`}
      title={props.title}
    >
      {props.children}
    </span>
  );
}

/** The theme's colours for telling people apart, `--jp-collaborator-color1` to 7: calm ones first. */
const DISTINCT = [5, 6, 7, 3, 2, 1, 4];

/** A data class; each has a colour of its own, in the order of the workspace's settings. */
export function ClassTag(props: { name: string }): React.ReactElement {
  const at = useGoverned().classes.indexOf(props.name);
  const colour =
    at < 0
      ? 'var(--jp-brand-color1)'
      : `var(--jp-collaborator-color${DISTINCT[at % DISTINCT.length]})`;
  return (
    <span
      className="gn-Tag"
      style={{ '--gn-tone': colour } as React.CSSProperties}
    >
      {props.name}
    </span>
  );
}

/** Something goes on. */
export function Busy(props: { children: React.ReactNode }): React.ReactElement {
  return (
    <p className="gn-Busy" role="status">
      <span className="gn-Spinner" aria-hidden="true" />
      {props.children}
    </p>
  );
}

/** There is nothing here, and what would change that. */
export function Empty(props: {
  title: string;
  children?: React.ReactNode;
}): React.ReactElement {
  return (
    <div className="gn-Empty">
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

const TOLD_MS = 1500;

/** A digest, short or whole; pressing it copies the whole of it. */
export function Digest(props: {
  value: string;
  whole?: boolean;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { value } = props;
  const [isCopied, setCopied] = React.useState(false);
  React.useEffect(() => {
    const timer = window.setTimeout(() => setCopied(false), TOLD_MS);
    return () => window.clearTimeout(timer);
  }, [isCopied]);
  return (
    <button
      type="button"
      className="gn-Digest"
      title={trans.__('%1 (press to copy)', value)}
      onClick={() => {
        Clipboard.copyToSystem(value);
        setCopied(true);
      }}
    >
      {props.whole ? value : `${value.slice(0, 12)}…`}
      {isCopied && <span role="status"> {trans.__('copied')}</span>}
    </button>
  );
}
