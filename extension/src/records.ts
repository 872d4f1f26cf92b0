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

export interface IApproval {
  for: 'run' | 'deployment';
  run: string;
  person: string;
  printed_name: string;
  role: string;
  meaning: string;
  digest: string;
  comment: string;
  signed_at: string;
  counts: boolean;
  reason: string;
}

export interface IReleaseRun {
  run: string;
  kind: 'release' | 'rerun' | 'validation';
  state: string;
  parameters: Record<string, number | boolean | string>;
  person: string;
  error: string;
  validated: boolean | null;
  bundle: string;
  reruns: string[];
}

export interface IRelease {
  release: string;
  state: string;
  digest: string;
  author: string;
  notebook: string;
  risk_class: string;
  history: { state: string; at: string; person: string; reason: string }[];
  approvals: IApproval[];
  required: { run: number; deployment: number };
  runs: IReleaseRun[];
  refusals: { at: string; person: string; kind: string; why: string }[];
  deployments: {
    environment: string;
    slot: string;
    bundle: string;
    person: string;
    live_from: string;
    live_to: string | null;
  }[];
}

export interface IReviewedInput {
  name: string;
  kind: string;
  sha256: string;
  data_class: string;
  state: string;
  restriction: string;
  purposes: string[];
  rows: number;
  retention_until: string;
  owner: string;
}

export interface ICase {
  id: string;
  layer: string;
  outcome: string;
  value: number;
  threshold: number;
  comparison: string;
  blocking: boolean;
  note: string;
}

/** Everything that was verified before a signature. */
export interface IReview {
  release: string;
  run: string;
  digest: string;
  comparisons: IComparison[];
  facts: {
    risk_class: string;
    git_commit: string;
    notebook: {
      path: string;
      sha256: string;
      origin: string;
      origin_now: string;
    };
    session: {
      session_id: string;
      sealed: boolean;
      cells: number;
      witness: string;
    };
    parameters: IParameter[];
    inputs: IReviewedInput[];
    environment: {
      sha256: string;
      python: string;
      platform: string;
      distributions: number;
      main: Record<string, string>;
      editable: string[];
      unowned: string[];
    };
    code: { path: string; change: string }[];
    suites: { path: string; sha256: string; inputs: IReviewedInput[] }[];
    tolerance: Record<string, number>;
    threads: number;
    policy: { sha256: string; in_force: boolean };
    findings: IFinding[];
    changes: { previous: string };
    run?: { run_id: string; person: string; seconds: number; reruns: string[] };
    artifacts?: { name: string; sha256: string; bytes: number; kind: string }[];
    validation?: {
      suite: string;
      run_id: string;
      passed: boolean;
      dataset: string;
      records: number;
      classes: string[];
      confusion: number[][];
    }[];
    cases?: ICase[];
  };
}

export interface IRun {
  run: string;
  release: string;
  kind: string;
  state: string;
  person: string;
  started_at: string;
  seconds: number | null;
  parameters: Record<string, number | boolean | string>;
  error: string;
  validated: boolean | null;
}

export interface ISeen {
  state: {
    run_id: string;
    kind: string;
    release: string;
    state: 'starting' | 'running' | 'succeeded' | 'failed' | 'interrupted';
    person: string;
    started_at: string;
    ended_at: string | null;
    progress: { cell: number; cells: number; heading: string };
    error: { what?: string; why?: string; next?: string };
    artifacts: { name: string; sha256: string; bytes: number; kind: string }[];
    device: string;
  };
  seconds: number;
  memory: number;
  gpu_memory: number | null;
  notebook: string;
  parameters: Record<string, number | boolean | string>;
}
