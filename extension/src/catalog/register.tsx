import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { catalogIcon } from '../icons';
import { Busy, Panel, Problem, useGoverned } from '../parts';
import { Page, titled } from '../parts/page';
import { useStatus } from '../parts/signing';
import { Registration } from './registration';
import { inWorkspace } from './versions';

/** Register a file or folder that was chosen in the file browser. */
export function registerPanel(governed: Governed, path: string): Panel {
  const { trans } = governed;
  return titled(governed, <RegisterView path={path} />, {
    id: `governed-register-${path}`,
    icon: catalogIcon,
    label: trans.__('Register %1', path.split('/').pop()),
    caption: path
  });
}

function RegisterView(props: { path: string }): React.ReactElement {
  const { trans, app } = useGoverned();
  const { path } = props;
  const folder = path.split('/').slice(0, -1).join('/');
  const status = useStatus(folder);
  const workspace = status?.workspace;
  const file = workspace ? inWorkspace(path, workspace.path) : null;
  return (
    <Page title={trans.__('Register %1', path)}>
      <p>
        {trans.__(
          'Its content becomes a version that nobody can change; the file itself stays yours.'
        )}
      </p>
      {!status && <Busy>{trans.__('Looking for the workspace…')}</Busy>}
      {status && file === null && (
        <Problem
          problem={{
            error: 'UsageError',
            what: trans.__('%1 lies in no governed workspace', path),
            why: trans.__('A catalog belongs to a workspace'),
            next: trans.__('Move it below a workspace, or make one here')
          }}
        />
      )}
      {file !== null && (
        <Registration
          path={folder}
          file={file}
          onDone={name => void app.commands.execute(Commands.version, { name })}
        />
      )}
    </Page>
  );
}
