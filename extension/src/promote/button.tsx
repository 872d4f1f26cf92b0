import { ReactWidget } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { promoteIcon } from '../icons';
import { kernelName } from '../session';

/** "Promote" in the toolbar; where it makes no sense it says why. */
export class PromoteButton extends ReactWidget {
  constructor(
    private _governed: Governed,
    private _panel: NotebookPanel
  ) {
    super();
    this.addClass('gn-PromoteButton');
    _panel.sessionContext.kernelChanged.connect(() => this.update(), this);
    _panel.context.model.stateChanged.connect(() => this.update(), this);
  }

  protected override render(): React.ReactElement {
    const { app, trans } = this._governed;
    const reason = this._reason();
    return (
      <button
        type="button"
        className="gn-ToolbarButton"
        aria-disabled={reason ? true : undefined}
        title={
          reason ||
          trans.__('See what stands between this notebook and a release')
        }
        onClick={() => {
          if (!reason) {
            void app.commands.execute(Commands.promote, {
              path: this._panel.context.path
            });
          }
        }}
      >
        <promoteIcon.react tag="span" width="14px" height="14px" />
        {trans.__('Promote')}
        {reason && <span className="gn-Hidden">{reason}</span>}
      </button>
    );
  }

  private _reason(): string {
    const { trans } = this._governed;
    const kernel = kernelName(this._panel.sessionContext);
    if (kernel === 'governed-release') {
      return trans.__('This is a release already');
    }
    if (kernel !== 'governed-research') {
      return trans.__(
        'Choose the kernel “Governed Python (Research)” first: nothing is on record'
      );
    }
    return this._panel.context.model.dirty
      ? trans.__('Save the notebook first')
      : '';
  }
}
