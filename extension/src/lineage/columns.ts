import type { IColumnOrigin } from './records';

const NATURAL = new Intl.Collator(undefined, { numeric: true });

/** Rows of each column, in the order of their names; what a cell made last comes first. */
export function byColumn(
  rows: readonly IColumnOrigin[]
): Map<string, IColumnOrigin[]> {
  const things = [...new Set(rows.map(row => row.output))].reverse();
  const found = new Map<string, IColumnOrigin[]>();
  for (const thing of things) {
    const own = rows.filter(row => row.output === thing);
    own.sort((a, b) => NATURAL.compare(a.output_column, b.output_column));
    for (const row of own) {
      const key = `${row.output}\n${row.output_column}`;
      const known = found.get(key);
      if (known) {
        known.push(row);
      } else {
        found.set(key, [row]);
      }
    }
  }
  return found;
}

/** Those columns whose name holds these words; all of them for none. */
export function named(
  columns: ReadonlyMap<string, IColumnOrigin[]>,
  words: string
): [string, IColumnOrigin[]][] {
  const wanted = words.trim().toLowerCase();
  // not the key: the address of what they are columns of would match for all of them
  return [...columns].filter(([, [row]]) =>
    row.output_column.toLowerCase().includes(wanted)
  );
}
