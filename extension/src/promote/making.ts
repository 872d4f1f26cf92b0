/** What a signature begins and goes on where its notebook is renamed: a panel of the new name follows. */
export interface IMaking<T> {
  making: Promise<T> | null;
}

/**
 * Follow what was begun to its end.
 *
 * What came of it is kept, a failure too: the panel that told it is gone as soon as its notebook
 * has another name, maybe before anybody could read it.
 *
 * @param clear - takes back what the panel has told of an earlier one
 */
export async function followed<T>(
  kept: IMaking<T>,
  begun: Promise<T>,
  clear: () => void
): Promise<T> {
  clear();
  kept.making = begun;
  return begun;
}
