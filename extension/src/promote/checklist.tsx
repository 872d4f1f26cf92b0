import type { NotebookPanel } from '@jupyterlab/notebook';
import * as React from 'react';

import { goToCell } from '../notebook';
import { Button, Tag, useGoverned } from '../parts';
import type { IChecklist, IFinding } from '../records';
import { applyFix, fixLabel, opened } from './fixes';
import { Registration } from '../catalog/registration';
import { keyed, stagesOf } from './stages';
import { label } from '../labels';
import { Returning } from '../parts/returning';

type Check = (first?: () => Promise<void>) => void;

const TONES = { blocking: 'bad', warning: 'attention', note: 'plain' } as const;

/** The findings in stages; each with its cell, and with its fix where one exists. */
export function Checklist(props: {
  path: string;
  found: IChecklist;
  isBusy: boolean;
  check: Check;
}): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <>
      {stagesOf(props.found.findings, trans).map(stage => (
        <section
          key={stage.id}
          className="gn-Stage"
          aria-label={stage.title}
          tabIndex={-1}
        >
          <h2>
            <Tag tone={stage.tone}>{stage.verdict}</Tag> {stage.title}
          </h2>
          {keyed(stage.findings).map(([key, finding]) => (
            <Returning key={key} isToSection>
              <FindingItem
                path={props.path}
                finding={finding}
                isBusy={props.isBusy}
                check={props.check}
              />
            </Returning>
          ))}
        </section>
      ))}
    </>
  );
}

function FindingItem(props: {
  path: string;
  finding: IFinding;
  isBusy: boolean;
  check: Check;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans } = governed;
  const { finding, path } = props;
  const [isRegistering, setRegistering] = React.useState(false);
  const open = (): Promise<NotebookPanel> => opened(governed, path);
  const { fix } = finding;
  return (
    <div className={`gn-Finding gn-tone-${TONES[finding.severity]}`}>
      <p>
        <Tag tone={TONES[finding.severity]}>
          {label(finding.severity, trans)}
        </Tag>{' '}
        <b>{finding.what}</b>
      </p>
      <p>{finding.why}</p>
      <p className="gn-Finding-next">{trans.__('Next: %1', finding.next)}</p>
      <div className="gn-Actions">
        {finding.cell_id && (
          <Button
            kind="link"
            onClick={() =>
              void open().then(panel => goToCell(panel, finding.cell_id))
            }
          >
            {finding.cell_index >= 0
              ? trans.__('Go to cell %1', finding.cell_index + 1)
              : trans.__('Go to the cell')}
          </Button>
        )}
        {fix && (
          <Button
            disabledBecause={props.isBusy ? trans.__('A check is running') : ''}
            onClick={() =>
              fix.kind === 'register'
                ? setRegistering(!isRegistering)
                : props.check(async () => applyFix(await open(), fix, trans))
            }
          >
            {fixLabel(fix, trans)}
          </Button>
        )}
      </div>
      {fix?.kind === 'source' && (
        <Replacement before={fix.before} after={fix.after} />
      )}
      {fix && isRegistering && (
        <Returning>
          <Registration
            path={path}
            file={fix.path}
            onDone={() => {
              setRegistering(false);
              props.check();
            }}
          />
        </Returning>
      )}
    </div>
  );
}

/** The lines that a fix would change. */
function Replacement(props: {
  before: string;
  after: string;
}): React.ReactElement {
  const before = props.before.split('\n');
  const after = props.after.split('\n');
  const gone = before.filter(line => !after.includes(line));
  const come = after.filter(line => !before.includes(line) && line);
  return (
    <pre className="gn-Replacement">
      {gone.map((line, at) => (
        <span
          key={`-${at}`}
          className="gn-Line gn-mod-removed"
        >{`− ${line}\n`}</span>
      ))}
      {come.map((line, at) => (
        <span
          key={`+${at}`}
          className="gn-Line gn-mod-added"
        >{`+ ${line}\n`}</span>
      ))}
    </pre>
  );
}
