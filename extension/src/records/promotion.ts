/** Between a research notebook and a release candidate. */

export type Severity = 'blocking' | 'warning' | 'note';

export interface IFinding {
  code: string;
  severity: Severity;
  what: string;
  why: string;
  next: string;
  cell_index: number;
  cell_id: string;
  subject: string;
  fix: IFix | null;
}

export interface IFix {
  kind: 'tag' | 'source' | 'outputs' | 'run' | 'register';
  cell_id: string;
  before: string;
  after: string;
  path: string;
}

export interface IChange {
  name: string;
  kind: 'unchanged' | 'changed' | 'added' | 'removed' | 'moved';
  before: string;
  after: string;
  note: string;
  is_code: boolean;
}

export interface IComparison {
  heading: string;
  summary: string;
  changes: IChange[];
}

export interface IBoundInput {
  dataset: string;
  version: string;
  kind: string;
  sha256: string;
  data_class: string;
  purposes: string[];
}

export interface IParameter {
  name: string;
  type: 'int' | 'float' | 'bool' | 'str';
  default: number | boolean | string;
  minimum: number | null;
  maximum: number | null;
  choices: string[];
  description: string;
  bounds: string;
}

export interface IChecklist {
  notebook: string;
  session_id: string;
  inputs: IBoundInput[];
  suites: string[];
  environment: string;
  release: string;
  /** What people said in the card, by field. */
  card: Record<string, string>;
  /** What each field of the card asks. */
  asks: Record<string, string>;
  promotable: boolean;
  parameters: IParameter[];
  findings: IFinding[];
  preview: { release: string; comparisons: IComparison[] } | null;
}

export interface IPromoted {
  release: string;
  digest: string;
  notebook: string;
  warnings: string[];
}
