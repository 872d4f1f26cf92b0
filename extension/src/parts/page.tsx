/** What every panel of the main area begins with. */

import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Governed } from '../governed';
import type { IAnswer } from './asking';
import { Beginning } from './beginning';
import { Busy, Panel, Problem, useGoverned } from './index';
import { useStatus } from './signing';

/** A panel with its title. */
export function titled(
  governed: Governed,
  body: React.ReactElement,
  title: { id: string; label: string; icon: LabIcon; caption?: string }
): Panel {
  const panel = new Panel(governed, body);
  panel.id = title.id;
  panel.title.icon = title.icon;
  panel.title.label = title.label;
  panel.title.caption = title.caption ?? title.label;
  panel.title.closable = true;
  return panel;
}

/** A page: its heading, what stands beside it, and the rest below; or how to begin. */
export function Page(props: {
  title: React.ReactNode;
  header?: React.ReactNode;
  children: React.ReactNode;
}): React.ReactElement {
  const status = useStatus();
  const isNowhere = status !== null && !status.workspace?.governed;
  return (
    <article className="gn-Page">
      <header className="gn-Page-header">
        <h1 tabIndex={-1}>{props.title}</h1>
        {!isNowhere && props.header}
      </header>
      {isNowhere ? <Beginning status={status} /> : props.children}
    </article>
  );
}

/** What the server answers, once it is there; until then that it is asked, or why it failed. */
export function Answered<T>(props: {
  answer: IAnswer<T>;
  busy?: string;
  children: (value: T) => React.ReactNode;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { value, problem, isBusy, again } = props.answer;
  return (
    <>
      {problem && <Problem problem={problem} retry={again} />}
      {value === null && isBusy && (
        <Busy>{props.busy ?? trans.__('Reading the ledger…')}</Busy>
      )}
      {value !== null && props.children(value)}
    </>
  );
}

/** A part of a page under its own heading. */
export function Stage(props: {
  title: string;
  children: React.ReactNode;
}): React.ReactElement {
  return (
    <section className="gn-Stage" aria-label={props.title}>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}
