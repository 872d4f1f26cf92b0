import { LabIcon } from '@jupyterlab/ui-components';

function drawn(name: string, path: string): LabIcon {
  const svgstr =
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">' +
    `<path class="jp-icon3" fill="#616161" d="${path}"/></svg>`;
  return new LabIcon({ name: `governed:${name}`, svgstr });
}

/** A shield with a tick: the product. */
export const governedIcon = drawn(
  'shield',
  'M12 2 4 5v6c0 5 3.4 9.7 8 11 4.6-1.3 8-6 8-11V5l-8-3zm-1.2 14.2L7 12.4l1.4-1.4 2.4 2.4 4.8-4.8L17 10l-6.2 6.2z'
);

/** A parcel: releases. */
export const releasesIcon = drawn(
  'releases',
  'M12 2 3 6.5v11L12 22l9-4.5v-11L12 2zm0 2.2 6.3 3.1L12 10.5 5.7 7.3 12 4.2zM5 9l6 3v7.3l-6-3V9zm8 10.3V12l6-3v7.3l-6 3z'
);

/** A triangle in a ring: runs. */
export const runsIcon = drawn(
  'runs',
  'M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 18a8 8 0 1 1 0-16 8 8 0 0 1 0 16zM10 16.5l6-4.5-6-4.5v9z'
);

/** An arrow up out of a tray: promotion. */
export const promoteIcon = drawn(
  'promote',
  'M11 16V7.8l-2.6 2.6L7 9l5-5 5 5-1.4 1.4L13 7.8V16h-2zm-5 4a2 2 0 0 1-2-2v-3h2v3h12v-3h2v3a2 2 0 0 1-2 2H6z'
);

/** Three things joined by two lines: lineage. */
export const lineageIcon = drawn(
  'lineage',
  'M5 3a3 3 0 0 0-1 5.8v6.4a3 3 0 1 0 2 0V13h6.2a3 3 0 1 0 0-2H6V8.8A3 3 0 0 0 5 3zm0 2a1 1 0 1 1 0 2 1 1 0 0 1 0-2zm10 6a1 1 0 1 1 0 2 1 1 0 0 1 0-2zM5 17a1 1 0 1 1 0 2 1 1 0 0 1 0-2z'
);
