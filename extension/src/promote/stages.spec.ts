import type { IFinding } from '../records';
import { keyed, stagesOf } from './stages';

const trans = {
  __: (text: string) => text,
  _n: (one: string, many: string, count: number) => (count === 1 ? one : many)
};

const finding = (
  code: string,
  severity: IFinding['severity'] = 'blocking',
  cell_id = ''
): IFinding => ({
  code,
  severity,
  cell_id,
  what: '',
  why: '',
  next: '',
  cell_index: -1,
  subject: '',
  fix: null
});

describe('the stages of a checklist', () => {
  const verdicts = (...findings: IFinding[]): Record<string, string> =>
    Object.fromEntries(
      stagesOf(findings, trans).map(stage => [stage.id, stage.verdict])
    );

  it('are all there, done where nothing was found', () => {
    expect(verdicts()).toEqual({
      ran: 'done',
      parameters: 'done',
      data: 'done',
      repeatable: 'done',
      card: 'done',
      safe: 'done'
    });
  });

  it('are blocked by what blocks alone', () => {
    expect(verdicts(finding('no-seed', 'warning')).repeatable).toBe('look');
    expect(
      verdicts(finding('no-seed', 'warning'), finding('installs-packages'))
        .repeatable
    ).toBe('blocked');
  });

  it('let no finding go that they do not know', () => {
    expect(verdicts(finding('invented-tomorrow')).data).toBe('blocked');
  });
});

describe('a finding in a list', () => {
  it('keeps its name when one before it is mended', () => {
    const [first, second, third] = [
      finding('secret', 'blocking', 'a'),
      finding('secret', 'blocking', 'b'),
      finding('shell-line', 'warning', 'a')
    ];
    const before = new Map(
      keyed([first, second, third]).map(([k, v]) => [v, k])
    );
    const after = new Map(keyed([second, third]).map(([k, v]) => [v, k]));
    expect(after.get(second)).toBe(before.get(second));
    expect(after.get(third)).toBe(before.get(third));
  });

  it('keeps the name of one of two of a kind in a cell when the other goes', () => {
    const [one, other] = ['a.csv', 'b.csv'].map(subject => ({
      ...finding('unregistered-input', 'blocking', 'load'),
      subject
    }));
    const [, [name]] = keyed([one, other]);
    expect(keyed([other])[0][0]).toBe(name);
  });

  it('has a name of its own, also where two are alike', () => {
    const alike = [finding('secret'), finding('secret')];
    expect(new Set(keyed(alike).map(([key]) => key)).size).toBe(2);
  });
});
