/** What a session and its cells did. */

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
