import { NotebookActions, type NotebookPanel } from '@jupyterlab/notebook';

import type { IFix } from '../records';
import { applyFix, fixLabel } from './fixes';

jest.mock('@jupyterlab/notebook', () => ({
  NotebookActions: { runAll: jest.fn() }
}));

const trans = {
  __: (text: string, ...values: unknown[]) =>
    values.reduce<string>(
      (said, value, at) => said.replace(`%${at + 1}`, String(value)),
      text
    ),
  _n: (one: string, many: string, count: number) => (count === 1 ? one : many)
};

const runAll = NotebookActions.runAll as unknown as jest.Mock;

interface ICell {
  id: string;
  source: string;
  ran?: boolean;
  type?: string;
}

/** An open notebook with these cells, and what a test asks of it. */
function notebook(...cells: ICell[]): {
  panel: NotebookPanel;
  tags: Record<string, unknown>;
  sources: Record<string, string>;
  saved: () => number;
  kernel: { id: string; restart: jest.Mock };
  started: jest.Mock;
  session: { kernel: unknown } | null;
} {
  const tags: Record<string, unknown> = {};
  const sources: Record<string, string> = {};
  const kernel = { id: 'k1', restart: jest.fn() };
  const save = jest.fn();
  const sessionContext = {
    session: { kernel } as { kernel: unknown } | null,
    startKernel: jest.fn()
  };
  const widgets = cells.map(({ id, source, ran, type }) => ({
    model: {
      id,
      type: type ?? 'code',
      executionCount: ran ? 1 : null,
      sharedModel: {
        source,
        getSource: () => source,
        setSource: (text: string) => (sources[id] = text)
      },
      getMetadata: () => tags[id] ?? ['mine'],
      setMetadata: (_: string, value: unknown) => (tags[id] = value)
    }
  }));
  return {
    panel: {
      sessionContext,
      content: { widgets },
      context: { save }
    } as unknown as NotebookPanel,
    tags,
    sources,
    saved: () => save.mock.calls.length,
    kernel,
    started: sessionContext.startKernel,
    get session() {
      return sessionContext.session;
    },
    set session(session) {
      sessionContext.session = session;
    }
  };
}

const fix = (kind: IFix['kind'], more: Partial<IFix> = {}): IFix => ({
  kind,
  cell_id: 'a',
  before: '',
  after: '',
  path: '',
  ...more
});

beforeEach(() => runAll.mockReset());

describe('a fix of a cell', () => {
  it('keeps the tags that it had, and saves the notebook', async () => {
    const open = notebook({ id: 'a', source: 'steps = 3' });
    await applyFix(open.panel, fix('tag'), trans);
    expect(open.tags.a).toEqual(['mine', 'parameters']);
    expect(open.saved()).toBe(1);
  });

  it('changes what was checked', async () => {
    const open = notebook({ id: 'a', source: 'open("/data/x")' });
    const change = fix('source', {
      before: 'open("/data/x")',
      after: 'open("x")'
    });
    await applyFix(open.panel, change, trans);
    expect(open.sources.a).toBe('open("x")');
  });

  it('touches nothing that was changed since', async () => {
    const open = notebook({ id: 'a', source: 'open("/data/y")' });
    const change = fix('source', { before: 'open("/data/x")', after: '' });
    await expect(applyFix(open.panel, change, trans)).rejects.toThrow(
      'changed since it was checked'
    );
    const gone = fix('tag', { cell_id: 'b' });
    await expect(applyFix(open.panel, gone, trans)).rejects.toThrow('changed');
    expect([open.sources, open.tags, open.saved()]).toEqual([{}, {}, 0]);
  });
});

describe('running all cells anew', () => {
  const cells = [
    { id: 'a', source: 'x = 1', ran: true },
    { id: 'b', source: '  ' },
    { id: 'c', source: 'words', type: 'markdown' }
  ];

  it('restarts the kernel first, and asks nothing of cells without code', async () => {
    const open = notebook(...cells);
    runAll.mockResolvedValue(true);
    await applyFix(open.panel, fix('run'), trans);
    expect(open.kernel.restart).toHaveBeenCalledTimes(1);
    expect(open.saved()).toBe(1);
  });

  it('starts a kernel where there is none, and says where none could start', async () => {
    const open = notebook(...cells);
    open.session = null;
    await expect(applyFix(open.panel, fix('run'), trans)).rejects.toThrow(
      'has no kernel'
    );
    expect(open.started).toHaveBeenCalledTimes(1);
    expect(runAll).not.toHaveBeenCalled();
    open.started.mockImplementation(() => {
      open.session = { kernel: open.kernel };
    });
    runAll.mockResolvedValue(true);
    await applyFix(open.panel, fix('run'), trans);
    expect(open.kernel.restart).not.toHaveBeenCalled();
  });

  it('says that a cell failed', async () => {
    const open = notebook(...cells);
    runAll.mockResolvedValue(false);
    await expect(applyFix(open.panel, fix('run'), trans)).rejects.toThrow(
      'A cell failed'
    );
    expect(open.saved()).toBe(0);
  });

  it('is not done because JupyterLab says so: a cell may never have been sent', async () => {
    const open = notebook(...cells, { id: 'd', source: 'y = 2' });
    runAll.mockResolvedValue(true);
    await expect(applyFix(open.panel, fix('run'), trans)).rejects.toThrow(
      'Not all cells have run'
    );
  });

  it('is not done where another kernel took over', async () => {
    const open = notebook(...cells);
    runAll.mockImplementation(() => {
      open.session = { kernel: { id: 'k2' } };
      return Promise.resolve(true);
    });
    await expect(applyFix(open.panel, fix('run'), trans)).rejects.toThrow(
      'Not all cells have run'
    );
  });
});

describe('the button of a fix', () => {
  it('says what it does, with the file', () => {
    expect(fixLabel(fix('register', { path: 'x.csv' }), trans)).toBe(
      'Register x.csv…'
    );
  });
});
