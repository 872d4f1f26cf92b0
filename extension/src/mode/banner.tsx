import { type ISessionContext, ReactWidget } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import * as React from 'react';

import { Commands } from '../commands';
import { Governed } from '../governed';
import {
  Button,
  Digest,
  GovernedContext,
  Tag,
  useChanges,
  useGoverned
} from '../parts';
import { useAnswer } from '../parts/asking';
import type { IReleaseSummary } from '../records';
import { StateTag } from '../parts/state';

interface INotebookOf {
  release: IReleaseSummary | null;
  intact?: boolean;
}

const OF_A_RELEASE = /(^|\/)release\/[^/]+@[^/]+\//;

/** Open a release's notebook for reading only, under a banner that says how the release stands. */
export async function addBanner(
  governed: Governed,
  panel: NotebookPanel
): Promise<void> {
  // a release kernel is refused outside of runs, and JupyterLab starts one before anybody can ask
  const isKept = OF_A_RELEASE.test(panel.context.path);
  const startKernel = isKept ? withheld(panel.sessionContext) : null;
  await panel.context.ready;
  const early = isKept ? keep(panel) : null; // also for as long as the answer takes
  const { path } = panel.context;
  // where nobody can say what it is of, it stays as a release's notebook has to be
  const isOfOne = await governed.client
    .get<INotebookOf>('release/notebook', { path })
    .then(found => found.release !== null)
    .catch(() => isKept);
  if (panel.isDisposed) {
    return;
  }
  if (!isOfOne) {
    early?.();
    startKernel?.();
    return;
  }
  const free = early ?? keep(panel);
  const banner = new Banner(governed, path, () => {
    banner.dispose();
    free();
    startKernel?.();
  });
  panel.contentHeader.addWidget(banner);
}

/** Let it start no kernel; what is returned lets it, and starts the one that it would have had. */
function withheld(context: ISessionContext): () => void {
  const { canStart, shouldStart } = context.kernelPreference;
  const prefer = (more: ISessionContext.IKernelPreference): void => {
    context.kernelPreference = { ...context.kernelPreference, ...more };
  };
  prefer({ canStart: false, shouldStart: false });
  return () => {
    prefer({ canStart, shouldStart });
    if (canStart !== false && shouldStart !== false && !context.session) {
      void context.startKernel();
    }
  };
}

/** Let it be read only; what is returned lets it be edited as before. */
function keep(panel: NotebookPanel): () => void {
  const { model } = panel.context;
  const { widgets } = panel.content;
  const { readOnly } = model; // so is a file that may not be written
  model.readOnly = true;
  for (const cell of widgets) {
    cell.syncEditable = false; // else it would be written into the notebook
    cell.readOnly = true;
  }
  return () => {
    model.readOnly = readOnly;
    for (const cell of widgets) {
      cell.syncEditable = true; // it takes up what the notebook says of it
    }
  };
}

class Banner extends ReactWidget {
  constructor(
    private _governed: Governed,
    private _path: string,
    private _onNone: () => void
  ) {
    super();
    this.addClass('gn-Banner');
  }

  protected override render(): React.ReactElement {
    return (
      <GovernedContext.Provider value={this._governed}>
        <BannerLine path={this._path} onNone={this._onNone} />
      </GovernedContext.Provider>
    );
  }
}

function BannerLine(props: {
  path: string;
  onNone: () => void;
}): React.ReactElement | null {
  const { trans, client, app } = useGoverned();
  const changes = useChanges();
  const answer = useAnswer(
    () => client.get<INotebookOf>('release/notebook', { path: props.path }),
    [props.path, changes]
  );
  const isOfNone = answer.value?.release === null;
  React.useEffect(() => {
    if (isOfNone) {
      queueMicrotask(props.onNone); // it takes this line away, which React is drawing
    }
  }, [isOfNone]);
  if (answer.problem) {
    const { what, why } = answer.problem;
    return (
      <div role="alert" className="gn-Banner-line">
        <Tag tone="bad">{trans.__('its release is not known')}</Tag>
        <b>{what}</b>
        <span>{why}</span>
        <span>{trans.__('read-only')}</span>
        <Button kind="link" onClick={answer.again}>
          {trans.__('Try again')}
        </Button>
      </div>
    );
  }
  const release = answer.value?.release;
  if (!release) {
    return null;
  }
  return (
    <div role="note" className="gn-Banner-line">
      <b>{release.release}</b> <StateTag state={release.state} />
      <span>
        {trans.__('%1 of %2 approvals', release.approvals, release.required)}
      </span>
      <Digest value={release.digest} />
      {answer.value?.intact ? (
        <Tag tone="good">{trans.__('as it was promoted')}</Tag>
      ) : (
        <Tag tone="bad">{trans.__('not what was promoted')}</Tag>
      )}
      <span>{trans.__('read-only')}</span>
      <Button
        kind="link"
        onClick={() =>
          void app.commands.execute(Commands.release, {
            release: release.release
          })
        }
      >
        {trans.__('Open the release')}
      </Button>
    </div>
  );
}
