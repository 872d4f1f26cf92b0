/** Verification, re-runs, how things stood, what came of data. */

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
  /** What sessions made of it, and lies there still. */
  files: {
    path: string;
    made_from: string[];
    class: string;
    session: string;
    /** What lies there now is not what the session wrote. */
    changed_since: boolean;
  }[];
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
  /** What can't be read, so that it is taken to be concerned. */
  unread: string[];
}

export interface IReport {
  release: string;
  open: string[];
  pages: Record<string, string>;
}

/** One recorded session; what its journal no longer tells is null. */
export interface ISessionRow {
  session_id: string;
  state: 'sealed' | 'running' | 'cut off' | 'journal gone';
  mode: string | null;
  notebook: string | null;
  /** What it executed, where it is no notebook of a person; the ledger names the release. */
  run_id: string | null;
  release: string | null;
  user_name: string | null;
  host: string | null;
  started_at: string | null;
  ended_at: string | null;
  cells: number;
  unexplained: number | null;
  lost: number | null;
  clock_back: number | null;
}

export interface ISessionPage {
  total: number;
  sessions: ISessionRow[];
}

/** One cell that read something, and what allowed it. */
export interface IReading {
  occurred_at: string;
  user_name: string;
  notebook: string;
  session_id: string;
  execution: number;
  dataset: string | null;
  version: string | null;
  uri: string;
  columns: string[] | null;
  decision: string | null;
  purpose: string | null;
  run_id: string | null;
  release: string | null;
}

export interface IReadings {
  total: number;
  readings: IReading[];
}
