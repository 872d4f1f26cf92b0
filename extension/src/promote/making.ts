/** What a signature begins and goes on where its notebook is renamed: a panel of the new name follows. */
export interface IMaking<T> {
  making: Promise<T> | null;
}

/** The panel that follows it. */
export interface IFollower {
  /** Whether it is still shown, so that people read what it tells. */
  isThere: () => boolean;
  /** Take back what was told of an earlier one. */
  clear: () => void;
}

/**
 * Follow what was begun to its end.
 *
 * What came of it is kept, as it may end between two panels; not a failure that a panel has told:
 * the next would tell it anew.
 */
export async function followed<T>(
  kept: IMaking<T>,
  begun: Promise<T>,
  follower: IFollower
): Promise<T> {
  follower.clear();
  kept.making = begun;
  try {
    return await begun;
  } catch (error) {
    if (follower.isThere() && kept.making === begun) {
      kept.making = null;
    }
    throw error;
  }
}
