import type { ICellEvidence, ISession } from './records';
import {
  bytes,
  cellSentence,
  completeness,
  duration,
  explained,
  health,
  isCutOff,
  kindOf,
  learning,
  moment,
  Trans,
  writeIn
} from './words';

const filled = (text: string, ...values: unknown[]): string =>
  values.reduce<string>(
    (said, value, at) => said.replace(`%${at + 1}`, String(value)),
    text
  );
const trans = {
  __: filled,
  _n: (one: string, many: string, count: number) =>
    filled(count === 1 ? one : many, count)
} as Trans;

const nothing = { count: 0, names: [] };
const cell: ICellEvidence = {
  cell_id: 'a',
  execution: 1,
  status: 'ok',
  source_sha256: null,
  read: nothing,
  wrote: nothing,
  reached: nothing,
  denied: nothing,
  unexplained: 0,
  transformed: 0,
  classes: []
};

function session(
  witnessed: number,
  unexplained: number,
  witness = 'full'
): ISession {
  return {
    recording: true,
    cells: [],
    session: {
      session_id: 's',
      mode: 'research',
      notebook: 'n.ipynb',
      started_at: '',
      ended_at: null,
      witness,
      witnessed,
      explained: witnessed - unexplained,
      unexplained,
      denied: 0
    }
  };
}

describe('a session in words', () => {
  it('says how many accesses are explained', () => {
    expect(completeness(session(41, 0), trans)).toBe(
      '41 of 41 accesses explained'
    );
    expect(completeness(session(0, 0), trans)).toBe('no accesses yet');
  });

  it('never calls a session good that nobody witnessed', () => {
    expect(health(session(3, 0, 'no seccomp'))).toBe('bad');
    expect(completeness(session(3, 0, 'no seccomp'), trans)).toBe(
      'no witness: no seccomp'
    );
  });

  it('asks for attention when something is unexplained', () => {
    expect(health(session(3, 1))).toBe('attention');
    expect(health(session(3, 0))).toBe('good');
    expect(health(null)).toBe('none');
  });

  it('says in a few letters how many are explained, and nothing of nothing', () => {
    expect(explained(session(41, 2))).toBe('39/41');
    expect(explained(session(0, 0))).toBe('');
  });

  it('never calls a session good that ended without a last record', () => {
    const cutOff = { ...session(3, 0), recording: false };
    expect(isCutOff(cutOff)).toBe(true);
    expect(health(cutOff)).toBe('attention');
    const sealed = { ...cutOff.session!, ended_at: '2026-11-22T00:00:00' };
    expect(health({ ...cutOff, session: sealed })).toBe('good');
  });
});

describe('a cell in words', () => {
  it('names two things and counts the rest', () => {
    const read = { count: 4, names: ['a.csv', 'b.csv', 'c.csv'] };
    expect(cellSentence({ ...cell, read, transformed: 1 }, trans)).toBe(
      'read a.csv, b.csv and 2 more; made 1 transformation'
    );
  });

  it('puts what was denied before everything else', () => {
    const denied = { count: 1, names: ['holdout@1'] };
    expect(kindOf({ ...cell, denied, unexplained: 2 })).toBe('denied');
    expect(kindOf({ ...cell, unexplained: 2 })).toBe('unexplained');
    expect(kindOf(cell)).toBe('quiet');
    expect(cellSentence(cell, trans)).toBe('touched no data');
  });
});

describe('what may be learned', () => {
  const said = {
    columns: ['age', 'city'],
    said: 'opened' as const,
    by: 'ada',
    at: '2026-11-23T10:00:00+00:00',
    reason: 'counted anew'
  };

  it('names who opened which columns and why', () => {
    expect(learning(said, trans)).toBe(
      'age, city may be learned, says ada: counted anew'
    );
  });

  it('tells when that was taken back', () => {
    expect(learning({ ...said, said: 'closed' }, trans)).toBe(
      'age, city may not be learned any more, says ada: counted anew'
    );
  });
});

describe('numbers', () => {
  it('are written as people write them', () => {
    expect(bytes(0)).toBe('0 B');
    expect(bytes(1536)).toBe('1.5 KiB');
    expect(bytes(64 << 20)).toBe('64 MiB');
    expect(duration(0.4)).toBe('0 s');
    expect(duration(18)).toBe('18 s');
    expect(duration(75)).toBe('1 min 15 s');
    expect(duration(3605)).toBe('1 h 0 min 5 s');
  });
});

describe('a moment', () => {
  const at = '2026-11-21T12:00:00Z';

  afterEach(() => writeIn('', []));

  it('is written as JupyterLab speaks, not as the browser would', () => {
    writeIn('de-DE', ['en-US']);
    expect(moment(at)).toContain('21.11.2026');
    writeIn('en', ['de-DE', 'de']);
    expect(moment(at)).toContain('Nov 21, 2026');
  });

  it('is written as in the country of who reads the language', () => {
    writeIn('en', ['de-DE', 'en-GB']);
    expect(moment(at)).toContain('21 Nov 2026');
  });

  it('names its zone, which reviewers elsewhere do not share', () => {
    writeIn('en', ['en-GB']);
    expect(moment(at)).toMatch(/ (UTC|GMT([+-]\d+(:\d\d)?)?|[A-Z]{2,5})$/);
    expect(moment('no moment')).toBe('no moment');
  });

  it('is written somehow in a language that no browser knows', () => {
    for (const code of ['', 'ach-UG', 'not_a_language at all']) {
      writeIn(code, ['en-GB']);
      expect(moment(at)).toContain('2026');
    }
  });
});
