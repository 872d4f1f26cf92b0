import { byColumn } from './columns';
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
