import { approvalsFor } from './states';

const given = (purpose: 'run' | 'deployment', run = '', counts = true) => ({
  for: purpose,
  run,
  counts
});

describe('approvals', () => {
  it('are counted together for a run of the release', () => {
    const two = [given('run'), given('run'), given('run', '', false)];
    expect(approvalsFor('run', two)).toBe(2);
    expect(approvalsFor('deployment', two)).toBe(0);
  });

  it('are counted for each run apart for deployment', () => {
    const one = [given('deployment', 'run-1'), given('deployment', 'run-2')];
    expect(approvalsFor('deployment', one)).toBe(1);
    const two = [...one, given('deployment', 'run-2')];
    expect(approvalsFor('deployment', two)).toBe(2);
  });
});
