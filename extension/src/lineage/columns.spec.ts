import { byColumn, named } from './columns';
import type { IColumnOrigin } from './records';

const row = (output: string, output_column: string): IColumnOrigin => ({
  output,
  output_column,
  name: output,
  input: 'file:///raw.csv',
  input_column: 'x',
  relation: 'IDENTITY',
  evidence: 'observed'
});

describe('byColumn', () => {
  it('counts as people do, and begins with what was made last', () => {
    const rows = [
      row('first', 'a10'),
      row('first', 'a2'),
      row('last', 'b'),
      row('first', 'a2')
    ];
    const found = [...byColumn(rows)];
    expect(found.map(([key, of]) => [key, of.length])).toEqual([
      ['last\nb', 1],
      ['first\na2', 2],
      ['first\na10', 1]
    ]);
  });
});

describe('named', () => {
  const columns = byColumn([
    row('file:///data/patients.csv', 'age'),
    row('memory://2026-11/2', 'stain'),
    row('memory://2026-11/2', 'Grade_2')
  ]);
  const found = (words: string): string[] =>
    named(columns, words).map(([, [first]]) => first.output_column);

  it('searches the columns, not the addresses of what they are of', () => {
    expect(found('2')).toEqual(['Grade_2']);
    expect(found(' grade ')).toEqual(['Grade_2']);
    for (const words of ['patients', 'csv', 'data', 'memory']) {
      expect(found(words)).toEqual([]);
    }
  });

  it('finds all of them where nothing is asked for', () => {
    expect(found(' ')).toHaveLength(3);
  });
});
