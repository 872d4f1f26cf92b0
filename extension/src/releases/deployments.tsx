import * as React from 'react';

import { useGoverned } from '../parts';
import { LiveTable } from '../parts/live';
import { Stage } from '../parts/page';
import { ChoiceField, TextField, useForm } from '../parts/fields';
import { SignForm } from '../parts/signing';
import type { IRelease, IStatus } from '../records';

/** Where the release is or was live, and the signatures that change that. */
export function Deployments(props: {
  found: IRelease;
  status: IStatus | null;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { found, status } = props;
  const live = found.deployments.filter(item => item.live_to === null);
  const canDeploy = ['validated', 'released'].includes(found.state);
  return (
    <Stage title={trans.__('Deployments')}>
      {found.deployments.length === 0 ? (
        <p>{trans.__('None yet.')}</p>
      ) : (
        <LiveTable rows={[...found.deployments].reverse()} />
      )}
      {canDeploy && (
        <div className="gn-Columns">
          <Going found={found} status={status} />
          {live.length > 0 && <Return live={live} status={status} />}
        </div>
      )}
    </Stage>
  );
}

/** Put a validated run of the release live. */
function Going(props: {
  found: IRelease;
  status: IStatus | null;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place } = governed;
  const { found, status } = props;
  const known = status?.workspace?.environments ?? [];
  const runs = found.runs.filter(run => run.validated).reverse();
  const { said, field } = useForm({ environment: '', run: '', reason: '' });
  const environment = said.environment || known[0] || '';
  return (
    <section className="gn-Signature" aria-label={trans.__('Deploy')}>
      <h3>{trans.__('Deploy')}</h3>
      <SignForm
        status={status}
        button={trans.__('Sign and deploy')}
        disabledBecause={
          environment ? '' : trans.__('The settings name no environment')
        }
        sign={async (signed, onStep) => {
          const body = {
            ...signed,
            path: place,
            release: found.release,
            ...said,
            environment
          };
          await client.job('deployments', body, onStep);
          governed.tell();
        }}
      >
        <ChoiceField
          label={trans.__('Environment')}
          {...field('environment')}
          value={environment}
          choices={known.map((name): [string, string] => [name, name])}
        />
        <ChoiceField
          label={trans.__('Run')}
          {...field('run')}
          choices={[
            ['', trans.__('the newest validated')],
            ...runs.map((item): [string, string] => [item.run, item.run])
          ]}
        />
        <TextField label={trans.__('Why')} {...field('reason')} />
      </SignForm>
    </section>
  );
}

/** Put live again what was live there before. */
function Return(props: {
  live: IRelease['deployments'];
  status: IStatus | null;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place } = governed;
  const [at, setAt] = React.useState(0);
  const [reason, setReason] = React.useState('');
  const chosen = props.live[at] ?? props.live[0];
  return (
    <section className="gn-Signature" aria-label={trans.__('Roll back')}>
      <h3>{trans.__('Roll back')}</h3>
      <SignForm
        status={props.status}
        kind="warn"
        button={trans.__('Sign and roll back')}
        sign={async (signed, onStep) => {
          const { environment, slot } = chosen;
          const body = { ...signed, path: place, environment, slot, reason };
          await client.job('deployments/rollback', body, onStep);
          governed.tell();
        }}
      >
        <ChoiceField
          label={trans.__('What is live')}
          value={String(at)}
          choices={props.live.map((item, index): [string, string] => [
            String(index),
            `${item.environment}/${item.slot}: ${item.bundle}`
          ])}
          onChange={index => setAt(Number(index))}
        />
        <TextField
          label={trans.__('Why')}
          value={reason}
          onChange={setReason}
        />
      </SignForm>
    </section>
  );
}
