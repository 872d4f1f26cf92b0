import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

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

/** Put a code cell below the active one, and show it. */
export function insertCell(panel: NotebookPanel, source: string): void {
  NotebookActions.insertBelow(panel.content);
  panel.content.activeCell?.model.sharedModel.setSource(source);
  panel.activate();
  const id = panel.content.activeCell?.model.id;
  if (id) {
    goToCell(panel, id);
  }
}
