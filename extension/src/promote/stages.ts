import type { IFinding } from '../records';
import type { Trans } from '../words';

/** One step of the checklist with what was found in it. */
export interface IStage {
  id: string;
  title: string;
  findings: IFinding[];
  tone: 'good' | 'attention' | 'bad';
  verdict: string;
}

const STAGE_OF: Record<string, string> = {
  'cell-never-run': 'ran',
  'cell-failed': 'ran',
  'cells-out-of-order': 'ran',
  'no-session': 'ran',
  'text-erased': 'ran',
  'changed-since-run': 'ran',
  'failed-in-session': 'ran',
  'session-differs': 'ran',
  'not-sealed': 'ran',
  'no-witness': 'ran',
  'unexplained-accesses': 'ran',
  'does-not-parse': 'ran',
  'no-parameters-cell': 'parameters',
  'several-parameters-cells': 'parameters',
  'parameters-not-literal': 'parameters',
  'parameter-without-bounds': 'parameters',
  'no-seed': 'repeatable',
  'seed-not-a-parameter': 'repeatable',
  'unbound-code': 'repeatable',
  'installs-packages': 'repeatable',
  'environment-altered': 'repeatable',
  'unpinned-environment': 'repeatable',
  'card-field-missing': 'card',
  'card-unusable': 'card',
  'unknown-risk-class': 'card',
  'suite-missing': 'card',
  'shell-line': 'safe',
  secret: 'safe'
};

/** Each finding with a name that it keeps when others go. */
export function keyed(findings: IFinding[]): [string, IFinding][] {
  const alike = new Map<string, number>();
  return findings.map(finding => {
    const name = `${finding.code} ${finding.cell_id} ${finding.subject}`;
    const at = alike.get(name) ?? 0;
    alike.set(name, at + 1);
    return [`${name} ${at}`, finding];
  });
}

/** The findings in the order in which a person goes through them; what is unknown concerns data. */
export function stagesOf(findings: IFinding[], trans: Trans): IStage[] {
  const titles: [string, string][] = [
    ['ran', trans.__('Ran from top to bottom, on record')],
    ['parameters', trans.__('Parameters with bounds')],
    ['data', trans.__('Data and models from the catalog')],
    ['repeatable', trans.__('Repeatable: seed and environment')],
    ['card', trans.__('What only people can say')],
    ['safe', trans.__('Fit to be read by others')]
  ];
  return titles.map(([id, title]) => {
    const own = findings.filter(
      finding => (STAGE_OF[finding.code] ?? 'data') === id
    );
    const isBlocked = own.some(finding => finding.severity === 'blocking');
    const tone = isBlocked ? 'bad' : own.length ? 'attention' : 'good';
    const verdict = isBlocked
      ? trans.__('blocked')
      : own.length
        ? trans.__('look')
        : trans.__('done');
    return { id, title, findings: own, tone, verdict };
  });
}
