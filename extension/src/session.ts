import type { ISessionContext } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel } from '@jupyterlab/services';
import { ISignal, Signal } from '@lumino/signaling';

import { Client, described, IErrorDescription } from './api';
import type { ICellEvidence, ISession } from './records';

const PAUSE_MS = 250;
const RETRY_MS = 3000;
const GOVERNED_KERNELS = ['governed-research', 'governed-release'];

/** What is on record of one open notebook, kept up to date while its cells run. */
export class SessionModel {
  constructor(
    readonly panel: NotebookPanel,
    private _client: Client
  ) {
    const context = panel.sessionContext;
    context.statusChanged.connect(this._onStatus, this);
    context.kernelChanged.connect(this.refresh, this);
    context.kernelPreferenceChanged.connect(this.refresh, this);
    panel.disposed.connect(() => {
      window.clearTimeout(this._timer);
      Signal.clearData(this);
    });
    void context.ready.then(() => this.refresh());
  }

  /** The answer that came last; null before the first, and for kernels that record nothing. */
  get session(): ISession | null {
    return this._session;
  }

  /** Why there is no answer. */
  get problem(): IErrorDescription | null {
    return this._problem;
  }

  /** Whether the notebook's kernel is one that records. */
  get isGoverned(): boolean {
    return GOVERNED_KERNELS.includes(kernelName(this.panel.sessionContext));
  }

  /** Evidence of each cell, by the cell's id. */
  get cells(): ReadonlyMap<string, ICellEvidence> {
    return this._cells;
  }

  /** There is something new to show. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Ask again soon; several requests in a row become one. */
  refresh(): void {
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => void this._ask(), PAUSE_MS);
  }

  private _onStatus(_: ISessionContext, status: Kernel.Status): void {
    if (status === 'idle') {
      this.refresh();
    }
  }

  private async _ask(): Promise<void> {
    if (this.panel.isDisposed) {
      return;
    }
    if (!this.isGoverned) {
      this._take(null, null);
      return;
    }
    const asked = ++this._asked;
    const kernel = this.panel.sessionContext.session?.kernel?.id ?? '';
    try {
      const path = this.panel.context.path;
      const found = await this._client.get<ISession>('session', {
        path,
        kernel
      });
      if (asked === this._asked) {
        this._take(found, null);
      }
    } catch (error) {
      if (asked === this._asked) {
        this._take(this._session, described(error));
        this._timer = window.setTimeout(() => void this._ask(), RETRY_MS);
      }
    }
  }

  private _take(
    session: ISession | null,
    problem: IErrorDescription | null
  ): void {
    if (this.panel.isDisposed) {
      return;
    }
    this._session = session;
    this._problem = problem;
    this._cells = new Map(
      (session?.cells ?? []).map(cell => [cell.cell_id, cell])
    );
    this._changed.emit();
  }

  private _asked = 0;
  private _timer = 0;
  private _session: ISession | null = null;
  private _problem: IErrorDescription | null = null;
  private _cells: ReadonlyMap<string, ICellEvidence> = new Map();
  private _changed = new Signal<this, void>(this);
}

/** One model a notebook, made when it is first asked for. */
export class SessionModels {
  constructor(
    private _client: Client,
    notebooks: INotebookTracker
  ) {
    notebooks.widgetAdded.connect((_, panel) => this.of(panel), this);
  }

  /** The model of an open notebook. */
  of(panel: NotebookPanel): SessionModel {
    let model = this._models.get(panel);
    if (!model) {
      model = new SessionModel(panel, this._client);
      this._models.set(panel, model);
    }
    return model;
  }

  private _models = new WeakMap<NotebookPanel, SessionModel>();
}

/** The name of a notebook's kernel, also while it starts. */
export function kernelName(context: ISessionContext): string {
  return context.session?.kernel?.name ?? context.kernelPreference.name ?? '';
}
