import { ILayoutRestorer } from '@jupyterlab/application';
import {
  ICommandPalette,
  MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import type {
  ReadonlyJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';

import { Commands } from './commands';
import type { LabIcon } from '@jupyterlab/ui-components';

import type { Governed } from './governed';
import {
  auditIcon,
  catalogIcon,
  lineageIcon,
  promoteIcon,
  releasesIcon,
  runsIcon,
  validationIcon
} from './icons';
import type { Panel } from './parts';

/** A page that is never idle fetches them all the same. */
const MOST_BUSY_MS = 2000;

/** The panels' code, each in a file of its own that is fetched once. */
const CODE = {
  lineage: () => import('./lineage/panel'),
  promote: () => import('./promote/panel'),
  releases: () => import('./releases/list'),
  release: () => import('./releases/panel'),
  runs: () => import('./runs/list'),
  start: () => import('./runs/start'),
  run: () => import('./runs/panel'),
  validation: () => import('./validation/list'),
  evaluation: () => import('./validation/panel'),
  audit: () => import('./audit/panel'),
  catalog: () => import('./catalog/list'),
  version: () => import('./catalog/panel'),
  register: () => import('./catalog/register')
};

/** A panel of the main area: the command that opens it, and how it is made. */
interface IPanelKind {
  command: string;
  label: string;
  caption: string;
  icon: LabIcon;
  /** Which arguments tell two panels of a kind apart; they survive a reload. */
  args: string[];
  /** Its code is fetched while the page has nothing else to do, or when it is first opened. */
  make: (args: Record<string, string>) => Promise<Panel>;
  /** Whether it is about one thing that a list names, so that the palette has no use for it. */
  isOneOf?: boolean;
  /** What the arguments are when the palette opens it; null where that makes no sense. */
  fromPalette: (governed: Governed) => Record<string, string> | null;
}

/** Every panel of the main area: a new one is one entry here. */
function kinds(governed: Governed): IPanelKind[] {
  const { trans } = governed;
  return [
    {
      command: Commands.lineage,
      icon: lineageIcon,
      label: trans.__('Open Lineage'),
      caption: trans.__(
        'What a notebook, dataset or release is made of, and what came of it'
      ),
      args: ['target'],
      make: async args =>
        (await CODE.lineage()).lineagePanel(governed, args.target),
      fromPalette: () => ({ target: '' })
    },
    {
      command: Commands.promote,
      icon: promoteIcon,
      label: trans.__('Promote Notebook…'),
      caption: trans.__('See what stands between this notebook and a release'),
      args: ['path'],
      make: async args =>
        (await CODE.promote()).promotePanel(governed, args.path),
      fromPalette: () => (governed.place ? { path: governed.place } : null)
    },
    {
      command: Commands.releases,
      icon: releasesIcon,
      label: trans.__('Open Releases'),
      caption: trans.__(
        'Every release of this workspace, and what waits for you'
      ),
      args: [],
      make: async () => (await CODE.releases()).releasesPanel(governed),
      fromPalette: () => ({})
    },
    {
      command: Commands.release,
      icon: releasesIcon,
      label: trans.__('Open Release'),
      caption: trans.__('One release as a reviewer reads it'),
      args: ['release'],
      make: async args =>
        (await CODE.release()).releasePanel(governed, args.release),
      isOneOf: true,
      fromPalette: () => null
    },
    {
      command: Commands.runs,
      icon: runsIcon,
      label: trans.__('Open Runs'),
      caption: trans.__(
        'Every run of this workspace, and two of them side by side'
      ),
      args: [],
      make: async () => (await CODE.runs()).runsPanel(governed),
      fromPalette: () => ({})
    },
    {
      command: Commands.startRun,
      icon: runsIcon,
      label: trans.__('Run Release'),
      caption: trans.__('Start a run of an approved release'),
      args: ['release'],
      make: async args =>
        (await CODE.start()).startRunPanel(governed, args.release),
      isOneOf: true,
      fromPalette: () => null
    },
    {
      command: Commands.run,
      icon: runsIcon,
      label: trans.__('Open Run'),
      caption: trans.__('One run: live while it goes on, and what it left'),
      args: ['run'],
      make: async args => (await CODE.run()).runPanel(governed, args.run),
      isOneOf: true,
      fromPalette: () => null
    },
    ...evidenceKinds(governed),
    ...catalogKinds(governed)
  ];
}

/** Validation and audit. */
function evidenceKinds(governed: Governed): IPanelKind[] {
  const { trans } = governed;
  return [
    {
      command: Commands.validation,
      icon: validationIcon,
      label: trans.__('Open Validation'),
      caption: trans.__('What suites said of runs, and accepted risks'),
      args: [],
      make: async () => (await CODE.validation()).validationPanel(governed),
      fromPalette: () => ({})
    },
    {
      command: Commands.evaluation,
      icon: validationIcon,
      label: trans.__('Open Validation of Run'),
      caption: trans.__('One validation: what failed comes first'),
      args: ['validation'],
      make: async args =>
        (await CODE.evaluation()).evaluationPanel(governed, args.validation),
      isOneOf: true,
      fromPalette: () => null
    },
    {
      command: Commands.audit,
      icon: auditIcon,
      label: trans.__('Open Audit'),
      caption: trans.__(
        'Verify, repeat a run, ask how things stood, and what came of data'
      ),
      args: ['name'],
      make: async args => (await CODE.audit()).auditPanel(governed, args.name),
      fromPalette: () => ({ name: '' })
    }
  ];
}

/** Datasets and base models. */
function catalogKinds(governed: Governed): IPanelKind[] {
  const { trans } = governed;
  return [
    {
      command: Commands.catalog,
      icon: catalogIcon,
      label: trans.__('Open Catalog'),
      caption: trans.__('Datasets and base models by version'),
      args: [],
      make: async () => (await CODE.catalog()).catalogPanel(governed),
      fromPalette: () => ({})
    },
    {
      command: Commands.version,
      icon: catalogIcon,
      label: trans.__('Open Version'),
      caption: trans.__('One version of a dataset or base model'),
      args: ['name'],
      make: async args =>
        (await CODE.version()).versionPanel(governed, args.name),
      isOneOf: true,
      fromPalette: () => null
    },
    {
      command: Commands.register,
      icon: catalogIcon,
      label: trans.__('Register in the Catalog…'),
      caption: trans.__('Register the file chosen in the file browser'),
      args: ['path'],
      make: async args =>
        (await CODE.register()).registerPanel(governed, args.path),
      fromPalette: () =>
        governed.chosenFile ? { path: governed.chosenFile } : null
    }
  ];
}

/** Add the commands of all panels, open them once each, and bring them back after a reload. */
export function addPanels(
  governed: Governed,
  palette: ICommandPalette | null,
  restorer: ILayoutRestorer | null
): void {
  const { app, trans } = governed;
  for (const kind of kinds(governed)) {
    const tracker = new WidgetTracker<MainAreaWidget<Panel>>({
      namespace: kind.command
    });
    const given = new Map<string, Record<string, string>>();
    app.commands.addCommand(kind.command, {
      label: kind.label,
      caption: kind.caption,
      icon: said => (said.isPalette ? undefined : kind.icon),
      describedBy: { args: argumentsOf(kind) },
      isEnabled: () =>
        kind.fromPalette(governed) !== null || kind.args.length === 0,
      execute: async said => {
        const args = argsOf(kind, said) ?? kind.fromPalette(governed);
        if (!args) {
          return;
        }
        const content = await kind.make(args);
        const id = `${content.id}-main`;
        const known = tracker.find(widget => widget.id === id);
        if (known) {
          content.dispose();
          app.shell.activateById(id);
          governed.tell(); // others may have acted since it was opened
          return;
        }
        const widget = new MainAreaWidget({ content });
        widget.id = id;
        widget.toolbar.hide();
        widget.title.closable = true;
        given.set(id, args);
        widget.disposed.connect(() => given.delete(id));
        // a page of Jupyter Notebook has place for its notebook alone
        app.shell.add(
          widget,
          app.name === 'Jupyter Notebook' ? 'right' : 'main'
        );
        app.shell.activateById(id);
        await tracker.add(widget);
      }
    });
    if (!kind.isOneOf) {
      palette?.addItem({
        command: kind.command,
        category: trans.__('Governed Notebooks')
      });
    }
    void restorer?.restore(tracker, {
      command: kind.command,
      args: widget => given.get(widget.id) ?? {},
      name: widget => widget.id
    });
  }
  const others = [Commands.session, Commands.lineageSide, Commands.template];
  for (const command of others) {
    palette?.addItem({ command, category: trans.__('Governed Notebooks') });
  }
}

/** Fetch the code of every panel, one after the other, each when the page has nothing else to do. */
export async function fetchPanels(): Promise<void> {
  for (const fetchCode of Object.values(CODE)) {
    await idle();
    // without it the panel says what is wrong when it is opened
    await fetchCode().catch(() => undefined);
  }
  // the largest of all, and the first graph would wait for it
  await idle();
  await import('./lineage/canvas')
    .then(({ prepare }) => prepare())
    .catch(() => undefined);
}

function idle(): Promise<unknown> {
  return new Promise(resolve =>
    'requestIdleCallback' in window
      ? window.requestIdleCallback(resolve, { timeout: MOST_BUSY_MS })
      : setTimeout(resolve, MOST_BUSY_MS)
  );
}

function argsOf(
  kind: IPanelKind,
  said: ReadonlyPartialJSONObject
): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const name of kind.args) {
    if (typeof said[name] !== 'string') {
      return null;
    }
    found[name] = said[name] as string;
  }
  return found;
}

function argumentsOf(kind: IPanelKind): ReadonlyJSONObject {
  const properties = Object.fromEntries(
    kind.args.map(name => [name, { type: 'string' }])
  );
  return { type: 'object', properties };
}
