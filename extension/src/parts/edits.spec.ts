import { editsOf, type IStretch } from './edits';

const cut = (text: string, stretches: IStretch[]): string[] =>
  stretches.map(({ from, length }) => text.slice(from, from + length));

const shown = (before: string, after: string): [string[], string[]] => {
  const { removed, added } = editsOf(before, after);
  return [cut(before, removed), cut(after, added)];
};

/** The text that is left of both when edits are taken out: it must be the same. */
const kept = (text: string, stretches: IStretch[]): string =>
  [...stretches]
    .reverse()
    .reduce(
      (left, { from, length }) =>
        left.slice(0, from) + left.slice(from + length),
      text
    );

describe('editsOf', () => {
  it('tells whole lines that came and went', () => {
    expect(shown('a\nb\nc\n', 'a\nc\nd\n')).toEqual([['b\n'], ['d\n']]);
  });

  it('tells the words that differ in a line that is mostly the same', () => {
    expect(
      shown('steps = 100  # of training\n', 'steps = 200  # of training\n')
    ).toEqual([['100'], ['200']]);
  });

  it('tells lines that have little in common as replaced', () => {
    expect(shown('x = 1\n', 'print(frame)\n')).toEqual([
      ['x = 1\n'],
      ['print(frame)\n']
    ]);
  });

  it('leaves the same of both texts, whatever they are', () => {
    const before = 'import os\nx = 1\n\ny = 2\nprint(x, y)\n# end';
    const after = 'x = 1\ny = 3\n\nprint(y, x)\n# end\nz = 1';
    const { removed, added } = editsOf(before, after);
    expect(kept(before, removed)).toBe(kept(after, added));
  });

  it('finds nothing in equal texts, and everything in a text that is new', () => {
    expect(editsOf('a\nb', 'a\nb')).toEqual({ removed: [], added: [] });
    expect(shown('', 'a\nb')).toEqual([[], ['a\nb']]);
    const many = (word: string): string =>
      Array.from({ length: 6_000 }, (_, at) => `${word} ${at}`).join('\n');
    expect(shown(many('a'), many('b'))).toEqual([[many('a')], [many('b')]]);
  });
});
