import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Commands } from './commands';
import { EvidenceMarks } from './evidence/marks';
import { Governed } from './governed';
import { addLineage } from './lineage/sidebar';
import { addBanner } from './mode/banner';
import { ModeBadge } from './mode/badge';
import { sessionPanel } from './mode/session';
import { StatusBadge } from './mode/statusbar';
import { addViews } from './outputs/view';
import { addPanels, fetchPanels } from './panels';
import { PromoteButton } from './promote/button';
import { addTemplate } from './template';
import { writeIn } from './words';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'governed-notebooks:plugin',
  description: 'Recorded, approved and reproducible notebooks.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [
    ICommandPalette,
    IFileBrowserFactory,
    ILauncher,
    ILayoutRestorer,
    IRenderMimeRegistry,
    ISettingRegistry,
    IStatusBar,
    IToolbarWidgetRegistry,
    ITranslator
  ],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    files: IFileBrowserFactory | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    rendermime: IRenderMimeRegistry | null,
    settings: ISettingRegistry | null,
    statusBar: IStatusBar | null,
    toolbars: IToolbarWidgetRegistry | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('governed_notebooks');
    writeIn(translator?.languageCode ?? '', navigator.languages);
    const governed = new Governed(app, notebooks, trans, files);
    addSession(governed);
    addLineage(governed);
    addTemplate(governed);
    addPanels(governed, palette, restorer);
    addToToolbar(governed, toolbars);
    addViews(rendermime, trans);
    statusBar?.registerStatusItem('governed-notebooks:session', {
      item: new StatusBadge(governed),
      align: 'right',
      rank: 1,
      isActive: () => governed.session !== null,
      activeStateChanged: governed.changed
    });
    notebooks.forEach(panel => void addBanner(governed, panel));
    notebooks.widgetAdded.connect(
      (_, panel) => void addBanner(governed, panel),
      governed
    );
    void addFromSettings(governed, settings, launcher);
    void app.restored.then(() => {
      void governed.status().catch(() => undefined); // and the server reads what it needs
      return fetchPanels();
    });
  }
};

/** The right sidebar, and the command that shows it. */
function addSession(governed: Governed): void {
  const { app, trans } = governed;
  const panel = sessionPanel(governed);
  app.shell.add(panel, 'right', { rank: 500 });
  app.commands.addCommand(Commands.session, {
    label: trans.__('Show Governed Session'),
    caption: trans.__(
      'Completeness, recorder and evidence of the notebook in focus'
    ),
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () => app.shell.activateById(panel.id)
  });
}

/** Cards for a new notebook, and for the lists that people come back to. */
function addToLauncher(governed: Governed, launcher: ILauncher | null): void {
  const category = governed.trans.__('Governed Notebooks');
  const cards = [
    Commands.template,
    Commands.releases,
    Commands.runs,
    Commands.validation,
    Commands.catalog,
    Commands.audit
  ];
  cards.forEach((command, rank) => launcher?.add({ command, category, rank }));
}

function addToToolbar(
  governed: Governed,
  toolbars: IToolbarWidgetRegistry | null
): void {
  const { app, sessions, trans } = governed;
  toolbars?.addFactory<NotebookPanel>(
    'Notebook',
    'governed-mode',
    panel => new ModeBadge(sessions.of(panel), app.commands, trans)
  );
  toolbars?.addFactory<NotebookPanel>(
    'Notebook',
    'governed-promote',
    panel => new PromoteButton(governed, panel)
  );
}

/** Marks below cells and cards in the launcher, unless the person's settings say otherwise. */
async function addFromSettings(
  governed: Governed,
  settings: ISettingRegistry | null,
  launcher: ILauncher | null
): Promise<void> {
  const loaded = await settings?.load(plugin.id).catch(() => null);
  if (loaded?.get('launcher').composite !== false) {
    addToLauncher(governed, launcher);
  }
  if (loaded?.get('marks').composite !== false) {
    const add = (panel: NotebookPanel): void => {
      new EvidenceMarks(governed, panel, governed.sessions.of(panel));
    };
    governed.notebooks.forEach(add);
    governed.notebooks.widgetAdded.connect((_, panel) => add(panel), governed);
  }
}

export default plugin;
