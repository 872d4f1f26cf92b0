import { ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';

import { Commands } from '../commands';
import { Governed } from '../governed';
import type { SessionModel } from '../session';
import { Badge } from './badge';

/** The badge of the notebook that has the focus, in the status bar. */
export class StatusBadge extends ReactWidget {
  constructor(private _governed: Governed) {
    super();
    this.addClass('gn-StatusBadge');
    _governed.notebooks.currentChanged.connect(this._follow, this);
    this._follow();
  }

  protected override render(): React.ReactElement {
    const { app, trans } = this._governed;
    return (
      <Badge
        model={this._model}
        trans={trans}
        onClick={() => void app.commands.execute(Commands.session)}
      />
    );
  }

  private _follow(): void {
    this._model?.changed.disconnect(this.update, this);
    this._model = this._governed.session;
    this._model?.changed.connect(this.update, this);
    this.update();
  }

  private _model: SessionModel | null = null;
}
