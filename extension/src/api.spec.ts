import { ServerConnection } from '@jupyterlab/services';

import { Client, described, GovernedError, IErrorDescription } from './api';

const trans = {
  __: (text: string, ...values: unknown[]) =>
    values.reduce<string>(
      (said, value, at) => said.replace(`%${at + 1}`, String(value)),
      text
    ),
  _n: (one: string, many: string, count: number) => (count === 1 ? one : many)
};

type Answer = Response | Error | ((url: string) => Response);

/** A client of a server that answers so, one request after the other; and what it was asked. */
function client(...answers: Answer[]): { of: Client; asked: string[] } {
  const asked: string[] = [];
  const settings = ServerConnection.makeSettings({
    baseUrl: 'http://here/',
    fetch: async (input: RequestInfo | URL) => {
      const url = (input as Request).url;
      // without what Jupyter adds so that no browser answers from its cache
      asked.push(
        url.replace('http://here/governed/', '').replace(/[?&]\d+$/, '')
      );
      const answer = answers.shift()!;
      if (answer instanceof Error) {
        throw answer;
      }
      return typeof answer === 'function' ? answer(url) : answer;
    }
  });
  return { of: new Client(settings, trans), asked };
}

const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status });

const events = (...told: [string, unknown][]): Response =>
  new Response(
    told
      .map(
        ([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
      )
      .join('')
  );

const refusal: IErrorDescription = {
  error: 'Refused',
  what: 'sour@1 is not approved',
  why: '0 of 2 approvals',
  next: 'ask a reviewer'
};

/** What is told of what went wrong. */
const told = async (work: Promise<unknown>): Promise<IErrorDescription> =>
  work.then(
    () => Promise.reject(new Error('nothing went wrong')),
    error => described(error)
  );

describe('a question', () => {
  it('leaves out what was not said, and keeps what is false or zero', async () => {
    const { of, asked } = client(json([1]));
    const said = { path: 'a b', search: '', offset: 0, kernel: undefined };
    expect(await of.get('runs', said)).toEqual([1]);
    expect(asked).toEqual(['runs?path=a+b&offset=0']);
  });

  it('that is too long to be sent is refused in words, and never sent', async () => {
    const { of, asked } = client();
    const { what, why } = await told(
      of.get('runs', { search: 'x'.repeat(8000) })
    );
    expect(what).toContain('too long');
    expect(why).toMatch(/It has 80\d\d letters/);
    expect(asked).toEqual([]);
  });

  it('is refused as the server says it', async () => {
    expect(await told(client(json(refusal, 409)).of.get('run'))).toEqual(
      refusal
    );
  });

  it('that Jupyter itself refuses says to sign in again', async () => {
    const { what, why, next } = await told(
      client(json({ message: 'Forbidden' }, 403)).of.get('run')
    );
    expect([what, why]).toEqual(['The server answered 403', 'Forbidden']);
    expect(next).toContain('Sign in');
  });

  it('that is answered with no JSON names the status', async () => {
    const page = new Response('<html>', {
      status: 502,
      statusText: 'Bad Gateway'
    });
    const { what, why } = await told(client(page).of.get('run'));
    expect([what, why]).toEqual(['The server answered 502', 'Bad Gateway']);
  });

  it('that reaches nobody says so', async () => {
    const { error } = await told(
      client(new TypeError('Failed to fetch')).of.get('run')
    );
    expect(error).toBe('Unreachable');
  });
});

describe('a job', () => {
  const started = json.bind(null, { job: 'j1' });

  it('tells its steps, then its result', async () => {
    const { of, asked } = client(
      started(),
      events(['step', { step: 'one' }], ['step', { step: 'two' }], ['done', 7])
    );
    const steps: string[] = [];
    expect(await of.job('checks', {}, step => steps.push(step))).toBe(7);
    expect(steps).toEqual(['one', 'two']);
    expect(asked).toEqual(['checks', 'jobs/events?job=j1']);
  });

  it('that fails is told as its error', async () => {
    const { of } = client(started(), events(['failed', refusal]));
    expect(await told(of.job('checks', {}))).toEqual(refusal);
  });

  it('of which the stream fails is told as that error', async () => {
    const { of } = client(started(), events(['error', refusal]));
    expect(await told(of.job('checks', {}))).toEqual(refusal);
  });

  it('is never taken for done because its stream ended', async () => {
    const { of } = client(started(), events(['step', { step: 'one' }]));
    expect((await told(of.job('checks', {}))).error).toBe('Unreachable');
  });

  it('may have nothing for its result', async () => {
    const { of } = client(started(), events(['done', null]));
    expect(await of.job('checks', {})).toBeNull();
  });
});

describe('a stream', () => {
  it('that was given up is no server that is away', async () => {
    const stop = new AbortController();
    const { of } = client(
      Object.assign(new Error('stopped'), { name: 'AbortError' })
    );
    stop.abort();
    const error = await of
      .follow('runs/events', {}, () => undefined, stop.signal)
      .catch(reason => reason);
    expect(error.message).toContain('stopped');
    expect(error).not.toBeInstanceOf(GovernedError);
  });

  it('that is refused says why', async () => {
    const follow = client(json(refusal, 404)).of.follow(
      'runs/events',
      {},
      () => undefined
    );
    await expect(follow).rejects.toBeInstanceOf(GovernedError);
  });
});
