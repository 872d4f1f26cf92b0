import { followed, IMaking } from './making';

const nothing = (): void => undefined;

describe('what a signature began', () => {
  it('is kept when it has ended, for the panel of a new name', async () => {
    const kept: IMaking<string> = { making: null };
    expect(await followed(kept, Promise.resolve('made'), nothing)).toBe('made');
    expect(await kept.making).toBe('made');
  });

  it('is kept when it failed, for the panel of a new name tells it in the place of the old', async () => {
    const kept: IMaking<string> = { making: null };
    const begun = Promise.reject(new Error('the key did not open'));
    await expect(followed(kept, begun, nothing)).rejects.toThrow(
      'did not open'
    );
    expect(kept.making).toBe(begun);
  });

  it('takes back what was told of an earlier one', async () => {
    const clear = jest.fn();
    const kept: IMaking<string> = { making: null };
    await followed(kept, Promise.resolve('made'), clear);
    expect(clear).toHaveBeenCalledTimes(1);
  });
});
