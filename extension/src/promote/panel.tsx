import type { Contents } from '@jupyterlab/services';
import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { promoteIcon } from '../icons';
import { Busy, Button, Panel, Problem, useGoverned } from '../parts';
import { useWork } from '../parts/asking';
import { Difference } from '../parts/difference';
import { Page, titled } from '../parts/page';
import { TextField } from '../parts/fields';
import { SignForm, useStatus } from '../parts/signing';
import type { IChecklist, IPromoted } from '../records';
import { BoundsStage } from './bounds';
import { Checklist } from './checklist';
import { applyFix, opened } from './fixes';
import { followed, IMaking } from './making';

/** What goes with a notebook that is renamed: what was typed, and the release that is being made. */
interface ICarried extends IMaking<IPromoted> {
  typed: ISaid;
}

/** Until the new panel takes it over. */
const carried = new Map<string, ICarried>();

/** The checklist between one notebook and a release, and the signature at its end. */
export function promotePanel(governed: Governed, path: string): Panel {
  const kept = carried.get(path) ?? {
    typed: { name: '', fields: {} },
    making: null
  };
  carried.delete(path);
  const view = <PromoteView path={path} kept={kept} />;
  const panel = titled(governed, view, {
    id: `governed-promote-${path}`,
    icon: promoteIcon,
    label: governed.trans.__('Promote %1', path.split('/').pop()),
    caption: path
  });
  const { contents } = governed.app.serviceManager;
  const follow = (_: unknown, change: Contents.IChangedArgs): void => {
    const [before, after] = [change.oldValue?.path, change.newValue?.path];
    const isIt = path === before || path.startsWith(`${before}/`);
    if (change.type === 'rename' && before && after && isIt) {
      const moved = after + path.slice(before.length);
      carried.set(moved, kept);
      panel.parent?.dispose();
      void governed.app.commands.execute(Commands.promote, { path: moved });
    }
  };
  contents.fileChanged.connect(follow);
  panel.disposed.connect(() => {
    contents.fileChanged.disconnect(follow);
  });
  return panel;
}

function PromoteView(props: {
  path: string;
  kept: ICarried;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, client } = governed;
  const { kept } = props;
  const [found, setFound] = React.useState<IChecklist | null>(null);
  const [made, setMade] = React.useState<IPromoted | null>(null);
  const [said, setSaid] = React.useState<ISaid>(kept.typed);
  const latest = React.useRef(said);
  latest.current = said;
  const work = useWork();
  const check = React.useCallback(
    (first?: () => Promise<void>): void =>
      work.start(async onStep => {
        await first?.();
        setFound(
          await client.job<IChecklist>(
            'checks',
            { path: props.path, ...latest.current },
            onStep
          )
        );
      }),
    [props.path]
  );
  React.useEffect(() => check(), [check]);
  const making = useWork(); // what the panel of the notebook's earlier name began
  const finish = async (begun: Promise<IPromoted>): Promise<void> =>
    setMade(await followed(kept, begun, making.clear));
  React.useEffect(() => {
    const begun = kept.making;
    if (begun) {
      making.start(() => finish(begun));
    }
  }, []);
  return (
    <Page
      title={trans.__('Promote %1', props.path)}
      header={
        <Button
          onClick={() => check()}
          disabledBecause={work.isBusy ? trans.__('A check is running') : ''}
        >
          {trans.__('Check again')}
        </Button>
      }
    >
      {work.isBusy && <Busy>{work.step || trans.__('One moment…')}</Busy>}
      {work.problem && <Problem problem={work.problem} retry={() => check()} />}
      {making.isBusy && <Busy>{trans.__('A candidate is being made…')}</Busy>}
      {making.problem && <Problem problem={making.problem} />}
      {made && <Made made={made} />}
      {found && !made && (
        <>
          <Checklist
            path={props.path}
            found={found}
            isBusy={work.isBusy}
            check={check}
          />
          <Card
            found={found}
            said={said}
            onChange={now => {
              setSaid(now);
              kept.typed = now;
            }}
            isBusy={work.isBusy}
            check={() => check()}
          />
          <BoundsStage
            path={props.path}
            parameters={found.parameters}
            isBusy={work.isBusy}
            apply={fix =>
              check(async () =>
                applyFix(await opened(governed, props.path), fix, trans)
              )
            }
          />
          <Candidate
            path={props.path}
            found={found}
            said={said}
            isMaking={making.isBusy}
            finish={finish}
          />
        </>
      )}
    </Page>
  );
}

/** What a person says beside the notebook. */
interface ISaid {
  name: string;
  fields: Record<string, string>;
}

/** The use case and what no record can tell of a model: bound into the release, so approved. */
function Card(props: {
  found: IChecklist;
  said: ISaid;
  onChange: (said: ISaid) => void;
  isBusy: boolean;
  check: () => void;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { found, said, onChange } = props;
  return (
    <section className="gn-Stage" aria-label={trans.__('Card')}>
      <h2>{trans.__('What only people can say')}</h2>
      <p>
        {trans.__(
          'It is bound into the release: whoever approves it approves these words.'
        )}
      </p>
      <div className="gn-Form gn-mod-card">
        <TextField
          label={trans.__('Name of the release')}
          hint={trans.__('Without one it is called %1', found.release)}
          value={said.name}
          onChange={name => onChange({ ...said, name })}
        />
        {Object.entries(found.asks).map(([field, asks]) => (
          <TextField
            key={field}
            label={field}
            hint={asks}
            value={said.fields[field] ?? found.card[field] ?? ''}
            onChange={text =>
              onChange({ ...said, fields: { ...said.fields, [field]: text } })
            }
          />
        ))}
        <Button
          onClick={props.check}
          disabledBecause={props.isBusy ? trans.__('A check is running') : ''}
        >
          {trans.__('Check with these words')}
        </Button>
      </div>
    </section>
  );
}

/** What would be released, how it differs, and the signature of its author. */
function Candidate(props: {
  path: string;
  found: IChecklist;
  said: ISaid;
  isMaking: boolean;
  finish: (begun: Promise<IPromoted>) => Promise<void>;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, client } = governed;
  const { found } = props;
  const status = useStatus(props.path);
  const blocked = found.findings.filter(
    finding => finding.severity === 'blocking'
  ).length;
  return (
    <>
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
            props.isMaking
              ? trans.__('A candidate is being made')
              : blocked
                ? trans._n(
                    '%1 finding blocks it: see above',
                    '%1 findings block it: see above',
                    blocked
                  )
                : ''
          }
          sign={async (signed, onStep) => {
            const body = { ...signed, path: props.path, ...props.said };
            await props.finish(
              client.job<IPromoted>('candidates', body, onStep)
            );
            governed.tell();
          }}
        />
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
