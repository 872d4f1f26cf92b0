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

/** What is used of a worker. */
export type LayoutWorker = Pick<
  Worker,
  'onmessage' | 'onerror' | 'postMessage' | 'terminate'
>;

/** Places for nodes, found in a worker so that the page stays responsive. */
export class Layout {
  constructor(private _make: () => LayoutWorker) {}

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
    const answer =
      worker &&
      (await new Promise<ILayoutAnswer | null>(resolve => {
        this._waiting.set(request.id, resolve);
        worker.postMessage(request);
      }));
    return answer ?? (await import('./placing')).laidOut(request);
  }

  private _start(): LayoutWorker | null {
    if (!this._worker && !this._isRefused) {
      try {
        this._worker = this._make();
        this._worker.onmessage = (event: MessageEvent<ILayoutAnswer>) => {
          this._waiting.get(event.data.id)?.(event.data);
          this._waiting.delete(event.data.id);
        };
        // at once: a worker that can't be had says so before anything is asked of it
        this._worker.onerror = () => this._refused();
      } catch {
        this._refused();
      }
    }
    return this._worker;
  }

  /** A page may forbid workers: what waits is found on the page, and only takes longer then. */
  private _refused(): void {
    this._isRefused = true;
    this._worker?.terminate();
    this._worker = null;
    const waiting = [...this._waiting.values()];
    this._waiting.clear();
    for (const resolve of waiting) {
      resolve(null);
    }
  }

  private _asked = 0;
  private _isRefused = false;
  private _waiting = new Map<number, (answer: ILayoutAnswer | null) => void>();
  private _worker: LayoutWorker | null = null;
}
