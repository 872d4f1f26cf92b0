import { ReactWidget } from '@jupyterlab/apputils';
import type { CommandRegistry } from '@lumino/commands';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Commands } from '../commands';
import { kernelName, SessionModel } from '../session';
import {
  completeness,
  explained,
  Health,
  health,
  isCutOff,
  recorder
} from '../words';

const TONES: Record<Health, string> = {
  good: 'good',
  attention: 'attention',
  bad: 'bad',
  none: 'plain'
};

/** Mode, completeness and what needs attention, in the toolbar of each governed notebook. */
export class ModeBadge extends ReactWidget {
  constructor(
    private _model: SessionModel,
    private _commands: CommandRegistry,
    private _trans: TranslationBundle
  ) {
    super();
    this.addClass('gn-ModeBadge');
    _model.changed.connect(this.update, this);
    _model.panel.sessionContext.kernelChanged.connect(
      () => this.update(),
      this
    );
  }

  protected override render(): React.ReactElement {
    return (
      <Badge
        model={this._model}
        trans={this._trans}
        onClick={() => void this._commands.execute(Commands.session)}
      />
    );
  }
}

/** The badge itself: text and colour, and all of it in words for screen readers. */
export function Badge(props: {
  model: SessionModel | null;
  trans: TranslationBundle;
  onClick: () => void;
}): React.ReactElement {
  const { model, trans } = props;
  const session = model?.session ?? null;
  if (!model || !model.isGoverned) {
    return (
      <button
        type="button"
        className="gn-Badge gn-tone-plain"
        title={trans.__(
          'This kernel records nothing. Choose “Governed Python (Research)”.'
        )}
        onClick={props.onClick}
      >
        {trans.__('Not governed')}
      </button>
    );
  }
  const isRelease =
    kernelName(model.panel.sessionContext) === 'governed-release';
  const mode = isRelease ? trans.__('Release') : trans.__('Research');
  const said = model.problem
    ? model.problem.what
    : session
      ? isRelease && !session.session
        ? trans.__('read-only')
        : completeness(session, trans)
      : trans.__('starting');
  const denied = session?.session?.denied ?? 0;
  const recording = session ? recorder(session, trans) : '';
  const needs = [
    denied ? trans._n('%1 denied', '%1 denied', denied) : '',
    session && isCutOff(session) ? recording : ''
  ].filter(Boolean);
  const whole = [...new Set([mode, said, ...needs, recording])].filter(Boolean);
  const tone = model.problem ? 'bad' : TONES[health(session)];
  return (
    <button
      type="button"
      className={`gn-Badge gn-tone-${tone}`}
      title={whole.join(' · ')}
      aria-label={trans.__('Governed session: %1', whole.join(', '))}
      onClick={props.onClick}
    >
      <span
        className={`gn-Dot${session?.recording ? ' gn-mod-live' : ''}`}
        aria-hidden="true"
      />
      <b>{mode}</b>
      <span className="gn-Badge-said">{said}</span>
      {/* where the toolbar has no place for the sentence */}
      <span className="gn-Badge-short">{session && explained(session)}</span>
      {needs.map(text => (
        <span key={text} className="gn-Badge-needs">
          {text}
        </span>
      ))}
    </button>
  );
}
