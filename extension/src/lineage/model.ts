import type { Trans } from '../words';
import type { IGraph, ILink, INode } from './records';

/** Most nodes that are drawn at once; the rest waits to be expanded or searched for. */
export const MOST_SHOWN = 500;

/** What of a graph is to be seen. */
export interface IFilter {
  search: string;
  kinds: ReadonlySet<string>;
  dataClass: string;
  cell: string;
}

export const EVERYTHING: IFilter = {
  search: '',
  kinds: new Set(),
  dataClass: '',
  cell: ''
};

/** What is drawn: nodes with the number of neighbours that are still hidden. */
export interface IShown {
  nodes: (INode & { hidden: number; isMatch: boolean })[];
  links: ILink[];
  left: number;
}

/** The graph with the names of those that stand for many in the reader's language. */
export function named(graph: IGraph, trans: Trans): IGraph {
  return {
    ...graph,
    nodes: graph.nodes.map(node =>
      node.count ? { ...node, name: severalOf(node, node.count, trans) } : node
    )
  };
}

function severalOf(node: INode, count: number, trans: Trans): string {
  return node.kind === 'session'
    ? trans._n('%1 session', '%1 sessions', count)
    : trans._n('%1 file', '%1 files', count);
}

/** A graph with its neighbours looked up, and the questions that a panel asks of it. */
export class GraphModel {
  constructor(readonly graph: IGraph) {
    for (const node of graph.nodes) {
      this.nodes.set(node.key, node);
      this._beside.set(node.key, new Set());
      for (const uri of node.uris ?? []) {
        this._byUri.set(uri, node.key);
      }
    }
    for (const { source, target } of graph.links) {
      this._beside.get(source)?.add(target);
      this._beside.get(target)?.add(source);
      (this._before.get(target) ?? this._put(this._before, target)).push(
        source
      );
    }
  }

  readonly nodes = new Map<string, INode>();

  /** The neighbours of a node. */
  beside(key: string): ReadonlySet<string> {
    return this._beside.get(key) ?? new Set();
  }

  /** The node that an address belongs to. */
  ofUri(uri: string): string | null {
    return this.nodes.has(uri) ? uri : (this._byUri.get(uri) ?? null);
  }

  /** Kinds and classes that there are, for the filters. */
  kinds(): string[] {
    return [...new Set(this.graph.nodes.map(node => node.kind))].sort();
  }
  classes(): string[] {
    const found = this.graph.nodes.map(node => node.data_class ?? '');
    return [...new Set(found.filter(name => name))].sort();
  }
  cells(): INode[] {
    return this.graph.nodes
      .filter(node => node.kind === 'cell')
      .sort((a, b) => (a.execution ?? 0) - (b.execution ?? 0));
  }

  /** The focus with one hop around it and around everything that was expanded, as filtered. */
  shown(expanded: ReadonlySet<string>, filter: IFilter): IShown {
    const wanted = new Set<string>();
    const add = (key: string): void => {
      if (this.nodes.has(key)) {
        wanted.add(key);
      }
    };
    const matches = this.matches(filter.search);
    const open = filter.cell
      ? [filter.cell]
      : [...this.graph.focus, ...expanded];
    for (const key of [...matches, ...open]) {
      add(key);
      if (!matches.has(key) || expanded.has(key) || open.includes(key)) {
        this.beside(key).forEach(add);
      }
    }
    const passing = [...wanted].filter(key => this._passes(key, filter));
    const kept = new Set(passing.slice(0, MOST_SHOWN));
    return {
      nodes: [...kept].map(key => ({
        ...this.nodes.get(key)!,
        hidden: [...this.beside(key)].filter(name => !wanted.has(name)).length,
        isMatch: matches.has(key)
      })),
      links: this.graph.links.filter(
        link => kept.has(link.source) && kept.has(link.target)
      ),
      left: this.graph.stored - kept.size
    };
  }

  /** Nodes that a search means; none without one. */
  matches(search: string): Set<string> {
    const words = search.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = new Set<string>();
    if (words.length) {
      for (const node of this.graph.nodes) {
        const text = [
          node.name,
          node.where,
          node.data_class,
          ...(node.operations ?? []),
          ...(node.members ?? [])
        ]
          .join(' ')
          .toLowerCase();
        if (words.every(word => text.includes(word))) {
          found.add(node.key);
        }
      }
    }
    return found;
  }

  /** Everything on a way from one of the sources to a node, both ends included. */
  between(sources: Iterable<string>, end: string): Set<string> {
    const above = new Set([end]);
    const pending = [end];
    while (pending.length) {
      for (const key of this._before.get(pending.pop()!) ?? []) {
        if (!above.has(key)) {
          above.add(key);
          pending.push(key);
        }
      }
    }
    const after = new Map<string, string[]>();
    for (const { source, target } of this.graph.links) {
      (after.get(source) ?? this._put(after, source)).push(target);
    }
    const found = new Set<string>([end]);
    const next = [...sources].filter(key => this.nodes.has(key));
    while (next.length) {
      const key = next.pop()!;
      if (found.has(key) && key !== end) {
        continue;
      }
      found.add(key);
      if (key !== end) {
        next.push(...(after.get(key) ?? []).filter(name => above.has(name)));
      }
    }
    return found;
  }

  private _passes(key: string, filter: IFilter): boolean {
    const node = this.nodes.get(key)!;
    if (filter.kinds.has(node.kind)) {
      return false;
    }
    if (!filter.dataClass || node.data_class === filter.dataClass) {
      return true;
    }
    return (
      node.data_class === undefined &&
      [...this.beside(key)].some(
        name => this.nodes.get(name)?.data_class === filter.dataClass
      )
    );
  }

  private _put(map: Map<string, string[]>, key: string): string[] {
    const made: string[] = [];
    map.set(key, made);
    return made;
  }

  private _beside = new Map<string, Set<string>>();
  private _before = new Map<string, string[]>();
  private _byUri = new Map<string, string>();
}
