import { openNotebook } from './notebook';

jest.mock('@jupyterlab/notebook', () => ({ NotebookActions: {} }));

const panel = { context: { ready: Promise.resolve() } };

type Asked = Parameters<typeof openNotebook>;

/** Open a notebook of a server that answers so when it is asked for it. */
function opening(answer: Promise<unknown>): Promise<unknown> {
  const app = {
    serviceManager: { contents: { get: () => answer } },
    commands: { execute: async () => panel }
  } as unknown as Asked[0];
  const notebooks = { find: () => undefined } as unknown as Asked[1];
  return openNotebook(app, notebooks, 'sour.ipynb');
}

const failed = (status: number): Promise<never> =>
  Promise.reject(Object.assign(new Error('no'), { response: { status } }));

describe('a notebook to be opened', () => {
  it('is opened where it is there', async () => {
    expect(await opening(Promise.resolve({}))).toBe(panel);
  });

  it('is none where the server says so', async () => {
    expect(await opening(failed(404))).toBeNull();
  });

  it('is never said to be gone because the server did not answer', async () => {
    await expect(opening(failed(500))).rejects.toThrow('no');
    await expect(opening(failed(403))).rejects.toThrow('no');
    const unreachable = new TypeError('Failed to fetch');
    await expect(opening(Promise.reject(unreachable))).rejects.toBe(
      unreachable
    );
  });
});
