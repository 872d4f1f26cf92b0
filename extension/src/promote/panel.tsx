import * as React from 'react';

import type { Governed } from '../governed';
import { promoteIcon } from '../icons';
import { goToCell } from '../notebook';
import {
  Busy,
  Button,
  Panel,
  Problem,
  Tag,
  useChanges,
  useGoverned
} from '../parts';
import { useWork } from '../parts/asking';
import type { IChecklist, IFinding } from '../records';
import { stagesOf } from './stages';

/** The checklist between one notebook and a release. */
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
  const governed = useGoverned();
  const { trans, client } = governed;
  const [found, setFound] = React.useState<IChecklist | null>(null);
  const work = useWork();
  useChanges();
  const check = (): void =>
    work.start(async onStep => {
      setFound(
        await client.job<IChecklist>('checks', { path: props.path }, onStep)
      );
    });
  React.useEffect(check, [props.path]);
  return (
    <article className="gn-Page">
      <header className="gn-Page-header">
        <h1>{trans.__('Promote %1', props.path)}</h1>
        <Button
          onClick={check}
          disabledBecause={work.isBusy ? trans.__('A check is running') : ''}
        >
          {trans.__('Check again')}
        </Button>
      </header>
      {work.isBusy && <Busy>{work.step || trans.__('Checking…')}</Busy>}
      {work.problem && <Problem problem={work.problem} retry={check} />}
      {found && <Checklist path={props.path} found={found} />}
    </article>
  );
}

function Checklist(props: {
  path: string;
  found: IChecklist;
}): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <>
      {stagesOf(props.found.findings, trans).map(stage => (
        <section key={stage.id} className="gn-Stage" aria-label={stage.title}>
          <h2>
            <Tag tone={stage.tone}>{stage.verdict}</Tag> {stage.title}
          </h2>
          {stage.findings.map((finding, at) => (
            <FindingItem key={at} path={props.path} finding={finding} />
          ))}
        </section>
      ))}
    </>
  );
}

const TONES = { blocking: 'bad', warning: 'attention', note: 'plain' } as const;

function FindingItem(props: {
  path: string;
  finding: IFinding;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans } = governed;
  const { finding } = props;
  const panel = governed.notebooks.find(
    open => open.context.path === props.path
  );
  return (
    <div className="gn-Finding">
      <p>
        <Tag tone={TONES[finding.severity]}>{finding.severity}</Tag>{' '}
        <b>{finding.what}</b>
      </p>
      <p>{finding.why}</p>
      <p>{trans.__('Next: %1', finding.next)}</p>
      {finding.cell_id && panel && (
        <Button kind="link" onClick={() => goToCell(panel, finding.cell_id)}>
          {trans.__('Go to cell %1', finding.cell_index + 1)}
        </Button>
      )}
    </div>
  );
}
