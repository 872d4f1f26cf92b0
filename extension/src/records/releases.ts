/** Releases, and what a person signs. */

import type { ILearning } from './catalog';
import type { IComparison, IFinding, IParameter } from './promotion';
import type { ICase } from './validation';

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
  /** The newest. */
  bundle: string;
  /** Which of its bundles is live where; after a roll-back that need not be the newest. */
  live: { environment: string; slot: string; bundle: string }[];
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
  /** That day has passed: no run of it begins, no validation either. */
  retention_over: boolean;
  owner: string;
  /** Left out where nobody opened a column of it. */
  may_learn?: ILearning[];
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
