import { followed, IMaking } from './making';

const shown = { isThere: () => true, clear: () => undefined };
const gone = { ...shown, isThere: () => false };

describe('what a signature began', () => {
  it('is kept when it has ended, for the panel of a new name', async () => {
    const kept: IMaking<string> = { making: null };
    expect(await followed(kept, Promise.resolve('made'), shown)).toBe('made');
    expect(await kept.making).toBe('made');
  });

  it('is forgotten when it failed and was told, so that no other panel tells it anew', async () => {
    const kept: IMaking<string> = { making: null };
    const begun = Promise.reject(new Error('the key did not open'));
    await expect(followed(kept, begun, shown)).rejects.toThrow('did not open');
    expect(kept.making).toBeNull();
  });

  it('is kept when it failed and nobody was there to read it', async () => {
    const kept: IMaking<string> = { making: null };
    const begun = Promise.reject(new Error('the key did not open'));
    await expect(followed(kept, begun, gone)).rejects.toThrow('did not open');
    expect(kept.making).toBe(begun);
  });

  it('takes back what was told of an earlier one', async () => {
    const clear = jest.fn();
    const kept: IMaking<string> = { making: null };
    await followed(kept, Promise.resolve('made'), { ...shown, clear });
    expect(clear).toHaveBeenCalledTimes(1);
  });
});
