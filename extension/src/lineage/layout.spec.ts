import { ILayoutRequest, Layout, LayoutWorker } from './layout';
import type { IShown } from './model';

const shown = {
  nodes: [{ key: 'a' }, { key: 'b' }],
  links: [{ source: 'a', target: 'b' }]
} as unknown as IShown;

/** A worker that does what a test says. */
class FakeWorker implements LayoutWorker {
  onmessage: LayoutWorker['onmessage'] = null;
  onerror: LayoutWorker['onerror'] = null;
  asked: ILayoutRequest[] = [];
  isOver = false;

  postMessage(request: ILayoutRequest): void {
    this.asked.push(request);
  }

  terminate(): void {
    this.isOver = true;
  }

  answer(request: ILayoutRequest): void {
    const places = Object.fromEntries(
      request.nodes.map(key => [key, { x: request.id, y: 0 }])
    );
    this._say('onmessage', { data: { id: request.id, places } });
  }

  fail(): void {
    this._say('onerror', {});
  }

  private _say(to: 'onmessage' | 'onerror', event: unknown): void {
    (this[to] as ((event: unknown) => void) | null)?.call(this, event);
  }
}

describe('a layout', () => {
  it('gives each question the answer that is its own', async () => {
    const worker = new FakeWorker();
    const layout = new Layout(() => worker);
    const both = Promise.all([layout.of(shown, false), layout.of(shown, true)]);
    [...worker.asked].reverse().forEach(request => worker.answer(request));
    const [first, second] = await both;
    expect(first.get('a')).toEqual({ x: 1, y: 0 });
    expect(second.get('a')).toEqual({ x: 2, y: 0 });
  });

  it('is found on the page where the worker failed before anything was asked', async () => {
    const worker = new FakeWorker();
    const layout = new Layout(() => worker);
    layout.prepare();
    worker.fail();
    expect([...(await layout.of(shown, false)).keys()]).toEqual(['a', 'b']);
    expect(worker.asked).toEqual([]);
    expect(worker.isOver).toBe(true);
  });

  it('is found on the page where the worker fails while it is asked', async () => {
    const worker = new FakeWorker();
    const layout = new Layout(() => worker);
    const places = layout.of(shown, false);
    worker.fail();
    expect((await places).size).toBe(2);
  });

  it('is found on the page where none can be made', async () => {
    const layout = new Layout(() => {
      throw new Error('forbidden');
    });
    expect((await layout.of(shown, false)).size).toBe(2);
  });
});
