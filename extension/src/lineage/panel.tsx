import type { Message } from '@lumino/messaging';
import * as React from 'react';

import { Commands } from '../commands';
import type { Governed } from '../governed';
import { lineageIcon } from '../icons';
import { goToCell } from '../notebook';
import {
  Busy,
  Button,
  Empty,
  Panel,
  Problem,
  useChanges,
  useGoverned
} from '../parts';
import { useAnswer } from '../parts/asking';
import { Returning } from '../parts/returning';
import { Canvas, ICanvas, prepare } from './canvas';
import { Detail } from './detail';
import { Filters } from './filters';
import { EVERYTHING, GraphModel, IFilter, named } from './model';
import { Question } from './question';
import type { IGraph } from './records';
import { LineageTable } from './table';
import { label } from '../labels';

/** What a graph is asked for by: one thing, or the notebook in focus with its kernel. */
type About = { path: string; target: string; kernel: string };

const aboutOf = (governed: Governed, target: string): About => ({
  path: governed.place,
  target,
  kernel: governed.session?.panel.sessionContext.session?.kernel?.id ?? ''
});

/** Asks for its graph before it is in the page: that takes the server longest of all. */
class LineagePanel extends Panel {
  constructor(governed: Governed, about: string, isWide: boolean) {
    const question = new Question<About, IGraph>(asked =>
      governed.client.get('lineage', asked)
    );
    super(
      governed,
      <LineageView about={about} isWide={isWide} question={question} />
    );
    this._begin = () => question.begin(aboutOf(governed, about));
    this.addClass('gn-Lineage-panel');
  }

  protected override onBeforeAttach(message: Message): void {
    this._begin();
    super.onBeforeAttach(message);
  }

  private _begin: () => void;
}

/** The lineage of one thing, or of the notebook in focus, as a tab of the main area. */
export function lineagePanel(governed: Governed, target: string): Panel {
  const panel = new LineagePanel(governed, target, true);
  panel.id = `governed-lineage-${target}`;
  panel.title.icon = lineageIcon;
  panel.title.label = target
    ? governed.trans.__('Lineage of %1', target)
    : governed.trans.__('Lineage');
  return panel;
}

/** The same in the right sidebar, always of the notebook in focus. */
export function lineageSidebar(governed: Governed): Panel {
  const panel = new LineagePanel(governed, '', false);
  panel.id = 'governed-lineage-side';
  panel.title.icon = lineageIcon;
  panel.title.caption = governed.trans.__('Lineage');
  return panel;
}

/** Counts what is recorded of the notebook in focus while its cells run. */
function useLive(): number {
  const { session } = useGoverned();
  const [count, setCount] = React.useState(0);
  React.useEffect(() => {
    const onChange = (): void => setCount(known => known + 1);
    session?.changed.connect(onChange);
    return () => {
      session?.changed.disconnect(onChange);
    };
  }, [session]);
  return count;
}

function LineageView(props: {
  about: string;
  isWide: boolean;
  question: Question<About, IGraph>;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, place } = governed;
  const changes = useChanges();
  const live = useLive();
  React.useEffect(prepare, []);
  const [target, setTarget] = React.useState(props.about);
  const asked = aboutOf(governed, target);
  const answer = useAnswer(
    () => props.question.take(asked),
    [place, target, asked.kernel, changes, target ? 0 : live]
  );
  const model = React.useMemo(
    () => (answer.value ? new GraphModel(named(answer.value, trans)) : null),
    [answer.value]
  );
  return (
    <div className={props.isWide ? 'gn-Lineage gn-mod-wide' : 'gn-Lineage'}>
      <Subject target={target} isWide={props.isWide} choose={setTarget} />
      {answer.problem && (
        <Problem problem={answer.problem} retry={answer.again} />
      )}
      {!model && answer.isBusy && (
        <Busy>{trans.__('Reading what is on record…')}</Busy>
      )}
      {model && model.nodes.size === 0 && !answer.problem && (
        <Empty title={trans.__('Nothing on record yet')}>
          <p>
            {place
              ? trans.__(
                  'Run a cell that reads or writes data, or choose a dataset or release above.'
                )
              : trans.__(
                  'Open a notebook, or choose a dataset or release above.'
                )}
          </p>
        </Empty>
      )}
      {model && model.nodes.size > 0 && (
        <Explored
          model={model}
          isWide={props.isWide}
          name={target || place}
          about={(name: string) => setTarget(name)}
        />
      )}
    </div>
  );
}

/** What the graph is about: the notebook, or anything that has a name. */
function Subject(props: {
  target: string;
  isWide: boolean;
  choose: (target: string) => void;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans, client, place } = governed;
  const id = React.useId();
  const [said, setSaid] = React.useState(props.target);
  React.useEffect(() => setSaid(props.target), [props.target]);
  // the graph has nobody before it: what can be asked for is only asked for by who types
  const [isTyping, setTyping] = React.useState(false);
  const known = useAnswer(
    async () =>
      isTyping
        ? client.get<{ name: string; kind: string }[]>('lineage/targets', {
            path: place
          })
        : null,
    [place, isTyping]
  );
  return (
    <form
      className="gn-Lineage-subject"
      onSubmit={event => {
        event.preventDefault();
        props.choose(said.trim());
      }}
    >
      <label htmlFor={id}>{trans.__('Lineage of')}</label>
      <input
        id={id}
        list={`${id}-known`}
        value={said}
        placeholder={place || trans.__('dataset, release, file')}
        onFocus={() => setTyping(true)}
        onChange={event => {
          const name = event.target.value;
          setSaid(name);
          if (!name || known.value?.some(item => item.name === name)) {
            props.choose(name);
          }
        }}
      />
      <datalist id={`${id}-known`}>
        {known.value?.map(item => (
          <option key={item.name} value={item.name}>
            {label(item.kind, trans)}
          </option>
        ))}
      </datalist>
      {props.target && (
        <Button onClick={() => props.choose('')}>
          {trans.__('This notebook')}
        </Button>
      )}
      {!props.isWide && (
        <Button
          onClick={() =>
            void governed.app.commands.execute(Commands.lineage, {
              target: props.target
            })
          }
        >
          {trans.__('Open in a tab')}
        </Button>
      )}
    </form>
  );
}

function Explored(props: {
  model: GraphModel;
  isWide: boolean;
  name: string;
  about: (name: string) => void;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans } = governed;
  const { model } = props;
  const [filter, setFilter] = React.useState<IFilter>(EVERYTHING);
  const [expanded, setExpanded] = React.useState<ReadonlySet<string>>(
    new Set()
  );
  const [isTable, setTable] = React.useState(false);
  const [picked, setPicked] = React.useState('');
  const [origins, setOrigins] = React.useState<ReadonlySet<string>>(new Set());
  const canvas = React.useRef<ICanvas>(null);
  const shown = React.useMemo(
    () => model.shown(expanded, filter),
    [model, expanded, filter]
  );
  const expand = (key: string): void =>
    setExpanded(known => {
      const next = new Set(known);
      if (!next.delete(key)) {
        next.add(key);
      }
      return next;
    });
  const pick = (key: string): void => {
    setPicked(key);
    setOrigins(new Set());
    const node = model.nodes.get(key);
    const panel = governed.notebooks.currentWidget;
    if (node?.cell && panel && !props.isWide) {
      goToCell(panel, node.cell);
    }
  };
  const node = model.nodes.get(picked);
  const lit = node
    ? model.between(origins, picked)
    : (new Set() as ReadonlySet<string>);
  return (
    <>
      <Filters
        model={model}
        filter={filter}
        change={setFilter}
        isTable={isTable}
        setTable={setTable}
        expandAll={() => setExpanded(new Set(model.nodes.keys()))}
        collapse={expanded.size ? () => setExpanded(new Set()) : undefined}
        save={kind => canvas.current?.save(kind, props.name)}
        fit={() => canvas.current?.fit()}
      />
      <p className="gn-Lineage-count" role="status">
        {trans._n('%1 thing shown', '%1 things shown', shown.nodes.length)}
        {filter.search.trim() &&
          ` · ${trans.__('%1 found', model.matches(filter.search).size)}`}
        {shown.left > 0 && ` · ${trans.__('%1 more on record', shown.left)}`}
      </p>
      <div
        className="gn-Lineage-body"
        onKeyDown={event => {
          if (event.key === 'Escape' && picked) {
            event.stopPropagation();
            pick('');
          }
        }}
      >
        {isTable ? (
          <LineageTable
            model={model}
            shown={shown}
            picked={picked}
            pick={pick}
            expand={expand}
            expanded={expanded}
          />
        ) : (
          <Canvas
            ref={canvas}
            shown={shown}
            picked={picked}
            lit={origins.size ? lit : new Set()}
            pick={pick}
            expand={expand}
            isNarrow={!props.isWide}
            label={trans.__(
              'Graph of %1 things: arrow keys move, Enter picks, Space expands, plus and minus scale; “Table” shows the same as text',
              shown.nodes.length
            )}
          />
        )}
        {node && (
          <Returning>
            <Detail
              key={node.key}
              node={node}
              model={model}
              isExpanded={expanded.has(node.key)}
              expand={() => expand(node.key)}
              light={setOrigins}
              close={() => pick('')}
              about={props.about}
            />
          </Returning>
        )}
      </div>
    </>
  );
}
