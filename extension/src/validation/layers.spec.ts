import type { ICase } from '../records';
import { layersOf } from './layers';

const made = (layer: string, id: string, outcome: string): ICase => ({
  layer,
  id,
  outcome,
  value: 1,
  threshold: 1,
  comparison: 'at least',
  blocking: true,
  note: '',
  why: ''
});

describe('layersOf', () => {
  it('puts what failed before what passed, in layers and in their order', () => {
    const found = layersOf([
      made('functional', 'recall', 'passed'),
      made('scenario', 'calm', 'passed'),
      made('scenario', 'storm', 'failed'),
      made('scenario', 'unmeasured', 'error')
    ]);
    expect(found.map(layer => [layer.name, layer.failed])).toEqual([
      ['scenario', 2],
      ['functional', 0]
    ]);
    expect(found[0].cases.map(item => item.id)).toEqual([
      'storm',
      'unmeasured',
      'calm'
    ]);
  });

  it('knows a suite without cases', () => {
    expect(layersOf([])).toEqual([]);
  });
});
