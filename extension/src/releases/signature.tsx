import * as React from 'react';

import { useGoverned } from '../parts';
import { ChoiceField, TextField, useForm } from '../parts/fields';
import { SignForm } from '../parts/signing';
import type { IRelease, IReview, IStatus } from '../records';

/** The electronic signature: printed name, meaning, the exact digest, passphrase. */
export function Signature(props: {
  review: IReview;
  purpose: 'run' | 'deployment';
  status: IStatus | null;
  onSigned: () => void;
}): React.ReactElement {
  const { trans, client, person, place } = useGoverned();
  const { review, purpose, status } = props;
  const { said, field } = useForm({ meaning: 'reviewed', comment: '' });
  const known = status?.workspace?.people.find(each => each.name === person);
  const what =
    purpose === 'run'
      ? trans.__('that %1 may be run', review.release)
      : trans.__('that %1 of %2 may be deployed', review.run, review.release);
  return (
    <section className="gn-Signature" aria-label={trans.__('Signature')}>
      <h3>{trans.__('Approve')}</h3>
      <dl className="gn-Facts">
        <dt>{trans.__('Printed name')}</dt>
        <dd>{known?.printed_name ?? trans.__('nobody yet')}</dd>
        <dt>{trans.__('Signs')}</dt>
        <dd>{what}</dd>
        <dt>{trans.__('Digest')}</dt>
        <dd>
          <code className="gn-Digest">{review.digest}</code>
        </dd>
      </dl>
      <SignForm
        status={status}
        button={trans.__('Sign and approve')}
        sign={async (signed, onStep) => {
          await client.job(
            'release/approve',
            {
              ...signed,
              path: place,
              release: review.release,
              digest: review.digest,
              run: review.run,
              purpose,
              ...said
            },
            onStep
          );
          props.onSigned();
        }}
      >
        <ChoiceField
          label={trans.__('Meaning of the signature')}
          {...field('meaning')}
          choices={[
            ['reviewed', trans.__('reviewed')],
            ['approved', trans.__('approved')],
            ['responsible', trans.__('responsible')],
            ['authored', trans.__('authored')]
          ]}
        />
        <TextField
          label={trans.__('Comment')}
          hint={trans.__('Kept with the signature')}
          {...field('comment')}
          isLong
        />
      </SignForm>
    </section>
  );
}

/** A no for good: a change is a new version. */
export function Ending(props: {
  found: IRelease;
  status: IStatus | null;
  onSigned: () => void;
}): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const { found, status } = props;
  const [reason, setReason] = React.useState('');
  const isCandidate = found.state === 'candidate';
  return (
    <section className="gn-Signature" aria-label={trans.__('Request changes')}>
      <h3>{isCandidate ? trans.__('Request changes') : trans.__('Revoke')}</h3>
      <p>
        {isCandidate
          ? trans.__(
              'This ends the version; the changed notebook is promoted as the next one.'
            )
          : trans.__('It can’t be run or deployed any more.')}
      </p>
      <SignForm
        status={status}
        kind="warn"
        button={
          isCandidate
            ? trans.__('Sign and request changes')
            : trans.__('Sign and revoke')
        }
        disabledBecause={reason.trim() ? '' : trans.__('Say why')}
        sign={async signed => {
          await client.post('release/end', {
            ...signed,
            path: place,
            release: found.release,
            digest: found.digest,
            reason,
            ending: isCandidate ? 'reject' : 'revoke'
          });
          props.onSigned();
        }}
      >
        <TextField
          label={trans.__('Why')}
          value={reason}
          onChange={setReason}
          isLong
        />
      </SignForm>
    </section>
  );
}
