import type { TranslationBundle } from '@jupyterlab/translation';

import type { ICellEvidence, ILearning, ISession } from './records';

/** The part of a translation that sentences here need. */
export type Trans = Pick<TranslationBundle, '__' | '_n'>;

/** How a session stands, as one word that decides colour and icon. */
export type Health = 'good' | 'attention' | 'bad' | 'none';

/** "41 of 41 accesses explained". */
export function completeness(session: ISession, trans: Trans): string {
  const facts = session.session;
  if (!facts) {
    return trans.__('nothing recorded yet');
  }
  if (facts.witness && facts.witness !== 'full') {
    return trans.__('no witness: %1', facts.witness);
  }
  if (!facts.witnessed) {
    return trans.__('no accesses yet');
  }
  return trans.__(
    '%1 of %2 accesses explained',
    facts.explained,
    facts.witnessed
  );
}

/** The same in a few letters, "41/41", for where there is little place; empty while nothing is known. */
export function explained(session: ISession): string {
  const facts = session.session;
  return facts?.witnessed ? `${facts.explained}/${facts.witnessed}` : '';
}

/** Whether a session has ended and nobody has written so: its kernel or recorder was killed. */
export function isCutOff(session: ISession): boolean {
  return !!session.session && !session.recording && !session.session.ended_at;
}

/** Who says that models may learn columns after all, or no longer, and why. */
export function learning(said: ILearning, trans: Trans): string {
  const columns = said.columns.join(', ');
  return said.said === 'opened'
    ? trans.__('%1 may be learned, says %2: %3', columns, said.by, said.reason)
    : trans.__(
        '%1 may not be learned any more, says %2: %3',
        columns,
        said.by,
        said.reason
      );
}

/** How a session stands. */
export function health(session: ISession | null): Health {
  const facts = session?.session;
  if (!session || !facts) {
    return 'none';
  }
  if (facts.witness && facts.witness !== 'full') {
    return 'bad';
  }
  return facts.unexplained || facts.denied || isCutOff(session)
    ? 'attention'
    : 'good';
}

/** What the recorder of a session does now. */
export function recorder(session: ISession, trans: Trans): string {
  if (!session.session) {
    return trans.__('no session');
  }
  if (session.recording) {
    return trans.__('recording');
  }
  return session.session.ended_at
    ? trans.__('session ended, journal sealed')
    : trans.__('session ended without a last record');
}

/** The most urgent of what a cell did. */
export function kindOf(
  cell: ICellEvidence
): 'denied' | 'unexplained' | 'data' | 'quiet' {
  if (cell.denied.count) {
    return 'denied';
  }
  if (cell.unexplained) {
    return 'unexplained';
  }
  const touched =
    cell.read.count + cell.wrote.count + cell.reached.count + cell.transformed;
  return touched ? 'data' : 'quiet';
}

/** What a cell did, in one sentence, as its mark is read out. */
export function cellSentence(cell: ICellEvidence, trans: Trans): string {
  const said: string[] = [];
  if (cell.denied.count) {
    said.push(trans.__('was denied %1', listed(cell.denied, trans)));
  }
  if (cell.read.count) {
    said.push(trans.__('read %1', listed(cell.read, trans)));
  }
  if (cell.wrote.count) {
    said.push(trans.__('wrote %1', listed(cell.wrote, trans)));
  }
  if (cell.reached.count) {
    said.push(trans.__('reached %1', listed(cell.reached, trans)));
  }
  if (cell.transformed) {
    said.push(
      trans._n(
        'made %1 transformation',
        'made %1 transformations',
        cell.transformed
      )
    );
  }
  if (cell.unexplained) {
    said.push(
      trans._n(
        '%1 access is not explained',
        '%1 accesses are not explained',
        cell.unexplained
      )
    );
  }
  return said.length ? said.join('; ') : trans.__('touched no data');
}

function listed(
  things: { count: number; names: string[] },
  trans: Trans
): string {
  const shown = things.names.slice(0, 2).join(', ');
  const more = things.count - Math.min(2, things.names.length);
  return more > 0 ? trans.__('%1 and %2 more', shown, more) : shown;
}

/** 1536 → "1.5 KiB". */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** 75 → "1 min 15 s"; the units are written by their international symbols. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const parts: [number, string][] = [
    [Math.floor(whole / 3600), 'h'],
    [Math.floor((whole % 3600) / 60), 'min'],
    [whole % 60, 's']
  ];
  const first = parts.findIndex(([count]) => count > 0); // of none: the last
  return parts
    .slice(first)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

let language: string | undefined;

/**
 * Write dates as people who read JupyterLab in this language do. Where a browser asks for a
 * country's form of the same language, that is meant: British days come before months.
 */
export function writeIn(code: string, browser: readonly string[]): void {
  const [spoken] = code.split(/[-_]/);
  const wanted = [
    ...browser.filter(tag => code === spoken && tag.startsWith(`${code}-`)),
    code.replace(/_/g, '-')
  ];
  language = wanted.find(isLanguage);
}

/** Whether a browser takes it for the name of a language; others are an error where one writes. */
function isLanguage(tag: string): boolean {
  try {
    return Intl.DateTimeFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}

/** A moment as it is written in a table: day and minute in the reader's own time, and its zone. */
export function moment(text: string): string {
  const at = new Date(/[zZ]|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);
  return Number.isNaN(at.valueOf())
    ? text
    : `${at.toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' })} ${zone(at)}`;
}

/** The zone's name then, as it is in summer or in winter: others may read the same page elsewhere. */
function zone(at: Date): string {
  const parts = new Intl.DateTimeFormat(language, {
    timeZoneName: 'short'
  }).formatToParts(at);
  return parts.find(part => part.type === 'timeZoneName')?.value ?? '';
}

/** A measured number with four digits that count; nothing where there is none. */
export function figure(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : '';
}
