import { label, labels } from './labels';

const trans = {
  __: (text: string) => `⟦${text}⟧`,
  _n: (one: string, many: string, count: number) => (count === 1 ? one : many)
};

describe('the words of the record', () => {
  it('are said in the reader’s language', () => {
    expect(label('cut off', trans)).toBe('⟦cut off⟧');
    expect(labels(['train', 'deploy'], trans)).toBe('⟦train⟧, ⟦deploy⟧');
  });

  it('leave names alone, whatever they are', () => {
    for (const name of ['patients', 'constructor', '__proto__', '']) {
      expect(label(name, trans)).toBe(name);
    }
  });
});
