/** `NAME@VERSION`. */
export function nameOf(row: { dataset: string; version: string }): string {
  return `${row.dataset}@${row.version}`;
}

/** A file as its workspace names it; null when it lies elsewhere. */
export function inWorkspace(path: string, workspace: string): string | null {
  if (!workspace || workspace === '.') {
    return path;
  }
  return path.startsWith(`${workspace}/`)
    ? path.slice(workspace.length + 1)
    : null;
}

/** The line of Python that loads a version for a purpose. */
export function loading(
  row: { dataset: string; version: string; kind: 'data' | 'model' },
  purpose: string
): string {
  const name = JSON.stringify(nameOf(row));
  const variable = row.dataset.replace(/[^A-Za-z0-9_]/g, '_');
  const safe = /^[A-Za-z_]/.test(variable) ? variable : `data_${variable}`;
  const call =
    row.kind === 'model'
      ? `data.model(${name})`
      : `data.load(${name}, purpose=${JSON.stringify(purpose)})`;
  return `from governed_kernel import data\n\n${safe} = ${call}`;
}
