import { nearest } from './nearest';
import type { IWorkspace } from './records';

const at = (path: string): IWorkspace => ({ path }) as IWorkspace;

describe('the workspace of a place', () => {
  const known = [at('garden'), null, at('garden/greenhouse'), at('kitchen')];

  it('is the one that was asked about for another notebook in it', () => {
    expect(nearest(known, 'kitchen/research/sour.ipynb')?.path).toBe('kitchen');
  });

  it('is the innermost', () => {
    const place = 'garden/greenhouse/fig.ipynb';
    expect(nearest(known, place)?.path).toBe('garden/greenhouse');
    expect(nearest([at('.'), ...known], place)?.path).toBe('garden/greenhouse');
  });

  it('may be that around the folder that the server shows', () => {
    expect(nearest([at('')], 'fig.ipynb')?.path).toBe('');
  });

  it('is none whose name only begins alike', () => {
    expect(nearest(known, 'kitchenware/pot.ipynb')).toBeNull();
    expect(nearest([at('.')], 'kitchenware/pot.ipynb')?.path).toBe('.');
  });
});
