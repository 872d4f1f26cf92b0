import * as React from 'react';

import { Busy, Problem, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { ChoiceField, DateField, TextField } from '../parts/fields';
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
  const [name, setName] = React.useState(
    stem.toLowerCase().replace(/[^a-z0-9]+/g, '-')
  );
  const [dataClass, setClass] = React.useState('');
  const [owner, setOwner] = React.useState('');
  const [basis, setBasis] = React.useState('');
  const [until, setUntil] = React.useState('');
  const [kind, setKind] = React.useState('data');
  const [purposes, setPurposes] = React.useState<string[]>([]);
  if (choices.problem) {
    return <Problem problem={choices.problem} retry={choices.again} />;
  }
  if (!choices.value) {
    return <Busy>{trans.__('Reading the settings…')}</Busy>;
  }
  const classes = choices.value.classes;
  const reason =
    (!name && trans.__('Give it a name')) ||
    (!dataClass && trans.__('Choose its class')) ||
    (!owner && trans.__('Say who answers for it')) ||
    (!purposes.length && trans.__('Say what it may be used for')) ||
    (!basis && trans.__('Say why it may be used')) ||
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
            name,
            data_class: dataClass,
            owner,
            purposes,
            legal_basis: basis,
            retention_until: until,
            kind
          },
          onStep
        );
        governed.tell();
        props.onDone(done.version);
      }}
    >
      <TextField
        label={trans.__('Name in the catalog')}
        value={name}
        onChange={setName}
      />
      <ChoiceField
        label={trans.__('Kind')}
        value={kind}
        choices={[
          ['data', trans.__('data')],
          ['model', trans.__('base model')]
        ]}
        onChange={setKind}
      />
      <ChoiceField
        label={trans.__('Data class')}
        value={dataClass}
        choices={[
          ['', trans.__('— choose —')],
          ...Object.entries(classes).map(([key, item]): [string, string] => [
            key,
            item.description ? `${key}: ${item.description}` : key
          ])
        ]}
        onChange={value => {
          setClass(value);
          setPurposes(classes[value]?.purposes ?? []);
        }}
      />
      <TextField
        label={trans.__('Owner')}
        hint={trans.__('Who answers for it')}
        value={owner}
        onChange={setOwner}
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
        value={basis}
        onChange={setBasis}
      />
      <DateField
        label={trans.__('Keep until')}
        hint={trans.__('Without a day it may be kept for ever')}
        value={until}
        onChange={setUntil}
      />
    </SignForm>
  );
}
