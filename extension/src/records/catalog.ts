/** Datasets and base models. */

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
  /** Whether that day has passed. */
  retention_over: boolean;
  bytes: number;
  rows: number;
  sha256: string;
}

/** Columns that lineage closed, and who opened them or closed them again. */
export interface ILearning {
  columns: string[];
  said: 'opened' | 'closed';
  by: string;
  at: string;
  reason: string;
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
  /** Whether that day has passed. */
  retention_over: boolean;
  licence: string;
  origin: string;
  source: string;
  intended_use: string;
  training_data: string;
  adaptation: string;
  /** Of a base model: what its files ask for that whoever loads it should know. */
  odd: string[];
  never_learn: string[];
  may_learn: ILearning[];
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
