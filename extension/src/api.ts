import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { EventReader, IServerEvent } from './events';
import type { Trans } from './words';

/** What the server says of an error, in the three parts that every message of the product has. */
export interface IErrorDescription {
  error: string;
  what: string;
  why: string;
  next: string;
}

/** A refusal or failure that says what happened, why, and what to do next. */
export class GovernedError extends Error {
  constructor(readonly description: IErrorDescription) {
    super(description.what);
  }
}

/** Servers, and what stands before them, close the line on longer addresses without a word. */
const LONGEST_QUESTION = 8000;

type Query = Record<string, string | number | boolean | undefined>;

/** The routes of the server extension; each panel has its own typed functions over this. */
export class Client {
  constructor(
    readonly settings: ServerConnection.ISettings,
    private _trans: Trans
  ) {}

  /** Ask a question. */
  async get<T>(route: string, query: Query = {}): Promise<T> {
    const url = this._url(route, query);
    if (url.length > LONGEST_QUESTION) {
      throw new GovernedError({
        error: 'UsageError',
        what: this._trans.__('What was asked is too long to be sent'),
        why: this._trans.__('It has %1 letters', url.length),
        next: this._trans.__('Ask with fewer words')
      });
    }
    return this._json<T>(await this._request(url, {}));
  }

  /** Do something. */
  async post<T>(route: string, body: object): Promise<T> {
    const init = { method: 'POST', body: JSON.stringify(body) };
    return this._json<T>(await this._request(this._url(route, {}), init));
  }

  /** Start a job and wait for its result; `onStep` hears what it is at. */
  async job<T>(
    route: string,
    body: object,
    onStep: (step: string) => void = () => undefined,
    signal?: AbortSignal
  ): Promise<T> {
    const { job } = await this.post<{ job: string }>(route, body);
    let result: { value: T } | null = null;
    await this.follow(
      'jobs/events',
      { job },
      event => {
        if (event.name === 'step') {
          onStep((event.data as { step: string }).step);
        } else if (event.name === 'failed') {
          throw new GovernedError(event.data as IErrorDescription);
        } else if (event.name === 'done') {
          result = { value: event.data as T };
        }
      },
      signal
    );
    if (result === null) {
      throw this._unreachable(
        this._trans.__('The server ended before it was done')
      );
    }
    return (result as { value: T }).value;
  }

  /** Follow a stream of events to its end. */
  async follow(
    route: string,
    query: Query,
    onEvent: (event: IServerEvent) => void,
    signal?: AbortSignal
  ): Promise<void> {
    const answer = await this._request(this._url(route, query), { signal });
    if (!answer.ok) {
      await this._json(answer);
    }
    const body = answer.body?.getReader();
    const decoder = new TextDecoder();
    const events = new EventReader();
    try {
      for (;;) {
        const chunk = await body?.read();
        if (!chunk || chunk.done) {
          return;
        }
        for (const event of events.read(
          decoder.decode(chunk.value, { stream: true })
        )) {
          if (event.name === 'error') {
            throw new GovernedError(event.data as IErrorDescription);
          }
          onEvent(event);
        }
      }
    } finally {
      await body?.cancel().catch(() => undefined);
    }
  }

  private _url(route: string, query: Query): string {
    const said = Object.entries(query).filter(
      ([, value]) => value !== undefined && value !== ''
    );
    const search = new URLSearchParams(
      said.map(([name, value]) => [name, String(value)])
    );
    const url = URLExt.join(this.settings.baseUrl, 'governed', route);
    return said.length ? `${url}?${search}` : url;
  }

  private async _request(url: string, init: RequestInit): Promise<Response> {
    try {
      return await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      if ((error as Error).name === 'AbortError' || init.signal?.aborted) {
        throw error;
      }
      throw this._unreachable(String((error as Error).message || error));
    }
  }

  private async _json<T>(answer: Response): Promise<T> {
    const text = await answer.text();
    let value: unknown = null;
    try {
      value = JSON.parse(text);
    } catch {
      // said below, with the status
    }
    if (answer.ok && value !== null) {
      return value as T;
    }
    const said = value as Partial<
      IErrorDescription & { message: string }
    > | null;
    if (said?.what) {
      throw new GovernedError(said as IErrorDescription);
    }
    throw new GovernedError({
      error: 'HTTP',
      what: this._trans.__('The server answered %1', answer.status),
      why: said?.message ?? answer.statusText,
      next:
        answer.status === 403
          ? this._trans.__('Sign in to Jupyter again, then reload this page')
          : this._trans.__('Look at the log of the Jupyter server')
    });
  }

  private _unreachable(why: string): GovernedError {
    return new GovernedError({
      error: 'Unreachable',
      what: this._trans.__('The server can’t be reached'),
      why,
      next: this._trans.__(
        'Check that the Jupyter server runs; runs that were started go on without it'
      )
    });
  }
}

/** Whatever was thrown, as something that can be shown. */
export function described(error: unknown): IErrorDescription {
  if (error instanceof GovernedError) {
    return error.description;
  }
  return {
    error: 'Error',
    what: error instanceof Error ? error.message : String(error),
    why: '',
    next: ''
  };
}
