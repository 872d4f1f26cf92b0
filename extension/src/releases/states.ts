import type { IApproval } from '../records';

/** How many approvals count; for deployment of the run that has most: each run has its own. */
export function approvalsFor(
  purpose: 'run' | 'deployment',
  approvals: readonly Pick<IApproval, 'for' | 'run' | 'counts'>[]
): number {
  const runs = approvals
    .filter(item => item.for === purpose && item.counts)
    .map(item => item.run);
  return Math.max(
    0,
    ...runs.map(run => runs.filter(other => other === run).length)
  );
}

/** The colour of a release's or run's state; the word stands beside it always. */
export function toneOf(
  state: string
): 'good' | 'attention' | 'bad' | 'plain' | 'brand' {
  switch (state) {
    case 'approved':
    case 'executed':
    case 'validated':
      return 'brand';
    case 'released':
    case 'succeeded':
      return 'good';
    case 'candidate':
    case 'starting':
    case 'running':
    case 'started':
      return 'attention';
    case 'rejected':
    case 'revoked':
    case 'failed':
    case 'interrupted':
      return 'bad';
    default:
      return 'plain';
  }
}
