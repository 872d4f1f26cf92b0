/** One line of a comparison. */
export interface ILine {
  kind: 'same' | 'added' | 'removed';
  text: string;
}

const MOST_CELLS = 4_000_000;

/** What became of each line, by their longest common subsequence. */
export function linesOf(before: string, after: string): ILine[] {
  const old = before ? before.split('\n') : [];
  const now = after ? after.split('\n') : [];
  let start = 0;
  while (
    start < old.length &&
    start < now.length &&
    old[start] === now[start]
  ) {
    start += 1;
  }
  let end = 0;
  while (
    end < old.length - start &&
    end < now.length - start &&
    old[old.length - 1 - end] === now[now.length - 1 - end]
  ) {
    end += 1;
  }
  const same = (text: string): ILine => ({ kind: 'same', text });
  return [
    ...old.slice(0, start).map(same),
    ...middle(
      old.slice(start, old.length - end),
      now.slice(start, now.length - end)
    ),
    ...old.slice(old.length - end).map(same)
  ];
}

function middle(old: string[], now: string[]): ILine[] {
  if (!old.length || !now.length || old.length * now.length > MOST_CELLS) {
    return [...old.map(removed), ...now.map(added)];
  }
  const width = now.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      common[i * width + j] =
        old[i] === now[j]
          ? common[(i + 1) * width + j + 1] + 1
          : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const lines: ILine[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      lines.push({ kind: 'same', text: old[i] });
      i += 1;
      j += 1;
    } else if (common[(i + 1) * width + j] >= common[i * width + j + 1]) {
      lines.push(removed(old[i]));
      i += 1;
    } else {
      lines.push(added(now[j]));
      j += 1;
    }
  }
  return [...lines, ...old.slice(i).map(removed), ...now.slice(j).map(added)];
}

function removed(text: string): ILine {
  return { kind: 'removed', text };
}

function added(text: string): ILine {
  return { kind: 'added', text };
}
