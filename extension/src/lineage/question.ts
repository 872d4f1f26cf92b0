/** What is asked early is an answer about now for so long. */
const FRESH_MS = 1000;

/** A question that may be asked a moment before anybody is there to take its answer. */
export class Question<About extends object, T> {
  constructor(private _ask: (about: About) => Promise<T>) {}

  /** Ask what will be asked in a moment: the server begins while the page makes place. */
  begin(about: About): void {
    const answer = this._ask(about);
    answer.catch(() => undefined); // told to who takes it
    this._begun = {
      about: JSON.stringify(about),
      answer,
      since: performance.now()
    };
  }

  /** The answer; that of what was begun a moment ago, where it is about the same. */
  take(about: About): Promise<T> {
    const begun = this._begun;
    this._begun = null;
    const isIt =
      begun?.about === JSON.stringify(about) &&
      performance.now() - begun.since < FRESH_MS;
    return isIt ? begun.answer : this._ask(about);
  }

  private _begun: {
    about: string;
    answer: Promise<T>;
    since: number;
  } | null = null;
}
