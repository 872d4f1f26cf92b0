import { Panel, PanelLayout } from '@lumino/widgets';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { lineageIcon } from '../icons';

/** The right sidebar's lineage; its code is loaded when it is first shown. */
export function addLineage(governed: Governed): void {
  const { app, trans } = governed;
  const side = new Side(governed);
  app.shell.add(side, 'right', { rank: 501 });
  app.commands.addCommand(Commands.lineageSide, {
    label: trans.__('Show Lineage of This Notebook'),
    caption: trans.__(
      'What the notebook in focus reads, makes and writes, live'
    ),
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => app.shell.activateById(side.id)
  });
}

class Side extends Panel {
  constructor(private _governed: Governed) {
    super({ layout: new PanelLayout({ fitPolicy: 'set-no-constraint' }) });
    this.id = 'governed-lineage';
    this.title.icon = lineageIcon;
    this.title.caption = _governed.trans.__('Lineage');
    this.addClass('gn-Lineage-side');
  }

  protected override onAfterShow(): void {
    if (!this._loading) {
      this._loading = import('./panel').then(({ lineageSidebar }) => {
        this.addWidget(lineageSidebar(this._governed));
      });
    }
  }

  private _loading: Promise<void> | null = null;
}
