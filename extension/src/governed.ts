import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ISignal, Signal } from '@lumino/signaling';

import { Client } from './api';
import { nearest } from './nearest';
import type { IStatus } from './records';
import { SessionModel, SessionModels } from './session';

const PERSON = 'governed-notebooks:person';

/** What every panel works with: the routes, the words, who acts, and where. */
export class Governed {
  constructor(
    readonly app: JupyterFrontEnd,
    readonly notebooks: INotebookTracker,
    readonly trans: TranslationBundle,
    private _files: IFileBrowserFactory | null = null
  ) {
    this.client = new Client(app.serviceManager.serverSettings, trans);
    this.sessions = new SessionModels(this.client, notebooks);
    window.sessionStorage.setItem(PERSON, this.person);
    notebooks.currentChanged.connect(this._moved, this);
  }

  readonly client: Client;
  readonly sessions: SessionModels;

  /** The notebook that has the focus, or had it last: panels are about its workspace. */
  get place(): string {
    return this.notebooks.currentWidget?.context.path ?? '';
  }

  /** The file or folder that is chosen in the file browser; empty where there is none. */
  get chosenFile(): string {
    const browser = this._files?.tracker.currentWidget;
    const chosen = browser?.selectedItems().next().value;
    return chosen
      ? this.app.serviceManager.contents.localPath(chosen.path)
      : '';
  }

  /** The folder that the file browser shows. */
  get folder(): string {
    const path = this._files?.tracker.currentWidget?.model.path ?? '';
    return this.app.serviceManager.contents.localPath(path);
  }

  /** The session of the notebook that has the focus. */
  get session(): SessionModel | null {
    const panel = this.notebooks.currentWidget;
    return panel ? this.sessions.of(panel) : null;
  }

  /**
   * Who acts in this tab, as they last said; a new tab begins with who acted last in any. Whatever
   * acts asks for that person's passphrase.
   */
  get person(): string {
    // before this tab knows anybody, whoever another tab knows
    return (
      window.sessionStorage.getItem(PERSON) ??
      window.localStorage.getItem(PERSON) ??
      ''
    );
  }
  set person(name: string) {
    const isOther = name !== this.person;
    window.sessionStorage.setItem(PERSON, name);
    if (isOther) {
      window.localStorage.setItem(PERSON, name);
      this._changed.emit();
    }
  }

  /** Person, place, or what is on record has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Tell every panel that something was done which lists may show. */
  tell(): void {
    this._asked.clear(); // what was asked before it is not about now
    this._changed.emit();
  }

  /** The workspace of a place, and who acts in it; parts of a page that ask at once ask once. */
  status(path = this.place): Promise<IStatus> {
    const { person } = this;
    const key = JSON.stringify([path, person]);
    let asked = this._asked.get(key);
    if (!asked) {
      const question = this._askStatus(path, person).finally(() => {
        if (this._asked.get(key) === question) {
          this._asked.delete(key);
        }
      });
      this._asked.set(key, question);
      asked = question;
    }
    return asked;
  }

  /** What `status` said last of a place: a page begins with it, and asks again. */
  knownStatus(path = this.place): IStatus | null {
    return this._known.get(path) ?? null;
  }

  /** The data classes of the workspace that panels are about, in the order of its settings. */
  get classes(): readonly string[] {
    const known = [...this._known.values()].map(status => status.workspace);
    const workspace =
      this.knownStatus()?.workspace ?? nearest(known, this.place);
    return Object.keys(workspace?.classes ?? {});
  }

  private async _askStatus(path: string, person: string): Promise<IStatus> {
    const status = await this.client.get<IStatus>('status', { path, person });
    this._known.set(path, status);
    if (status.signed_in) {
      this.person = status.person;
    }
    return status;
  }

  private _moved(): void {
    this._changed.emit();
  }

  private _asked = new Map<string, Promise<IStatus>>();
  private _known = new Map<string, IStatus>();
  private _changed = new Signal<this, void>(this);
}
