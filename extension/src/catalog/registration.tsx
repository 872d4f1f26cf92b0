import * as React from 'react';

import { Busy, Problem, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { ChoiceField, DateField, TextField, useForm } from '../parts/fields';
import { SignForm, useStatus } from '../parts/signing';
import { label } from '../labels';

interface IChoices {
  classes: Record<string, { description: string; purposes: string[] }>;
  purposes: string[];
}

/** Register a file of the workspace as a dataset. */
export function Registration(props: {
  path: string;
  file: string;
  onDone: (version: string) => void;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, client } = governed;
  const status = useStatus(props.path);
  const choices = useAnswer(
    () => client.get<IChoices>('catalog/choices', { path: props.path }),
    [props.path]
  );
  const stem = (props.file.split('/').pop() ?? '').replace(/\.[^.]*$/, '');
  const { said, set, field } = useForm({
    name: stem.toLowerCase().replace(/[^a-z0-9]+/g, '-'),
    data_class: '',
    owner: '',
    legal_basis: '',
    retention_until: '',
    kind: 'data'
  });
  const [purposes, setPurposes] = React.useState<string[]>([]);
  if (choices.problem) {
    return <Problem problem={choices.problem} retry={choices.again} />;
  }
  if (!choices.value) {
    return <Busy>{trans.__('Reading the settings…')}</Busy>;
  }
  const classes = choices.value.classes;
  const reason =
    (!said.name && trans.__('Give it a name')) ||
    (!said.data_class && trans.__('Choose its class')) ||
    (!said.owner && trans.__('Say who answers for it')) ||
    (!purposes.length && trans.__('Say what it may be used for')) ||
    (!said.legal_basis && trans.__('Say why it may be used')) ||
    '';
  return (
    <SignForm
      status={status}
      button={trans.__('Register %1', props.file)}
      disabledBecause={reason}
      sign={async (signed, onStep) => {
        const done = await client.job<{ version: string }>(
          'catalog/versions',
          {
            ...signed,
            path: props.path,
            file: props.file,
            ...said,
            purposes
          },
          onStep
        );
        governed.tell();
        props.onDone(done.version);
      }}
    >
      <TextField label={trans.__('Name in the catalog')} {...field('name')} />
      <ChoiceField
        label={trans.__('Kind')}
        {...field('kind')}
        choices={[
          ['data', trans.__('data')],
          ['model', trans.__('base model')]
        ]}
      />
      <ChoiceField
        label={trans.__('Data class')}
        value={said.data_class}
        choices={[
          ['', trans.__('— choose —')],
          ...Object.entries(classes).map(([key, item]): [string, string] => [
            key,
            item.description ? `${key}: ${item.description}` : key
          ])
        ]}
        onChange={value => {
          set({ data_class: value });
          setPurposes(classes[value]?.purposes ?? []);
        }}
      />
      <TextField
        label={trans.__('Owner')}
        hint={trans.__('Who answers for it')}
        {...field('owner')}
      />
      <fieldset className="gn-Field">
        <legend>{trans.__('May be used to')}</legend>
        {choices.value.purposes.map(purpose => (
          <label key={purpose}>
            <input
              type="checkbox"
              checked={purposes.includes(purpose)}
              onChange={event =>
                setPurposes(
                  event.target.checked
                    ? [...purposes, purpose]
                    : purposes.filter(other => other !== purpose)
                )
              }
            />{' '}
            {label(purpose, trans)}
          </label>
        ))}
      </fieldset>
      <TextField
        label={trans.__('Legal basis')}
        hint={trans.__('Why it may be used')}
        {...field('legal_basis')}
      />
      <DateField
        label={trans.__('Keep until')}
        hint={trans.__('Without a day it may be kept for ever')}
        {...field('retention_until')}
      />
    </SignForm>
  );
}
