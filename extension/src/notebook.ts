import type { NotebookPanel } from '@jupyterlab/notebook';

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
