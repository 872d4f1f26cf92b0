import { diffLines, diffWordsWithSpace } from 'diff';

/** A stretch of a text, in characters from its beginning. */
export interface IStretch {
  from: number;
  length: number;
}

/** What was taken out of a text, and what was put in. */
export interface IEdits {
  removed: IStretch[];
  added: IStretch[];
}

/** More edits than this are told as one: nobody reads them one by one. */
const MOST_EDITS = 1_000;

/** What became of a text: by lines, and by words in lines that were replaced. */
export function editsOf(before: string, after: string): IEdits {
  const edits: IEdits = { removed: [], added: [] };
  const parts = diffLines(before, after, { maxEditLength: MOST_EDITS }) ?? [
    { value: before, removed: true, added: false },
    { value: after, removed: false, added: true }
  ];
  let old = 0;
  let now = 0;
  parts.forEach((part, at) => {
    const next = parts[at + 1];
    if (part.removed && next?.added) {
      words(part.value, next.value, old, now, edits);
    } else if (part.removed) {
      edits.removed.push({ from: old, length: part.value.length });
    } else if (part.added && !parts[at - 1]?.removed) {
      edits.added.push({ from: now, length: part.value.length });
    }
    old += part.added ? 0 : part.value.length;
    now += part.removed ? 0 : part.value.length;
  });
  return edits;
}

/** The edits within lines that took the place of others; all of them where little is common. */
function words(
  before: string,
  after: string,
  old: number,
  now: number,
  edits: IEdits
): void {
  const parts = diffWordsWithSpace(before, after, { maxEditLength: 200 });
  const common = (parts ?? [])
    .filter(part => !part.added && !part.removed)
    .reduce((sum, part) => sum + part.value.trim().length, 0);
  if (!parts || 2 * common < Math.min(before.length, after.length)) {
    edits.removed.push({ from: old, length: before.length });
    edits.added.push({ from: now, length: after.length });
    return;
  }
  for (const part of parts) {
    const { length } = part.value;
    if (part.removed) {
      edits.removed.push({ from: old, length });
    } else if (part.added) {
      edits.added.push({ from: now, length });
    }
    old += part.added ? 0 : length;
    now += part.removed ? 0 : length;
  }
}
