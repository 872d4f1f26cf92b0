import type { IWorkspace } from './records';

/** How the server names a workspace that is its own folder, or lies around it. */
const EVERYWHERE = ['.', ''];

/** Of several workspaces, the innermost that a place lies in. */
export function nearest(
  workspaces: Iterable<IWorkspace | null>,
  place: string
): IWorkspace | null {
  let found: IWorkspace | null = null;
  for (const workspace of workspaces) {
    const isAround =
      workspace &&
      (EVERYWHERE.includes(workspace.path) ||
        `${place}/`.startsWith(`${workspace.path}/`));
    if (isAround && (!found || workspace.path.length > found.path.length)) {
      found = workspace;
    }
  }
  return found;
}
