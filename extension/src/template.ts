import { Dialog, showDialog, showErrorMessage } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';

import { described } from './api';
import { Commands } from './commands';
import type { Governed } from './governed';
import { governedIcon } from './icons';

/** A notebook to begin with. */
interface ITemplate {
  name: string;
  title: string;
  content: object;
}

/** The command that begins a governed notebook from a template. */
export function addTemplate(governed: Governed): void {
  const { app, trans } = governed;
  app.commands.addCommand(Commands.template, {
    label: said =>
      said.isPalette
        ? trans.__('New Governed Notebook from Template…')
        : trans.__('New from template'),
    caption: trans.__('Begin a governed notebook that is ready to be promoted'),
    icon: said => (said.isPalette ? undefined : governedIcon),
    describedBy: {
      args: {
        type: 'object',
        properties: { cwd: { type: 'string' }, template: { type: 'string' } }
      }
    },
    execute: async said => {
      const folder = typeof said.cwd === 'string' ? said.cwd : governed.folder;
      try {
        const known = await governed.client.get<ITemplate[]>('templates');
        const name =
          typeof said.template === 'string'
            ? said.template
            : await asked(governed, known);
        const chosen = known.find(item => item.name === name);
        if (chosen) {
          await begin(governed, folder, chosen);
        }
      } catch (error) {
        const { what, why, next } = described(error);
        await showErrorMessage(what, [why, next].filter(Boolean).join('\n'));
      }
    }
  });
}

async function asked(
  governed: Governed,
  known: ITemplate[]
): Promise<string | undefined> {
  const { trans } = governed;
  const answer = await showDialog({
    title: trans.__('New governed notebook'),
    body: new Choice(trans.__('Template'), known),
    focusNodeSelector: 'select'
  });
  return answer.button.accept ? (answer.value ?? undefined) : undefined;
}

/** One of the templates; JupyterLab's own dialog gives its choice no name for screen readers. */
class Choice extends Widget implements Dialog.IBodyWidget<string> {
  constructor(title: string, known: ITemplate[]) {
    super();
    const label = this.node.appendChild(document.createElement('label'));
    label.textContent = title;
    this._select = label.appendChild(document.createElement('select'));
    this._select.className = 'jp-mod-styled';
    for (const { name, title } of known) {
      this._select.add(new Option(title, name));
    }
  }

  getValue(): string {
    return this._select.value;
  }

  private _select: HTMLSelectElement;
}

/** A new file with the template's content, opened with the kernel that it names. */
async function begin(
  governed: Governed,
  folder: string,
  template: ITemplate
): Promise<void> {
  const { contents } = governed.app.serviceManager;
  const made = await contents.newUntitled({ path: folder, type: 'notebook' });
  await contents.save(made.path, {
    type: 'notebook',
    format: 'json',
    content: template.content
  });
  await governed.app.commands.execute('docmanager:open', { path: made.path });
}
