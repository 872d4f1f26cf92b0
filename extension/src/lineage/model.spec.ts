import { EVERYTHING, GraphModel, MOST_SHOWN, named } from './model';
import { laidOut } from './placing';
import type { Trans } from '../words';
import type { IGraph, INode } from './records';
import { shortened, toSvg } from './svg';

function node(key: string, more: Partial<INode> = {}): INode {
  return { key, kind: 'resource', name: key, ...more };
}

/** raw → cell 1 → clean → cell 2 → model; apart from that, other → cell 2. */
function chain(): IGraph {
  return {
    focus: ['c1'],
    nodes: [
      node('raw', {
        kind: 'dataset',
        data_class: 'health',
        uris: ['file:///raw.csv']
      }),
      node('c1', {
        kind: 'cell',
        name: 'In [1]',
        execution: 1,
        operations: ['pandas.read_csv']
      }),
      node('clean'),
      node('c2', { kind: 'cell', name: 'In [2]', execution: 2 }),
      node('model'),
      node('other', { data_class: 'public' })
    ],
    links: [
      { source: 'raw', target: 'c1', how: 'read' },
      { source: 'c1', target: 'clean', how: 'write' },
      { source: 'clean', target: 'c2', how: 'read' },
      { source: 'c2', target: 'model', how: 'write' },
      { source: 'other', target: 'c2', how: 'read' }
    ],
    stored: 6
  };
}

const keys = (model: GraphModel, expanded: string[], more = {}): string[] =>
  model
    .shown(new Set(expanded), { ...EVERYTHING, ...more })
    .nodes.map(found => found.key)
    .sort();

describe('GraphModel', () => {
  it('shows the focus with one hop, and says how much hides behind each', () => {
    const shown = new GraphModel(chain()).shown(new Set(), EVERYTHING);
    expect(shown.nodes.map(found => [found.key, found.hidden])).toEqual([
      ['c1', 0],
      ['raw', 0],
      ['clean', 1]
    ]);
    expect(shown.left).toBe(3);
    expect(shown.links).toHaveLength(2);
  });

  it('shows what is searched for before what would fill the picture', () => {
    const many = Array.from({ length: MOST_SHOWN }, (_, at) => node(`n${at}`));
    const graph = {
      focus: many.map(each => each.key),
      nodes: [...many, node('needle')],
      links: [],
      stored: MOST_SHOWN + 1
    };
    const model = new GraphModel(graph);
    expect(keys(model, [])).not.toContain('needle');
    expect(keys(model, [], { search: 'NEEDLE' })).toContain('needle');
  });

  it('names what stands for several by their number', () => {
    const several = node('group', { name: '', count: 7 });
    const many = node('others', { kind: 'session', name: '', count: 1200 });
    const graph = { ...chain(), nodes: [several, many, node('one')] };
    const trans = {
      _n: (one: string, more: string, count: number) =>
        (count === 1 ? one : more).replace('%1', String(count))
    } as Trans;
    expect(named(graph, trans).nodes.map(found => found.name)).toEqual([
      '7 files',
      '1200 sessions',
      'one'
    ]);
  });

  it('goes one hop further where it is expanded', () => {
    expect(keys(new GraphModel(chain()), ['clean'])).toEqual([
      'c1',
      'c2',
      'clean',
      'raw'
    ]);
  });

  it('finds what is hidden by names and operations', () => {
    const model = new GraphModel(chain());
    expect(keys(model, [], { search: 'MOD' })).toContain('model');
    expect([...model.matches('read_csv')]).toEqual(['c1']);
    expect(model.matches('nothing like it').size).toBe(0);
  });

  it('leaves out kinds, and classes other than the chosen one', () => {
    const model = new GraphModel(chain());
    expect(keys(model, [], { kinds: new Set(['dataset']) })).not.toContain(
      'raw'
    );
    expect(keys(model, ['clean', 'c2'], { dataClass: 'health' })).toEqual([
      'c1',
      'raw'
    ]);
  });

  it('shows only what a chosen cell touches', () => {
    expect(keys(new GraphModel(chain()), [], { cell: 'c2' })).toEqual([
      'c2',
      'clean',
      'model',
      'other'
    ]);
  });

  it('leads from the origins of a column to where it ended', () => {
    const model = new GraphModel(chain());
    expect(model.ofUri('file:///raw.csv')).toBe('raw');
    expect([...model.between(['raw'], 'model')].sort()).toEqual([
      'c1',
      'c2',
      'clean',
      'model',
      'raw'
    ]);
    expect([...model.between(['nowhere'], 'model')]).toEqual(['model']);
  });

  it('draws no more than can be looked at, also in a circle', () => {
    const many = Array.from({ length: 3000 }, (_, at) => node(`n${at}`));
    const links = many.map((found, at) => ({
      source: found.key,
      target: `n${(at + 1) % 3000}`,
      how: ''
    }));
    const model = new GraphModel({
      focus: many.map(found => found.key),
      nodes: many,
      links,
      stored: 9000
    });
    const shown = model.shown(new Set(), EVERYTHING);
    expect(shown.nodes).toHaveLength(MOST_SHOWN);
    expect(shown.left).toBe(9000 - MOST_SHOWN);
    expect(model.between(['n5'], 'n9').size).toBe(5);
  });
});

describe('a laid out graph', () => {
  const shown = new GraphModel(chain()).shown(
    new Set(['clean', 'c2']),
    EVERYTHING
  );
  const { places } = laidOut({
    id: 1,
    nodes: shown.nodes.map(found => found.key),
    links: shown.links.map(link => [link.source, link.target]),
    isNarrow: false
  });

  it('puts what comes before to the left of what comes after', () => {
    for (const { source, target } of shown.links) {
      expect(places[source].x).toBeLessThan(places[target].x);
    }
  });

  it('is written as SVG in which no name can do anything', () => {
    const evil = '<script>alert(1)</script>\u202e&"';
    const svg = toSvg(
      {
        ...shown,
        nodes: shown.nodes.map(found => ({ ...found, name: evil }))
      },
      new Map(Object.entries(places)),
      word => `[${word}]`
    );
    expect(svg).toContain('[dataset]');
    expect(svg).not.toContain('<script');
    expect(svg).not.toContain('\u202e');
    expect(svg).toContain('\\u202e&amp;&quot;');
    expect(svg.match(/<rect/g)).toHaveLength(shown.nodes.length + 1);
  });

  it('shortens long names in the middle', () => {
    expect(shortened('a_long_name_of_a_file.parquet', 12)).toBe(
      'a_lon….parquet'.slice(0, 5) + '…arquet'
    );
    expect(shortened('short', 12)).toBe('short');
  });
});
