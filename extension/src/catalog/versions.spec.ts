import type { IVersionRow } from '../records';
import { inWorkspace, loading } from './versions';

const row = (dataset: string, dataClass: string): IVersionRow => ({
  dataset,
  version: '2',
  kind: 'data',
  class: dataClass,
  state: 'approved',
  owner: 'Kitchen',
  purposes: ['train'],
  retention_until: '',
  retention_over: false,
  bytes: 10,
  rows: 3,
  sha256: 'a'
});

describe('the catalog', () => {
  it('names files as their workspace does', () => {
    expect(inWorkspace('garden/berries.csv', 'garden')).toBe('berries.csv');
    expect(inWorkspace('berries.csv', '')).toBe('berries.csv');
    expect(inWorkspace('a/berries.csv', '.')).toBe('a/berries.csv');
    expect(inWorkspace('gardens/berries.csv', 'garden')).toBeNull();
  });

  it('writes Python that names the version and the purpose', () => {
    expect(loading(row('wild-berries', 'public'), 'train')).toBe(
      'from governed_kernel import data\n\n' +
        'wild_berries = data.load("wild-berries@2", purpose="train")'
    );
    expect(loading({ ...row('2nd', 'public'), kind: 'model' }, '')).toContain(
      'data_2nd = data.model("2nd@2")'
    );
  });
});
