import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { runsIcon } from '../icons';
import { Panel, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { Answered, Page, titled } from '../parts/page';
import { ParameterForm } from '../parts/parameters';
import { SignForm, useStatus } from '../parts/signing';
import type { IParameter } from '../records';

/** A form made from the approved schema, and the run that it starts. */
export function startRunPanel(governed: Governed, release: string): Panel {
  return titled(governed, <StartView release={release} />, {
    id: `governed-start-${release}`,
    icon: runsIcon,
    label: governed.trans.__('Run %1', release)
  });
}

function StartView(props: { release: string }): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place, app } = governed;
  const status = useStatus();
  const [values, setValues] = React.useState<Record<string, string>>({});
  const { release } = props;
  const answer = useAnswer(
    () =>
      client.get<{ parameters: IParameter[] }>('runs/parameters', {
        path: place,
        release
      }),
    [place, release]
  );
  return (
    <Page title={trans.__('Run %1', release)}>
      <p>
        {trans.__(
          'It runs in a process of its own: closing this page or the server does not end it.'
        )}
      </p>
      <Answered answer={answer} busy={trans.__('Reading the release…')}>
        {found => (
          <SignForm
            status={status}
            button={trans.__('Start the run')}
            sign={async (signed, onStep) => {
              const body = {
                ...signed,
                path: place,
                release,
                parameters: values
              };
              const { run } = await client.job<{ run: string }>(
                'runs',
                body,
                onStep
              );
              governed.tell();
              await app.commands.execute(Commands.run, { run });
            }}
          >
            <ParameterForm
              parameters={found.parameters}
              values={values}
              onChange={setValues}
            />
          </SignForm>
        )}
      </Answered>
    </Page>
  );
}
