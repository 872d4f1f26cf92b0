import { PathExt } from '@jupyterlab/coreutils';
import * as React from 'react';

import { goToCell, openNotebook } from '../notebook';
import {
  Busy,
  Button,
  ClassTag,
  Digest,
  Problem,
  Tag,
  useGoverned
} from '../parts';
import { useAnswer, useWork } from '../parts/asking';
import { bytes } from '../words';
import { byColumn, named } from './columns';
import type { GraphModel } from './model';
import type { IColumnOrigin, INode } from './records';
import { label } from '../labels';

const MOST_COLUMNS = 200;
/** From so many on they can be searched. */
const MANY_COLUMNS = 12;

/** What is known of one node, and where each of its columns is from. */
export function Detail(props: {
  node: INode;
  model: GraphModel;
  isExpanded: boolean;
  expand: () => void;
  light: (keys: ReadonlySet<string>) => void;
  close: () => void;
  about: (name: string) => void;
}): React.ReactElement {
  const governed = useGoverned();
  const { trans } = governed;
  const { node, model } = props;
  const facts: [string, React.ReactNode][] = [
    [trans.__('Kind'), label(node.kind, trans)],
    [trans.__('Where'), node.where],
    [trans.__('Class'), node.data_class && <ClassTag name={node.data_class} />],
    [trans.__('State'), node.state && label(node.state, trans)],
    [trans.__('Notebook'), node.notebook],
    [trans.__('Size'), node.bytes === undefined ? '' : bytes(node.bytes)],
    [trans.__('SHA-256'), node.sha256 && <Digest value={node.sha256} />],
    [trans.__('Did'), node.operations?.join(', ')],
    [
      node.kind === 'session' ? trans.__('Sessions') : trans.__('Files'),
      several(node.members ?? [])
    ]
  ];
  return (
    <aside className="gn-Lineage-detail" aria-label={trans.__('Selected')}>
      <header>
        <h2>{node.name}</h2>
        <Button kind="link" onClick={props.close} label={trans.__('Close')}>
          ✕
        </Button>
      </header>
      {node.denied && (
        <p>
          <Tag tone="bad">{trans.__('denied by policy')}</Tag>
        </p>
      )}
      <dl className="gn-Facts">
        {facts
          .filter(([, value]) => value)
          .map(([name, value]) => (
            <React.Fragment key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </React.Fragment>
          ))}
      </dl>
      <div className="gn-Lineage-steps">
        <Button onClick={props.expand}>
          {props.isExpanded ? trans.__('Collapse') : trans.__('Expand')}
        </Button>
        {node.cell && <ToCell node={node} />}
        {['dataset', 'release', 'run'].includes(node.kind) && (
          <Button onClick={() => props.about(node.name)}>
            {trans.__('Its lineage')}
          </Button>
        )}
      </div>
      {(node.kind === 'cell' ||
        (node.kind === 'resource' && !node.members)) && (
        <Columns node={node} model={model} light={props.light} />
      )}
    </aside>
  );
}

/** To the cell, in its notebook, which is opened where it is not; it may be called otherwise now. */
function ToCell(props: { node: INode }): React.ReactElement {
  const governed = useGoverned();
  const { trans, app, notebooks } = governed;
  const { node } = props;
  const [isGone, setGone] = React.useState(false);
  const work = useWork();
  const go = async (): Promise<void> => {
    const root = (await governed.status()).workspace?.path ?? '';
    const named = node.notebook
      ? await openNotebook(app, notebooks, PathExt.join(root, node.notebook))
      : null;
    const panel = named ?? notebooks.currentWidget;
    const isThere = !!panel && goToCell(panel, node.cell!);
    setGone(!isThere);
    if (isThere) {
      app.shell.activateById(panel.id);
    }
  };
  return (
    <>
      <Button
        kind="accept"
        onClick={() => {
          setGone(false);
          work.start(go);
        }}
      >
        {trans.__('Show the cell')}
      </Button>
      {work.problem && <Problem problem={work.problem} />}
      {isGone && (
        <p role="status">
          {trans.__(
            'The cell is no longer in %1: it was deleted, or the notebook was moved.',
            node.notebook ?? governed.place
          )}
        </p>
      )}
    </>
  );
}

function Columns(props: {
  node: INode;
  model: GraphModel;
  light: (keys: ReadonlySet<string>) => void;
}): React.ReactElement {
  const { client, trans, place } = useGoverned();
  const { node, model, light } = props;
  const [locked, setLocked] = React.useState('');
  const [search, setSearch] = React.useState('');
  const answer = useAnswer(
    () =>
      client.get<IColumnOrigin[]>('lineage/columns', {
        path: place,
        session: node.session,
        cell:
          node.kind === 'cell'
            ? node.cell || String(node.execution)
            : undefined,
        uri: node.kind === 'resource' ? node.uris?.[0] : undefined
      }),
    [node.key, place]
  );
  if (answer.problem) {
    return <Problem problem={answer.problem} retry={answer.again} />;
  }
  if (!answer.value) {
    return <Busy>{trans.__('Following its columns…')}</Busy>;
  }
  const all = byColumn(answer.value);
  const columns = named(all, search);
  const sources = (rows: IColumnOrigin[]): Set<string> =>
    new Set(
      rows
        .map(row => model.ofUri(row.input))
        .filter((key): key is string => key !== null)
    );
  return (
    <section className="gn-Lineage-columns">
      <h3>{trans.__('Columns and where they are from')}</h3>
      {all.size > MANY_COLUMNS && (
        <input
          type="search"
          aria-label={trans.__('Search the columns')}
          placeholder={trans.__('Search')}
          value={search}
          onChange={event => setSearch(event.target.value)}
        />
      )}
      {columns.length === 0 && (
        <p role="status">
          {all.size
            ? trans.__('Nothing is called so.')
            : trans.__('No column is known.')}
        </p>
      )}
      {columns.length > MOST_COLUMNS && (
        <p>{trans.__('The first %1 of %2.', MOST_COLUMNS, columns.length)}</p>
      )}
      <ul>
        {columns.slice(0, MOST_COLUMNS).map(([name, rows]) => (
          <li
            key={name}
            onMouseEnter={() => !locked && light(sources(rows))}
            onMouseLeave={() => !locked && light(new Set())}
          >
            <button
              type="button"
              className="gn-Column"
              aria-pressed={locked === name}
              title={trans.__('Highlight its origins and keep them so')}
              onFocus={() => !locked && light(sources(rows))}
              onClick={() => {
                const isLocked = locked === name;
                setLocked(isLocked ? '' : name);
                light(isLocked ? new Set() : sources(rows));
              }}
            >
              <code>
                {rows[0].output_column === '*'
                  ? trans.__('(all of it)')
                  : rows[0].output_column}
              </code>
              <small>{rows[0].name}</small>
              {locked === name && <Tag tone="brand">{trans.__('locked')}</Tag>}
            </button>
            {locked === name && (
              <ul className="gn-Origins">
                {rows.map((row, at) => (
                  <li key={at}>
                    <Tag
                      tone={row.evidence === 'observed' ? 'good' : 'attention'}
                      title={label(row.evidence, trans)}
                    >
                      {label(row.relation, trans)}
                    </Tag>{' '}
                    <code>
                      {row.input_column === '*'
                        ? trans.__('(all of it)')
                        : row.input_column}
                    </code>{' '}
                    <small title={row.input}>
                      {model.nodes.get(model.ofUri(row.input) ?? '')?.name ??
                        row.input}
                    </small>
                  </li>
                ))}
              </ul>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

const MOST_MEMBERS = 100;

/** The first of many names; all of them are in the store. */
function several(names: string[]): string {
  const more = names.length > MOST_MEMBERS ? ' …' : '';
  return names.slice(0, MOST_MEMBERS).join(', ') + more;
}
