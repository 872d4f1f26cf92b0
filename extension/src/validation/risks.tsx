import * as React from 'react';

import { Tag, useGoverned } from '../parts';
import { Stage } from '../parts/page';
import { ChoiceField, DateField, TextField, useForm } from '../parts/fields';
import { Returning } from '../parts/returning';
import { SignForm, useStatus } from '../parts/signing';
import type { IEvaluation } from '../records';
import { moment } from '../words';
import { label } from '../labels';

/** Risks that people accepted in this validation, and the form to accept another. */
export function Risks(props: { found: IEvaluation }): React.ReactElement {
  const { trans } = useGoverned();
  const { found } = props;
  const accepted = found.risks
    .filter(item => item.state === 'valid')
    .map(item => item.case);
  const open = found.evidence
    .flatMap(item => item.cases)
    .filter(
      item =>
        item.blocking &&
        item.outcome === 'failed' &&
        !accepted.includes(item.id)
    )
    .map(item => item.id);
  return (
    <Stage title={trans.__('Risk acceptances')}>
      {found.risks.length === 0 && <p>{trans.__('None.')}</p>}
      <ul className="gn-List">
        {found.risks.map((item, at) => (
          <li key={at}>
            <Tag tone={item.state === 'valid' ? 'attention' : 'plain'}>
              {label(item.state, trans)}
            </Tag>{' '}
            <b>{item.case}</b>{' '}
            {trans.__('by %1 until %2', item.person, moment(item.until))}
            <p>{item.reason}</p>
            <p>{trans.__('Instead: %1', item.control)}</p>
          </li>
        ))}
      </ul>
      {found.counts && open.length > 0 && (
        <Returning>
          <Acceptance key={open.join()} found={found} open={open} />
        </Returning>
      )}
    </Stage>
  );
}

function Acceptance(props: {
  found: IEvaluation;
  open: string[];
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place } = governed;
  const status = useStatus();
  const { said, field } = useForm({
    case: props.open[0],
    until: '',
    reason: '',
    control: ''
  });
  const missing =
    (!said.until && trans.__('Say until when')) ||
    (!said.reason.trim() && trans.__('Say why')) ||
    (!said.control.trim() && trans.__('Say what is done instead')) ||
    '';
  return (
    <section className="gn-Signature" aria-label={trans.__('Accept a risk')}>
      <h3>{trans.__('Accept a risk')}</h3>
      <p>
        {trans.__(
          'One failing case passes until a day; a new validation is judged anew.'
        )}
      </p>
      <SignForm
        status={status}
        kind="warn"
        button={trans.__('Sign and accept')}
        disabledBecause={missing}
        sign={async signed => {
          await client.post('evaluation/risk', {
            ...signed,
            path: place,
            release: props.found.release,
            run: props.found.run,
            ...said
          });
          governed.tell();
        }}
      >
        <ChoiceField
          label={trans.__('Case')}
          {...field('case')}
          choices={props.open.map((name): [string, string] => [name, name])}
        />
        <DateField label={trans.__('Until')} {...field('until')} />
        <TextField label={trans.__('Why')} {...field('reason')} isLong />
        <TextField
          label={trans.__('What is done instead')}
          {...field('control')}
          isLong
        />
      </SignForm>
    </section>
  );
}
