/** Runs of releases. */

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
