/** What suites said of runs. */

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
