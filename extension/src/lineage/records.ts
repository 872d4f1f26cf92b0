/** What the lineage routes answer with. */

export type NodeKind =
  | 'dataset'
  | 'resource'
  | 'cell'
  | 'session'
  | 'run'
  | 'release'
  | 'deployment';

export interface INode {
  key: string;
  kind: NodeKind;
  name: string;
  where?: string;
  data_class?: string;
  state?: string;
  session?: string;
  notebook?: string;
  cell?: string;
  execution?: number;
  status?: string;
  operations?: string[];
  members?: string[];
  /** How many it stands for, where that is more than one. */
  count?: number;
  uris?: string[];
  sha256?: string;
  bytes?: number;
  denied?: boolean;
}

export interface ILink {
  source: string;
  target: string;
  how: string;
}

export interface IGraph {
  focus: string[];
  nodes: INode[];
  links: ILink[];
  stored: number;
}

export interface ITarget {
  name: string;
  kind: 'dataset' | 'release';
}

/** One column of something, and one source column that it goes back to. */
export interface IColumnOrigin {
  output: string;
  name: string;
  output_column: string;
  input: string;
  input_column: string;
  relation: string;
  evidence: string;
}
