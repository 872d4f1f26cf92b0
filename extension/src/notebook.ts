import type { JupyterFrontEnd } from '@jupyterlab/application';
import {
  type INotebookTracker,
  NotebookActions,
  type NotebookPanel
} from '@jupyterlab/notebook';
import type { ServerConnection } from '@jupyterlab/services';

/** `ServerConnection.ResponseError`, or a failure without an answer. */
type Failure = Partial<Pick<ServerConnection.ResponseError, 'response'>>;

/** The notebook at a path, opened where it is not open yet; null where there is none. */
export async function openNotebook(
  app: JupyterFrontEnd,
  notebooks: INotebookTracker,
  path: string
): Promise<NotebookPanel | null> {
  let panel = notebooks.find(each => each.context.path === path);
  if (!panel) {
    const { contents } = app.serviceManager;
    const isThere = await contents.get(path, { content: false }).then(
      () => true,
      error => {
        if ((error as Failure).response?.status === 404) {
          return false;
        }
        throw error; // it may well be there: the server did not say
      }
    );
    panel = isThere
      ? await app.commands.execute('docmanager:open', { path })
      : undefined;
  }
  await panel?.context.ready;
  return panel ?? null;
}

/** Show a cell and select it; says whether there is one of that id. */
export function goToCell(panel: NotebookPanel, cellId: string): boolean {
  const { content } = panel;
  const index = content.widgets.findIndex(cell => cell.model.id === cellId);
  if (index < 0) {
    return false;
  }
  content.activeCellIndex = index;
  void content
    .scrollToItem(index, 'center')
    .then(() => content.widgets[index]?.node.focus());
  panel.activate();
  return true;
}

/** Bring a notebook to the front, put a code cell below its active one, and show that. */
export function insertCell(
  app: JupyterFrontEnd,
  panel: NotebookPanel,
  source: string
): void {
  app.shell.activateById(panel.id);
  NotebookActions.insertBelow(panel.content);
  panel.content.activeCell?.model.sharedModel.setSource(source);
  const id = panel.content.activeCell?.model.id;
  if (id) {
    goToCell(panel, id);
  }
}
