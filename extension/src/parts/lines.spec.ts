import { linesOf } from './lines';

const shown = (before: string, after: string): string[] =>
  linesOf(before, after).map(line => `${line.kind[0]} ${line.text}`);

describe('linesOf', () => {
  it('keeps what is common and marks the rest', () => {
    expect(shown('a\nb\nc', 'a\nx\nc\nd')).toEqual([
      's a',
      'r b',
      'a x',
      's c',
      'a d'
    ]);
  });

  it('finds lines that moved between others', () => {
    expect(shown('a\nb\nc', 'c\na\nb')).toEqual(['a c', 's a', 's b', 'r c']);
  });

  it('shows a text that was not there before as added', () => {
    expect(shown('', 'a\nb')).toEqual(['a a', 'a b']);
    expect(shown('a', 'a')).toEqual(['s a']);
  });
});
