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

/** A list that is ticked: validation. */
export const validationIcon = drawn(
  'validation',
  'M4 4h9v2H4V4zm0 5h9v2H4V9zm0 5h6v2H4v-2zm15.6-3L21 12.4 14.9 18.5 11.4 15l1.4-1.4 2.1 2.1L19.6 11z'
);

/** A glass over a sheet: audit. */
export const auditIcon = drawn(
  'audit',
  'M5 3h10l4 4v4h-2V8h-3V5H7v14h4v2H5V3zm10.5 9a4.5 4.5 0 0 1 3.7 7l2.5 2.6-1.4 1.4-2.6-2.5A4.5 4.5 0 1 1 15.500 12zm0 2a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z'
);

/** Three stacked discs: the catalog. */
export const catalogIcon = drawn(
  'catalog',
  'M12 3c4.400 0 8 1.300 8 3v12c0 1.700-3.600 3-8 3s-8-1.300-8-3V6c0-1.700 3.600-3 8-3zm6 6.700c-1.500.800-3.600 1.300-6 1.300s-4.500-.500-6-1.300V12c.300.600 2.600 1.500 6 1.500s5.700-.900 6-1.500V9.700zm0 6c-1.500.800-3.600 1.300-6 1.300s-4.500-.500-6-1.300V18c.300.600 2.600 1.500 6 1.500s5.700-.900 6-1.500v-2.300zM12 4.500c-3.400 0-5.700.900-6 1.500.300.600 2.600 1.500 6 1.500s5.700-.900 6-1.500c-.300-.600-2.600-1.500-6-1.500z'
);
