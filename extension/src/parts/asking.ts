import * as React from 'react';

import { described, IErrorDescription } from '../api';

/** An answer of the server: on its way, there, or failed. */
export interface IAnswer<T> {
  value: T | null;
  problem: IErrorDescription | null;
  isBusy: boolean;
  again: () => void;
}

/** Ask the server when a panel opens and whenever one of `when` changes; begin with what is known. */
export function useAnswer<T>(
  ask: () => Promise<T>,
  when: readonly unknown[],
  known: T | null = null
): IAnswer<T> {
  const [value, setValue] = React.useState<T | null>(known);
  const [problem, setProblem] = React.useState<IErrorDescription | null>(null);
  const [isBusy, setBusy] = React.useState(true);
  const [times, setTimes] = React.useState(0);
  React.useEffect(() => {
    let isCurrent = true;
    setBusy(true);
    ask()
      .then(found => {
        if (isCurrent) {
          setValue(found);
          setProblem(null);
        }
      })
      .catch(error => isCurrent && setProblem(described(error)))
      .finally(() => isCurrent && setBusy(false));
    return () => {
      isCurrent = false;
    };
  }, [...when, times]);
  return { value, problem, isBusy, again: () => setTimes(known => known + 1) };
}

/** Work that a person starts: its step while it goes on, then its problem or nothing. */
export interface IWork {
  step: string;
  problem: IErrorDescription | null;
  isBusy: boolean;
  start: (work: (onStep: (step: string) => void) => Promise<void>) => void;
  clear: () => void;
}

/** Do what takes a while, and show how it stands. */
export function useWork(): IWork {
  const [step, setStep] = React.useState('');
  const [problem, setProblem] = React.useState<IErrorDescription | null>(null);
  const [isBusy, setBusy] = React.useState(false);
  const isThere = React.useRef(true);
  React.useEffect(() => {
    isThere.current = true;
    return () => {
      isThere.current = false;
    };
  }, []);
  return {
    step,
    problem,
    isBusy,
    clear: () => setProblem(null),
    start: work => {
      setProblem(null);
      setStep('');
      setBusy(true);
      work(said => isThere.current && setStep(said))
        .catch(error => isThere.current && setProblem(described(error)))
        .finally(() => isThere.current && setBusy(false));
    }
  };
}
