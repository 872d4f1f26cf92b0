import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { runsIcon } from '../icons';
import { Busy, Panel, Problem, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { ParameterForm } from '../parts/parameters';
import { SignForm, useStatus } from '../parts/signing';
import type { IParameter } from '../records';

/** A form made from the approved schema, and the run that it starts. */
export function startRunPanel(governed: Governed, release: string): Panel {
  const panel = new Panel(governed, <StartView release={release} />);
  panel.id = `governed-start-${release}`;
  panel.title.icon = runsIcon;
  panel.title.label = governed.trans.__('Run %1', release);
  panel.title.closable = true;
  return panel;
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
    <article className="gn-Page">
      <header className="gn-Page-header">
        <h1>{trans.__('Run %1', release)}</h1>
      </header>
      <p>
        {trans.__(
          'It runs in a process of its own: closing this page or the server does not end it.'
        )}
      </p>
      {answer.problem && (
        <Problem problem={answer.problem} retry={answer.again} />
      )}
      {!answer.value && answer.isBusy && (
        <Busy>{trans.__('Reading the release…')}</Busy>
      )}
      {answer.value && (
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
            parameters={answer.value.parameters}
            values={values}
            onChange={setValues}
          />
        </SignForm>
      )}
    </article>
  );
}
