import * as React from 'react';

import { Badge } from './badge';
import {
  Button,
  ClassTag,
  Empty,
  Panel,
  Problem,
  useChanges,
  useGoverned
} from '../parts';
import type { Governed } from '../governed';
import type { SessionModel } from '../session';
import { cellSentence, completeness, kindOf, moment, recorder } from '../words';
import { goToCell } from '../notebook';
import { governedIcon } from '../icons';

/** The right sidebar: how the session of the notebook in focus stands. */
export function sessionPanel(governed: Governed): Panel {
  const panel = new Panel(governed, <SessionView />);
  panel.id = 'governed-session';
  panel.title.icon = governedIcon;
  panel.title.caption = governed.trans.__('Governed session');
  return panel;
}

function useSession(model: SessionModel | null): void {
  const [, setCount] = React.useState(0);
  React.useEffect(() => {
    const onChange = (): void => setCount(known => known + 1);
    model?.changed.connect(onChange);
    return () => {
      model?.changed.disconnect(onChange);
    };
  }, [model]);
}

function SessionView(): React.ReactElement {
  const governed = useGoverned();
  const { trans } = governed;
  useChanges();
  const model = governed.session;
  useSession(model);
  if (!model) {
    return (
      <Empty title={trans.__('No notebook')}>
        <p>{trans.__('Open a notebook to see what is on record of it.')}</p>
      </Empty>
    );
  }
  const session = model.session;
  const facts = session?.session ?? null;
  const touched = [...model.cells.values()]
    .filter(cell => kindOf(cell) !== 'quiet')
    .sort((a, b) => a.execution - b.execution);
  return (
    <div className="gn-Side">
      <h2>{trans.__('Session')}</h2>
      <Badge model={model} trans={trans} onClick={() => model.refresh()} />
      {model.problem && (
        <Problem problem={model.problem} retry={() => model.refresh()} />
      )}
      {session && facts && (
        <dl className="gn-Facts">
          <dt>{trans.__('Record')}</dt>
          <dd>{completeness(session, trans)}</dd>
          <dt>{trans.__('Recorder')}</dt>
          <dd>{recorder(session, trans)}</dd>
          <dt>{trans.__('Witness')}</dt>
          <dd>{facts.witness ?? trans.__('not heard of yet')}</dd>
          <dt>{trans.__('Denied')}</dt>
          <dd>{facts.denied}</dd>
          <dt>{trans.__('Since')}</dt>
          <dd>{moment(facts.started_at)}</dd>
          <dt>{trans.__('Session')}</dt>
          <dd>
            <code>{facts.session_id}</code>
          </dd>
        </dl>
      )}
      <h3>{trans.__('Cells that touched data')}</h3>
      {touched.length === 0 && <p>{trans.__('None yet.')}</p>}
      <ul className="gn-List">
        {touched.map(cell => (
          <li key={cell.cell_id}>
            <Button
              kind="link"
              onClick={() => goToCell(model.panel, cell.cell_id)}
            >
              {trans.__('[%1] %2', cell.execution, cellSentence(cell, trans))}
            </Button>{' '}
            {cell.classes.map(name => (
              <ClassTag key={name} name={name} />
            ))}
          </li>
        ))}
      </ul>
    </div>
  );
}
