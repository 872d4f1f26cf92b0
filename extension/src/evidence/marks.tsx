import { ReactWidget } from '@jupyterlab/apputils';
import type { Cell, CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { PanelLayout } from '@lumino/widgets';
import * as React from 'react';

import { Governed } from '../governed';
import { ClassTag, GovernedContext } from '../parts';
import type { ICellEvidence } from '../records';
import type { SessionModel } from '../session';
import { cellSentence, kindOf } from '../words';
import { CellDetail } from './detail';

const TONES = {
  denied: 'bad',
  unexplained: 'attention',
  data: 'plain',
  quiet: 'plain'
} as const;

const SCROLLING = [
  ...['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight'],
  ...['PageUp', 'PageDown', 'Home', 'End', ' ']
];

/** Below each executed cell of a notebook, one line on what it did. */
export class EvidenceMarks {
  constructor(
    private _governed: Governed,
    private _panel: NotebookPanel,
    private _model: SessionModel
  ) {
    _model.changed.connect(this._show, this);
    _panel.content.modelContentChanged.connect(this._show, this);
    _panel.disposed.connect(() => {
      _model.changed.disconnect(this._show, this);
    });
  }

  private _show(): void {
    const session = this._model.session?.session?.session_id ?? '';
    for (const cell of this._panel.content.widgets) {
      if (cell.model.type !== 'code') {
        continue;
      }
      const known = this._marks.get(cell);
      const evidence = this._model.cells.get(cell.model.id);
      if (known && !known.isDisposed) {
        known.take(session, evidence);
      } else if (evidence && kindOf(evidence) !== 'quiet') {
        this._add(cell as CodeCell, session, evidence);
      }
    }
  }

  private _add(cell: CodeCell, session: string, evidence: ICellEvidence): void {
    const mark = new Mark(
      this._governed,
      this._panel.context.path,
      cell.model.sharedModel
    );
    mark.take(session, evidence);
    this._marks.set(cell, mark);
    void cell.ready.then(() => {
      const layout = cell.layout as PanelLayout | null;
      if (!layout || cell.isDisposed) {
        mark.dispose();
        return;
      }
      const input = layout.widgets.findIndex(part =>
        part.hasClass('jp-Cell-inputWrapper')
      );
      layout.insertWidget(input + 1, mark);
    });
  }

  private _marks = new WeakMap<Cell, Mark>();
}

/** What one cell did: a line, and its detail when it is clicked. */
class Mark extends ReactWidget {
  constructor(
    private _governed: Governed,
    private _path: string,
    private _source: { source: string }
  ) {
    super();
    this.addClass('gn-Mark');
  }

  take(session: string, evidence: ICellEvidence | undefined): void {
    const isSame = JSON.stringify(evidence) === JSON.stringify(this._evidence);
    if (isSame && session === this._session) {
      return;
    }
    this._session = session;
    this._evidence = evidence;
    this.setHidden(!evidence || kindOf(evidence) === 'quiet');
    this.update();
  }

  protected override render(): React.ReactElement | null {
    if (!this._evidence) {
      return null;
    }
    return (
      <GovernedContext.Provider value={this._governed}>
        <MarkLine
          path={this._path}
          session={this._session}
          evidence={this._evidence}
          source={this._source}
        />
      </GovernedContext.Provider>
    );
  }

  private _session = '';
  private _evidence: ICellEvidence | undefined;
}

function MarkLine(props: {
  path: string;
  session: string;
  evidence: ICellEvidence;
  source: { source: string };
}): React.ReactElement {
  const { trans } = React.useContext(GovernedContext)!;
  const { evidence } = props;
  const kind = kindOf(evidence);
  const [isOpen, setOpen] = React.useState(kind === 'denied');
  const id = React.useId();
  React.useEffect(() => setOpen(kind === 'denied'), [evidence.execution, kind]);
  const said = cellSentence(evidence, trans);
  return (
    <>
      <button
        type="button"
        className={`gn-Mark-line gn-tone-${TONES[kind]}`}
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="gn-Mark-arrow" aria-hidden="true">
          {isOpen ? '▾' : '▸'}
        </span>
        <span className="gn-Mark-said">{said}</span>
        {evidence.classes.map(name => (
          <ClassTag key={name} name={name} />
        ))}
      </button>
      {isOpen && (
        <div
          id={id}
          className="gn-Mark-detail"
          role="region"
          aria-label={trans.__('Evidence of the cell')}
          tabIndex={0} // it scrolls, also for who has no mouse
          onKeyDown={event => {
            if (SCROLLING.includes(event.key)) {
              event.stopPropagation(); // the notebook would go on to another cell
            }
          }}
        >
          <CellDetail
            path={props.path}
            session={props.session}
            evidence={evidence}
          />
        </div>
      )}
    </>
  );
}
