import type { IShown } from './model';
import { below, shortened, toSvg } from './svg';

const places = new Map([
  ['a', { x: 100, y: 30 }],
  ['b', { x: 400, y: 130 }]
]);
const shown = (name: string): IShown => ({
  nodes: [
    { key: 'a', kind: 'dataset', name, hidden: 0, isMatch: false },
    { key: 'b', kind: 'cell', name: 'In [1]', hidden: 0, isMatch: false }
  ],
  links: [{ source: 'a', target: 'b', how: 'read' }],
  left: 0
});
const word = (said: string): string => said;

describe('a graph as a file', () => {
  it('holds each thing and each link', () => {
    const file = toSvg(shown('berries@1'), places, word);
    expect(file.match(/<rect width="190"/g)).toHaveLength(2);
    expect(file.match(/<path d="M/g)).toHaveLength(2); // a link, and the head of the arrow
    expect(file).toContain('>berries@1</text>');
    expect(file).toMatch(/viewBox="0 0 519 177"/);
  });

  it('runs nothing that a name says', () => {
    const file = toSvg(shown('"><script>alert(1)</script>&'), places, word);
    expect(file).not.toContain('<script');
    expect(file).toContain('&quot;&gt;&lt;script&gt;');
  });

  it('shows signs that are no letters as what they are', () => {
    expect(toSvg(shown('a\u0000b\u202ec'), places, word)).toContain(
      'a\\u0000b\\u202ec'
    );
  });
});

describe('a name in a graph', () => {
  it('keeps its beginning and its end where it is too long', () => {
    const name = shortened('adapter_model_of_berries.safetensors', 24);
    expect(name).toBe('adapter_mo…s.safetensors');
    expect(name).toHaveLength(24);
    expect(shortened('short', 24)).toBe('short');
  });

  it('says below it what it is, of which class, and how it stands', () => {
    const node = { ...shown('x').nodes[0], data_class: 'health' };
    expect(below(node, word)).toBe('dataset, health');
    expect(below({ ...node, state: 'approved' }, word)).toBe(
      'dataset, health, approved'
    );
  });
});
