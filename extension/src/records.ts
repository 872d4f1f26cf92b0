/** What the routes answer with. */

export interface IPerson {
  name: string;
  printed_name: string;
  roles: string[];
  can_sign_here: boolean;
}

export interface IDataClass {
  description: string;
  purposes: string[];
}

export interface IWorkspace {
  name: string;
  root: string;
  path: string;
  classes: Record<string, IDataClass>;
  governed: boolean;
  people: IPerson[];
}

export interface IStatus {
  version: string;
  person: string;
  hub: boolean;
  workspace: IWorkspace | null;
}

export interface ISessionFacts {
  session_id: string;
  mode: 'research' | 'release';
  notebook: string;
  started_at: string;
  ended_at: string | null;
  witness: string | null;
  witnessed: number;
  explained: number;
  unexplained: number;
  denied: number;
}

export interface IThings {
  count: number;
  names: string[];
}

export interface ICellEvidence {
  cell_id: string;
  execution: number;
  status: string | null;
  source_sha256: string | null;
  read: IThings;
  wrote: IThings;
  reached: IThings;
  denied: IThings;
  unexplained: number;
  transformed: number;
  classes: string[];
}

export interface ISession {
  session: ISessionFacts | null;
  cells: ICellEvidence[];
  recording: boolean;
}

export interface IAccess {
  occurred_at: string;
  operation: string;
  kind: string;
  uri: string;
  name: string;
  dataset: string | null;
  version: string | null;
  data_class: string | null;
  bytes: number | null;
  decision: string | null;
  policies: string[];
  purpose: string | null;
  via: string;
  evidence: string;
  detail: string | null;
}

export interface ITransformation {
  transformation_id: string;
  operation: string;
  library: string;
  rows_in: number | null;
  rows_out: number | null;
  columns: number;
}

export interface IPolicyReason {
  reason: string;
  advice: string;
  file: string;
}

export interface ICellRecord {
  accesses: IAccess[];
  transformations: ITransformation[];
  policies: Record<string, IPolicyReason>;
  most: number;
}

export type Severity = 'blocking' | 'warning' | 'note';

export interface IFinding {
  code: string;
  severity: Severity;
  what: string;
  why: string;
  next: string;
  cell_index: number;
  cell_id: string;
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
  inputs: string[];
  suites: string[];
  environment: string;
  promotable: boolean;
  parameters: IParameter[];
  findings: IFinding[];
}

export interface IReleaseSummary {
  release: string;
  state: string;
  author: string;
  risk_class: string;
  notebook: string;
  digest: string;
  created_at: string;
  changed_at: string;
  approvals: number;
  required: number;
  runs: number;
  bundle: string;
  waits_for_me: 'run' | 'deployment' | null;
}
