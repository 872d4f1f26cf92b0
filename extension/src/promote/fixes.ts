import type { Cell, CodeCell } from '@jupyterlab/cells';
import { NotebookActions, NotebookPanel } from '@jupyterlab/notebook';

import { GovernedError } from '../api';
import type { Governed } from '../governed';
import { openNotebook } from '../notebook';
import type { IFix } from '../records';
import type { Trans } from '../words';

/** What a button for a fix says. */
export function fixLabel(fix: IFix, trans: Trans): string {
  switch (fix.kind) {
    case 'tag':
      return trans.__('Tag the cell “parameters”');
    case 'source':
      return trans.__('Change the cell');
    case 'outputs':
      return trans.__('Clear the cell’s outputs');
    case 'run':
      return trans.__('Restart and run all');
    case 'register':
      return trans.__('Register %1…', fix.path);
  }
}

/** The notebook at a path, opened where it is not open yet, with its kernel. */
export async function opened(
  governed: Governed,
  path: string
): Promise<NotebookPanel> {
  const { app, notebooks, trans } = governed;
  const panel = await openNotebook(app, notebooks, path);
  if (!panel) {
    throw new GovernedError({
      error: 'NotOpened',
      what: trans.__('%1 could not be opened', path),
      why: trans.__('it was moved, or it is no notebook'),
      next: trans.__('open it in the file browser')
    });
  }
  await panel.sessionContext.ready;
  return panel;
}

/** Apply a fix to the open notebook, and save it. */
export async function applyFix(
  panel: NotebookPanel,
  fix: IFix,
  trans: Trans
): Promise<void> {
  if (fix.kind === 'run') {
    await restartAndRunAll(panel, trans);
  } else {
    change(panel, fix, trans);
  }
  await panel.context.save();
}

function change(panel: NotebookPanel, fix: IFix, trans: Trans): void {
  const cell = panel.content.widgets.find(
    each => each.model.id === fix.cell_id
  );
  const shared = cell?.model.sharedModel;
  if (
    !cell ||
    !shared ||
    (fix.kind === 'source' && shared.source !== fix.before)
  ) {
    throw new GovernedError({
      error: 'Changed',
      what: trans.__('The cell was changed since it was checked'),
      why: trans.__('what would be changed is no longer there'),
      next: trans.__('check again')
    });
  }
  if (fix.kind === 'source') {
    shared.setSource(fix.after);
  } else if (fix.kind === 'tag') {
    const tags = (cell.model.getMetadata('tags') as string[] | undefined) ?? [];
    cell.model.setMetadata('tags', [...tags, 'parameters']);
  } else if (fix.kind === 'outputs' && cell.model.type === 'code') {
    (cell.model as unknown as { clearExecution(): void }).clearExecution();
  }
}

/** Whether a cell with code has no number, as where the kernel went while it waited. */
function neverRan(cell: Cell): boolean {
  return (
    cell.model.type === 'code' &&
    cell.model.sharedModel.getSource().trim() !== '' &&
    (cell as CodeCell).model.executionCount === null
  );
}

/**
 * See to a kernel that has executed nothing yet.
 *
 * `restartKernel` starts none where there is none. `runAll` does so for its first cell, and while
 * that kernel starts all other cells count as run without being sent: `hasNoKernel` is false by then,
 * and `CodeCell.execute` finds none (JupyterLab 4.6.6, apputils' sessioncontext.ts and notebook's
 * cellexecutor.ts; so does its own “Run All Cells”, with any kernel).
 */
async function freshKernel(panel: NotebookPanel, trans: Trans): Promise<void> {
  const { sessionContext } = panel;
  if (sessionContext.session?.kernel) {
    await sessionContext.session.kernel.restart();
    return;
  }
  await sessionContext.startKernel();
  if (!sessionContext.session?.kernel) {
    throw new GovernedError({
      error: 'NoKernel',
      what: trans.__('The notebook has no kernel'),
      why: trans.__('none was chosen for it, or its kernel could not start'),
      next: trans.__(
        'choose “Governed Python (Research)” in the notebook’s toolbar'
      )
    });
  }
}

async function restartAndRunAll(
  panel: NotebookPanel,
  trans: Trans
): Promise<void> {
  const { sessionContext, content } = panel;
  await freshKernel(panel, trans);
  const kernel = sessionContext.session?.kernel?.id;
  const done = await NotebookActions.runAll(content, sessionContext);
  const isAnother = sessionContext.session?.kernel?.id !== kernel;
  if (!kernel || isAnother || (done && content.widgets.some(neverRan))) {
    throw new GovernedError({
      error: 'KernelEnded',
      what: trans.__('Not all cells have run'),
      why: trans.__('the kernel ended meanwhile'),
      next: trans.__('restart and run all')
    });
  }
  if (!done) {
    throw new GovernedError({
      error: 'CellFailed',
      what: trans.__('A cell failed, so the cells after it did not run'),
      why: trans.__('its error is shown below it'),
      next: trans.__('mend it, then restart and run all')
    });
  }
}
