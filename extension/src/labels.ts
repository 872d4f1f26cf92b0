/** The record's own fixed words, as people read them. */

import type { Trans } from './words';

const known = new WeakMap<Trans, ReadonlyMap<string, string>>();

/** A fixed word of the record in the reader's language; any other word as it is. */
export function label(word: string, trans: Trans): string {
  let words = known.get(trans);
  if (!words) {
    words = new Map(Object.entries(table(trans)));
    known.set(trans, words);
  }
  return words.get(word) ?? word;
}

/** Several of them, one after the other. */
export function labels(words: readonly string[], trans: Trans): string {
  return words.map(word => label(word, trans)).join(', ');
}

function table(trans: Trans): Record<string, string> {
  return {
    ...states(trans),
    ...outcomes(trans),
    ...kinds(trans),
    ...people(trans),
    ...evidence(trans)
  };
}

/** Of releases, runs, sessions, versions, accepted risks. */
function states(trans: Trans): Record<string, string> {
  return {
    candidate: trans.__('candidate'),
    approved: trans.__('approved'),
    executed: trans.__('executed'),
    validated: trans.__('validated'),
    released: trans.__('released'),
    retired: trans.__('retired'),
    rejected: trans.__('rejected'),
    revoked: trans.__('revoked'),
    starting: trans.__('starting'),
    running: trans.__('running'),
    started: trans.__('started'),
    succeeded: trans.__('succeeded'),
    failed: trans.__('failed'),
    interrupted: trans.__('interrupted'),
    sealed: trans.__('sealed'),
    'cut off': trans.__('cut off'),
    'journal gone': trans.__('journal gone'),
    registered: trans.__('registered'),
    locked: trans.__('locked'),
    divided: trans.__('divided'),
    withdrawn: trans.__('withdrawn'),
    valid: trans.__('valid'),
    expired: trans.__('expired'),
    open: trans.__('open'),
    continued: trans.__('continued'),
    stopped: trans.__('stopped')
  };
}

/** Of checks, layers of a suite, cases, verifications, re-runs, changes, decisions. */
function outcomes(trans: Trans): Record<string, string> {
  return {
    blocking: trans.__('blocking'),
    warning: trans.__('warning'),
    note: trans.__('note'),
    passed: trans.__('passed'),
    error: trans.__('error'),
    ok: trans.__('ok'),
    broken: trans.__('broken'),
    unsealed: trans.__('unsealed'),
    doubt: trans.__('doubt'),
    unread: trans.__('unread'),
    IDENTICAL: trans.__('IDENTICAL'),
    EQUIVALENT: trans.__('EQUIVALENT'),
    DIFFERENT: trans.__('DIFFERENT'),
    added: trans.__('added'),
    removed: trans.__('removed'),
    changed: trans.__('changed'),
    moved: trans.__('moved'),
    unchanged: trans.__('unchanged'),
    allowed: trans.__('allowed'),
    denied: trans.__('denied'),
    functional: trans.__('functional'),
    calibration: trans.__('calibration'),
    scenario: trans.__('scenario'),
    'change-surface': trans.__('change surface'),
    'at least': trans.__('at least'),
    'at most': trans.__('at most')
  };
}

/** Of runs, artifacts, things in a graph, what a verification looks at, what a card says. */
function kinds(trans: Trans): Record<string, string> {
  return {
    release: trans.__('release'),
    rerun: trans.__('re-run'),
    validation: trans.__('validation'),
    run: trans.__('run'),
    deployment: trans.__('deployment'),
    data: trans.__('data'),
    dataset: trans.__('dataset'),
    model: trans.__('base model'),
    resource: trans.__('file or service'),
    cell: trans.__('cell'),
    session: trans.__('session'),
    weights: trans.__('weights'),
    notebook: trans.__('notebook'),
    table: trans.__('table'),
    figure: trans.__('figure'),
    facts: trans.__('facts'),
    file: trans.__('file'),
    ledger: trans.__('ledger'),
    journal: trans.__('journal'),
    object: trans.__('object'),
    bundle: trans.__('bundle'),
    store: trans.__('store'),
    torn: trans.__('torn end of the ledger'),
    signature: trans.__('signature'),
    checkpoint: trans.__('checkpoint'),
    since: trans.__('earlier checkpoint'),
    policy: trans.__('policy'),
    erasure: trans.__('erasure'),
    card: trans.__('card'),
    'derived files': trans.__('derived files'),
    sql: trans.__('query'),
    http: trans.__('address'),
    socket: trans.__('socket'),
    process: trans.__('program')
  };
}

/** Roles, and purposes for which data may be used. */
function people(trans: Trans): Record<string, string> {
  return {
    administrator: trans.__('administrator'),
    'data-scientist': trans.__('data scientist'),
    'data-steward': trans.__('data steward'),
    reviewer: trans.__('reviewer'),
    'domain-expert': trans.__('domain expert'),
    'model-risk': trans.__('model risk'),
    security: trans.__('security'),
    legal: trans.__('legal'),
    operator: trans.__('operator'),
    auditor: trans.__('auditor'),
    explore: trans.__('explore'),
    train: trans.__('train'),
    evaluate: trans.__('evaluate'),
    validate: trans.__('validate'),
    deploy: trans.__('deploy')
  };
}

/** How something is known, what was done, and how a column goes back to another. */
function evidence(trans: Trans): Record<string, string> {
  return {
    observed: trans.__('observed'),
    inferred: trans.__('inferred'),
    conservative: trans.__('conservative'),
    unexplained: trans.__('unexplained'),
    ambiguous: trans.__('ambiguous'),
    read: trans.__('read'),
    write: trans.__('write'),
    delete: trans.__('delete'),
    connect: trans.__('connect'),
    execute: trans.__('execute'),
    IDENTITY: trans.__('identity'),
    TRANSFORMATION: trans.__('transformation'),
    AGGREGATION: trans.__('aggregation'),
    JOIN: trans.__('join'),
    GROUP_BY: trans.__('group by'),
    FILTER: trans.__('filter'),
    SORT: trans.__('sort'),
    WINDOW: trans.__('window'),
    CONDITIONAL: trans.__('conditional')
  };
}
