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
