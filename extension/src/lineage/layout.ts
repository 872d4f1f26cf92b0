import type { IShown } from './model';

export interface IPoint {
  x: number;
  y: number;
}

/** What is laid out: sizes are the same for all. */
export interface ILayoutRequest {
  id: number;
  nodes: string[];
  links: [string, string][];
  /** Whether what comes before stands above, not to the left: for a narrow place. */
  isNarrow: boolean;
}

export interface ILayoutAnswer {
  id: number;
  places: Record<string, IPoint>;
}

/** Places for nodes, found in a worker so that the page stays responsive. */
export class Layout {
  /** The middle of each node. */
  async of(shown: IShown, isNarrow: boolean): Promise<Map<string, IPoint>> {
    const request: ILayoutRequest = {
      id: ++this._asked,
      nodes: shown.nodes.map(node => node.key),
      links: shown.links.map(link => [link.source, link.target]),
      isNarrow
    };
    const answer = await this._ask(request);
    return new Map(Object.entries(answer.places));
  }

  /** Begin to fetch what it takes. */
  prepare(): void {
    this._start();
  }

  private async _ask(request: ILayoutRequest): Promise<ILayoutAnswer> {
    const worker = this._start();
    if (worker) {
      try {
        return await new Promise((resolve, reject) => {
          const onMessage = (event: MessageEvent<ILayoutAnswer>): void => {
            if (event.data.id === request.id) {
              worker.removeEventListener('message', onMessage);
              resolve(event.data);
            }
          };
          worker.addEventListener('message', onMessage);
          worker.addEventListener('error', reject, { once: true });
          worker.postMessage(request);
        });
      } catch {
        this._isRefused = true; // a page may forbid workers; the answer only takes longer then
        this._worker?.terminate();
        this._worker = null;
      }
    }
    const { laidOut } = await import('./placing');
    return laidOut(request);
  }

  private _start(): Worker | null {
    if (!this._worker && !this._isRefused) {
      try {
        this._worker = new Worker(
          new URL('./layout.worker.js', import.meta.url),
          { type: 'module' }
        );
      } catch {
        this._isRefused = true;
      }
    }
    return this._worker;
  }

  private _asked = 0;
  private _isRefused = false;
  private _worker: Worker | null = null;
}
