import type { ICase } from '../records';

/** The cases of one layer of a suite. */
export interface ILayer {
  name: string;
  failed: number;
  cases: ICase[];
}

/** Cases by layer: layers in which something failed come first, and in each what failed. */
export function layersOf(cases: ICase[]): ILayer[] {
  const names = [...new Set(cases.map(item => item.layer))];
  const layers = names.map(name => {
    const own = cases.filter(item => item.layer === name);
    const failing = own.filter(item => item.outcome !== 'passed');
    const passing = own.filter(item => item.outcome === 'passed');
    return { name, failed: failing.length, cases: [...failing, ...passing] };
  });
  return layers.sort((a, b) => Number(b.failed > 0) - Number(a.failed > 0));
}
