import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { promoteIcon } from '../icons';
import { Busy, Button, Panel, Problem, useGoverned } from '../parts';
import { useWork } from '../parts/asking';
import { Difference } from '../parts/difference';
import { Parameters } from '../parts/parameters';
import { ChoiceField, SignForm, TextField, useStatus } from '../parts/signing';
import type { IChecklist, IPromoted } from '../records';
import { Checklist } from './checklist';

/** The checklist between one notebook and a release, and the signature at its end. */
export function promotePanel(governed: Governed, path: string): Panel {
  const panel = new Panel(governed, <PromoteView path={path} />);
  panel.id = `governed-promote-${path}`;
  panel.title.icon = promoteIcon;
  panel.title.label = governed.trans.__('Promote %1', path.split('/').pop());
  panel.title.caption = path;
  panel.title.closable = true;
  return panel;
}

function PromoteView(props: { path: string }): React.ReactElement {
  const { trans, client } = useGoverned();
  const [found, setFound] = React.useState<IChecklist | null>(null);
  const [made, setMade] = React.useState<IPromoted | null>(null);
  const work = useWork();
  const check = React.useCallback(
    (first?: () => Promise<void>): void =>
      work.start(async onStep => {
        await first?.();
        setFound(
          await client.job<IChecklist>('checks', { path: props.path }, onStep)
        );
      }),
    [props.path]
  );
  React.useEffect(() => check(), [check]);
  return (
    <article className="gn-Page">
      <header className="gn-Page-header">
        <h1>{trans.__('Promote %1', props.path)}</h1>
        <Button
          onClick={() => check()}
          disabledBecause={work.isBusy ? trans.__('A check is running') : ''}
        >
          {trans.__('Check again')}
        </Button>
      </header>
      {work.isBusy && <Busy>{work.step || trans.__('One moment…')}</Busy>}
      {work.problem && <Problem problem={work.problem} retry={() => check()} />}
      {made && <Made made={made} />}
      {found && !made && (
        <>
          <Checklist
            path={props.path}
            found={found}
            isBusy={work.isBusy}
            check={check}
          />
          <Candidate path={props.path} found={found} onMade={setMade} />
        </>
      )}
    </article>
  );
}

/** What would be released, how it differs, and the signature of its author. */
function Candidate(props: {
  path: string;
  found: IChecklist;
  onMade: (made: IPromoted) => void;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, client } = governed;
  const { found } = props;
  const status = useStatus(props.path);
  const [name, setName] = React.useState('');
  const [risk, setRisk] = React.useState('unrated');
  const blocked = found.findings.filter(
    finding => finding.severity === 'blocking'
  ).length;
  return (
    <>
      <section className="gn-Stage">
        <h2>{trans.__('Parameters')}</h2>
        <p>
          {trans.__(
            'An approval covers these names, types and bounds, and no others.'
          )}
        </p>
        <Parameters parameters={found.parameters} />
      </section>
      {found.preview && (
        <section className="gn-Stage">
          <h2>{trans.__('What becomes of the notebook')}</h2>
          <Difference comparisons={found.preview.comparisons} />
        </section>
      )}
      <section className="gn-Stage">
        <h2>{trans.__('Create release candidate')}</h2>
        <SignForm
          status={status}
          button={trans.__('Create release candidate')}
          disabledBecause={
            blocked
              ? trans._n(
                  '%1 finding blocks it: see above',
                  '%1 findings block it: see above',
                  blocked
                )
              : ''
          }
          sign={async (signed, onStep) => {
            const body = {
              ...signed,
              path: props.path,
              name,
              risk_class: risk
            };
            props.onMade(
              await client.job<IPromoted>('candidates', body, onStep)
            );
            governed.tell();
          }}
        >
          <TextField
            label={trans.__('Name of the release')}
            hint={
              found.preview
                ? trans.__('Without one it will be %1', found.preview.release)
                : trans.__('Without one it is the notebook’s')
            }
            value={name}
            onChange={setName}
          />
          <ChoiceField
            label={trans.__('Risk class of the use case')}
            value={risk}
            choices={[
              ['unrated', trans.__('unrated')],
              ['low', trans.__('low')],
              ['limited', trans.__('limited')],
              ['high', trans.__('high')]
            ]}
            onChange={setRisk}
          />
        </SignForm>
      </section>
    </>
  );
}

function Made(props: { made: IPromoted }): React.ReactElement {
  const { trans, app } = useGoverned();
  const { release, digest } = props.made;
  return (
    <div className="gn-Done" role="status">
      <h2>{trans.__('%1 is a candidate', release)}</h2>
      <p>
        {trans.__('It waits for its reviewers. What they sign is the digest')}
      </p>
      <code className="gn-Digest">{digest}</code>
      <p>
        <Button
          kind="accept"
          onClick={() =>
            void app.commands.execute(Commands.release, { release })
          }
        >
          {trans.__('Open %1', release)}
        </Button>
      </p>
    </div>
  );
}
