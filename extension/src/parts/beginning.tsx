import * as React from 'react';

import type { IStatus, IWorkspace } from '../records';
import { useWork } from './asking';
import { SecretField, TextField, useForm } from './fields';
import { Busy, Button, Problem, useGoverned } from './index';

/** Where there is no workspace yet: the offer to make one, with its first administrator. */
export function Beginning(props: { status: IStatus }): React.ReactElement {
  const governed = useGoverned();
  const { trans, client } = governed;
  const place = governed.place.split('/').slice(0, -1).join('/');
  const { said, set, field } = useForm({
    folder: place || governed.folder,
    name: '',
    person: props.status.signed_in ? props.status.person : '',
    printed: '',
    secret: '',
    again: ''
  });
  const [made, setMade] = React.useState('');
  const work = useWork();
  const reason =
    (!said.person.trim() && trans.__('Give yourself a short name')) ||
    (!said.printed.trim() && trans.__('Say your name as it is printed')) ||
    (!said.secret && trans.__('Choose a passphrase')) ||
    (said.secret !== said.again && trans.__('The two passphrases differ')) ||
    (work.isBusy && trans.__('It is being made')) ||
    '';
  const make = (): void => {
    if (reason) {
      return;
    }
    set({ secret: '', again: '' });
    work.start(async () => {
      const found = await client.post<IWorkspace>('workspaces', {
        path: said.folder,
        name: said.name,
        person: said.person.trim(),
        printed_name: said.printed,
        passphrase: said.secret
      });
      setMade(found.name);
      governed.person = said.person.trim();
      governed.tell();
    });
  };
  if (made) {
    return (
      <p role="status" className="gn-Done">
        {trans.__('%1 is made. Open a notebook in it.', made)}
      </p>
    );
  }
  return (
    <section className="gn-Stage">
      <h2>{trans.__('There is no governed workspace here yet')}</h2>
      <p>
        {trans.__(
          'A workspace is a folder whose notebooks are recorded. You become its first administrator; your key is made on this machine, and nobody can open it without your passphrase.'
        )}
      </p>
      <form
        className="gn-Form"
        aria-label={trans.__('New workspace')}
        onSubmit={event => {
          event.preventDefault();
          make();
        }}
      >
        <TextField
          label={trans.__('Folder')}
          hint={trans.__('As the file browser names it; empty is its top')}
          {...field('folder')}
        />
        <TextField
          label={trans.__('Name of the workspace')}
          hint={trans.__('Without one it is called as its folder')}
          {...field('name')}
        />
        <TextField
          label={trans.__('Your short name')}
          hint={trans.__('Commands know you by it, for example “ada”')}
          {...field('person')}
        />
        <TextField
          label={trans.__('Your printed name')}
          hint={trans.__('It stands beside everything that you sign')}
          {...field('printed')}
        />
        <SecretField label={trans.__('Passphrase')} {...field('secret')} />
        <SecretField
          label={trans.__('Passphrase once more')}
          {...field('again')}
        />
        {work.problem && <Problem problem={work.problem} />}
        {work.isBusy && <Busy>{trans.__('One moment…')}</Busy>}
        <div className="gn-Form-end">
          <Button
            kind="accept"
            type="submit"
            disabledBecause={reason}
            onClick={make}
          >
            {trans.__('Make the workspace')}
          </Button>
        </div>
      </form>
    </section>
  );
}
