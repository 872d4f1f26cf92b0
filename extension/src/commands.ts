/** Ids of every command; each is in the palette and may be given a shortcut in the settings. */
export const Commands = {
  session: 'governed:open-session',
  lineage: 'governed:open-lineage',
  lineageSide: 'governed:show-lineage',
  promote: 'governed:promote',
  releases: 'governed:open-releases',
  release: 'governed:open-release',
  runs: 'governed:open-runs',
  startRun: 'governed:start-run',
  run: 'governed:open-run',
  validation: 'governed:open-validation',
  evaluation: 'governed:open-evaluation',
  audit: 'governed:open-audit',
  catalog: 'governed:open-catalog',
  version: 'governed:open-version',
  register: 'governed:register-file',
  template: 'governed:new-from-template'
} as const;
