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
  environments: string[];
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
  why: string;
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

/** One line of the list of validations. */
export interface IEvaluationSummary {
  validation: string;
  run: string;
  release: string;
  suite: string;
  person: string;
  at: string;
  passed: boolean;
  /** Also when it did not pass by itself: risks may have been accepted, and may expire. */
  passes_now: boolean;
  /** Whether it is the last one by its suite, which decides. */
  counts: boolean;
  cases: number;
  failed: number;
}

export interface ICalibrationBin {
  lower: number;
  upper: number;
  records: number;
  confidence: number;
  accuracy: number;
}

export interface IEvidence {
  suite: string;
  passed: boolean;
  reasons: string[];
  dataset: string;
  records: number;
  base_model: string;
  device: string;
  classes: string[];
  /** Counts, true class by predicted class. */
  confusion: number[][];
  calibration: ICalibrationBin[];
  calibration_error: number | null;
  cases: ICase[];
}

export interface IRisk {
  case: string;
  person: string;
  reason: string;
  control: string;
  until: string;
  state: 'valid' | 'expired' | 'withdrawn';
}

export interface IEvaluation extends IEvaluationSummary {
  evidence: IEvidence[];
  risks: IRisk[];
}

export interface IVerification {
  whole: boolean;
  /** Kind → outcome → number. */
  counts: Record<string, Record<string, number>>;
  /** What is not simply right; what is broken comes first. */
  checks: { kind: string; subject: string; outcome: string; detail: string }[];
}

export interface IVerdict {
  run: string;
  rerun: string;
  verdict: 'IDENTICAL' | 'EQUIVALENT' | 'DIFFERENT';
  weights_sha256: string;
  differences: string[];
  surroundings: string[];
  person: string;
  at: string;
}

export interface IStandingApproval {
  purpose: string;
  printed_name: string;
  counts: boolean | null;
  reason: string;
  signed_at: string;
}

export interface IStanding {
  at: string;
  ledger: {
    records: number;
    last_at: string;
    root: string;
    bear_a_later_time: number[];
  };
  policy: { digest: string; is_in_force_now: boolean; is_known: boolean };
  live: {
    environment: string;
    slot: string;
    release: string;
    bundle: string;
    bundle_digest: string;
    run: string;
    live_from: string;
    person: string;
    approvals: IStandingApproval[];
    validation: { suite: string; passed: boolean } | null;
    inputs: { name: string; sha256: string }[];
  }[];
  approved: {
    release: string;
    state: string;
    digest: string;
    author: string;
    approvals: IStandingApproval[];
    inputs: { name: string; sha256: string }[];
  }[];
  running: {
    run: string;
    release: string;
    person: string;
    started_at: string;
  }[];
}

export interface IImpact {
  versions: Record<string, string>;
  releases: {
    release: string;
    state: string;
    author: string;
    read: string[];
  }[];
  runs: { run: string; kind: string; release: string; state: string }[];
  bundles: { bundle: string; release: string; sha256: string }[];
  deployments: {
    environment: string;
    slot: string;
    bundle: string;
    live_from: string;
    live_to: string | null;
  }[];
}

export interface IReport {
  release: string;
  open: string[];
  pages: Record<string, string>;
}

/** One version in the catalog. */
export interface IVersionRow {
  dataset: string;
  version: string;
  kind: 'data' | 'model';
  class: string;
  state: string;
  owner: string;
  purposes: string[];
  retention_until: string;
  bytes: number;
  rows: number;
  sha256: string;
}

export interface IVersion {
  dataset: string;
  version: string;
  versions: string[];
  kind: 'data' | 'model';
  data_class: string;
  state: string;
  owner: string;
  purposes: string[];
  legal_basis: string;
  retention_until: string;
  licence: string;
  origin: string;
  source: string;
  intended_use: string;
  training_data: string;
  adaptation: string;
  never_learn: string[];
  derived_from: string;
  made_from: string[];
  bytes: number;
  rows: number;
  sha256: string;
  person: string;
  occurred_at: string;
  files: { path: string; sha256: string; bytes: number }[];
  /** Purpose → whether a notebook may use it for that now, or why not. */
  research: Record<string, string>;
}

/** Two runs, and each thing that either of them has. */
export interface IRunComparison {
  first: string;
  second: string;
  rows: {
    section: 'run' | 'parameters' | 'metrics' | 'artifacts' | 'environment';
    name: string;
    first: string;
    second: string;
  }[];
}
