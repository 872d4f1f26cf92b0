import * as React from 'react';

import type { IPerson, IStatus } from '../records';
import { Busy, Button, Problem, useChanges, useGoverned } from './index';
import { useAnswer, useWork } from './asking';
import { ChoiceField, SecretField } from './fields';
import { labels } from '../labels';

/** Who signs, with what they know. */
export interface ISigned {
  person: string;
  passphrase: string;
}

/** The workspace of the panel's place, with its people. */
export function useStatus(path?: string): IStatus | null {
  const governed = useGoverned();
  const changes = useChanges();
  const place = path ?? governed.place;
  return useAnswer(
    () => governed.status(place),
    [place, changes],
    governed.knownStatus(place)
  ).value;
}

/** Choose who acts; a name alone does nothing. On a hub it is who signed in. */
export function PersonField(props: {
  status: IStatus | null;
  label?: string;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans } = governed;
  const people: IPerson[] = props.status?.workspace?.people ?? [];
  const known = people.some(person => person.name === governed.person);
  const isFixed = props.status?.signed_in ?? false;
  const isStranger = isFixed && people.length > 0 && !known;
  return (
    <ChoiceField
      label={props.label ?? trans.__('You are')}
      hint={
        isStranger
          ? trans.__(
              'This workspace does not know you: an administrator can add you'
            )
          : undefined
      }
      value={known || isStranger ? governed.person : ''}
      isFixed={isFixed}
      choices={[
        isStranger
          ? [governed.person, governed.person]
          : ['', trans.__('— choose —')],
        ...people.map((person): [string, string] => [
          person.name,
          `${person.printed_name} (${labels(person.roles, trans) || trans.__('no role')})`
        ])
      ]}
      onChange={name => {
        governed.person = name;
      }}
    />
  );
}

/**
 * Person, passphrase and the button that does it.
 *
 * The passphrase lives in this form alone: it goes with the one request, and the field is emptied
 * whatever the answer is.
 */
export function SignForm(props: {
  status: IStatus | null;
  button: string;
  kind?: 'accept' | 'warn';
  disabledBecause?: string;
  sign: (signed: ISigned, onStep: (step: string) => void) => Promise<void>;
  children?: React.ReactNode;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans } = governed;
  const [passphrase, setPassphrase] = React.useState('');
  const work = useWork();
  const person = governed.person;
  const reason =
    (work.isBusy && trans.__('It is being signed')) ||
    props.disabledBecause ||
    (!person && trans.__('Say who you are')) ||
    (!passphrase && trans.__('Type your passphrase')) ||
    '';
  const start = (): void => {
    if (reason) {
      return;
    }
    const secret = passphrase;
    setPassphrase('');
    work.start(async onStep => {
      try {
        await props.sign({ person, passphrase: secret }, onStep);
      } catch (error) {
        governed.tell(); // a refusal is on record, and what it is for may have changed meanwhile
        throw error;
      }
    });
  };
  return (
    <form
      className="gn-Form"
      onSubmit={event => {
        event.preventDefault();
        start();
      }}
    >
      {props.children}
      <PersonField status={props.status} />
      <SecretField
        label={trans.__('Passphrase')}
        value={passphrase}
        onChange={setPassphrase}
      />
      {work.problem && <Problem problem={work.problem} />}
      {work.isBusy && <Busy>{work.step || trans.__('One moment…')}</Busy>}
      <div className="gn-Form-end">
        <Button
          kind={props.kind ?? 'accept'}
          type="submit"
          disabledBecause={reason}
          onClick={start}
        >
          {props.button}
        </Button>
      </div>
    </form>
  );
}
