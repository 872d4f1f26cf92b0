import type { NotebookPanel } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';

import type { Client } from './api';
import { SessionModel } from './session';

type Answer = (value: unknown) => void;

/** A model of a notebook, whose server answers when a test says so. */
class Watched {
  constructor(kernel = 'governed-research') {
    const context = {
      ready: Promise.resolve(),
      session: { kernel: { id: 'k1', name: kernel } },
      statusChanged: new Signal<unknown, string>({}),
      kernelChanged: new Signal<unknown, unknown>({}),
      kernelPreferenceChanged: new Signal<unknown, unknown>({})
    };
    this.status = context.statusChanged;
    const panel = {
      sessionContext: context,
      context: { path: 'sour.ipynb' },
      disposed: new Signal<unknown, void>({}),
      isDisposed: false
    };
    const client = {
      get: () =>
        new Promise((resolve, reject) => this.asked.push([resolve, reject]))
    };
    this.model = new SessionModel(
      panel as unknown as NotebookPanel,
      client as unknown as Client
    );
    this.model.changed.connect(() => this.changes++);
  }

  model: SessionModel;
  status: Signal<unknown, string>;
  asked: [Answer, Answer][] = [];
  changes = 0;

  /** Let as much time pass, and all that waits for no time. */
  async pass(ms: number): Promise<void> {
    await jest.advanceTimersByTimeAsync(ms);
  }
}

const session = (explained: number): unknown => ({
  session: { explained },
  recording: true,
  cells: [{ cell_id: 'a' }]
});

beforeEach(() => {
  jest.useFakeTimers();
  Object.assign(globalThis, { window: globalThis });
});

afterEach(() => {
  jest.useRealTimers();
});

describe('the session of a notebook', () => {
  it('is asked for once, however many cells end in a row', async () => {
    const watched = new Watched();
    for (let cell = 0; cell < 5; cell++) {
      await watched.pass(100);
      watched.status.emit('idle');
    }
    expect(watched.asked).toHaveLength(0);
    await watched.pass(250);
    expect(watched.asked).toHaveLength(1);
  });

  it('is what was asked for last, in whatever order the answers come', async () => {
    const watched = new Watched();
    await watched.pass(250);
    watched.model.refresh();
    await watched.pass(250);
    const [early, late] = watched.asked;
    late[0](session(2));
    await watched.pass(0);
    early[0](session(1));
    await watched.pass(0);
    expect(watched.model.session?.session?.explained).toBe(2);
    expect(watched.changes).toBe(1);
    expect([...watched.model.cells.keys()]).toEqual(['a']);
  });

  it('stays as it was where the server did not answer, which is told and asked anew', async () => {
    const watched = new Watched();
    await watched.pass(250);
    watched.asked[0][0](session(1));
    watched.model.refresh();
    await watched.pass(250);
    watched.asked[1][1](new Error('away'));
    await watched.pass(0);
    expect(watched.model.problem?.what).toBe('away');
    expect(watched.model.session?.session?.explained).toBe(1);
    await watched.pass(3000);
    expect(watched.asked).toHaveLength(3);
    watched.asked[2][0](session(2));
    await watched.pass(0);
    expect(watched.model.problem).toBeNull();
  });

  it('is not asked for of a kernel that records nothing', async () => {
    const watched = new Watched('python3');
    await watched.pass(250);
    expect(watched.asked).toHaveLength(0);
    expect(watched.model.session).toBeNull();
  });
});
