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
  const { sessionContext } = panel;
  const { canStart, shouldStart } = sessionContext.kernelPreference;
  // a release kernel is refused outside of runs, and JupyterLab starts one before anybody can ask
  const isKept = OF_A_RELEASE.test(panel.context.path);
  const prefer = (more: ISessionContext.IKernelPreference): void => {
    sessionContext.kernelPreference = {
      ...sessionContext.kernelPreference,
      ...more
    };
  };
  if (isKept) {
    prefer({ canStart: false, shouldStart: false });
  }
  await panel.context.ready;
  const { path } = panel.context;
  const found = await governed.client
    .get<INotebookOf>('release/notebook', { path })
    .catch(() => null);
  if (panel.isDisposed) {
    return;
  }
  if (!found?.release) {
    if (isKept) {
      prefer({ canStart, shouldStart });
      await sessionContext.startKernel();
    }
    return;
  }
  panel.context.model.readOnly = true;
  for (const cell of panel.content.widgets) {
    cell.syncEditable = false; // else it would be written into the notebook
    cell.readOnly = true;
  }
  panel.contentHeader.addWidget(new Banner(governed, path));
}

class Banner extends ReactWidget {
  constructor(
    private _governed: Governed,
    private _path: string
  ) {
    super();
    this.addClass('gn-Banner');
  }

  protected override render(): React.ReactElement {
    return (
      <GovernedContext.Provider value={this._governed}>
        <BannerLine path={this._path} />
      </GovernedContext.Provider>
    );
  }
}

function BannerLine(props: { path: string }): React.ReactElement | null {
  const { trans, client, app } = useGoverned();
  const changes = useChanges();
  const answer = useAnswer(
    () => client.get<INotebookOf>('release/notebook', { path: props.path }),
    [props.path, changes]
  );
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
