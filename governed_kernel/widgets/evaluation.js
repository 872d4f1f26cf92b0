// The live view of EvaluationView: cases by layer and outcome, confusion as shares, calibration.
// Everything is written as text, never as markup: names come from files and people.

const STYLE = `
.gn-e { color: var(--jp-ui-font-color1, #1f1f1c); font: 13px/1.5 system-ui, sans-serif; }
.gn-e h4 { margin: 12px 0 4px; font-size: 13px; }
.gn-e-head { font-weight: 600; }
.gn-e-tag { padding: 0 8px; border: 1px solid currentColor; border-radius: 9px; font-size: 11px; }
.gn-e-passed { color: var(--jp-success-color0, #1b5e20); }
.gn-e-failed, .gn-e-error { color: var(--jp-error-color0, #b71c1c); }
.gn-e-tools { display: flex; gap: 16px; flex-wrap: wrap; align-items: center; margin: 8px 0; }
.gn-e input[type="search"], .gn-e select { padding: 3px 8px; font: inherit; color: inherit;
  background: var(--jp-layout-color1, #fff); border: 1px solid var(--jp-border-color1, #999); }
.gn-e-scroll { max-height: 360px; overflow: auto; }
.gn-e table { border-collapse: collapse; margin: 0; font: inherit; }
.gn-e th, .gn-e td { padding: 3px 10px; text-align: left; border: 0;
  border-bottom: 1px solid var(--jp-border-color2, #ddd); background: none; }
.gn-e td.number { text-align: right; font-variant-numeric: tabular-nums; }
.gn-e-sides { display: flex; gap: 40px; flex-wrap: wrap; }
.gn-e small { color: var(--jp-ui-font-color2, #5c5c55); }
.gn-e .share { background: linear-gradient(to right,
  color-mix(in srgb, var(--jp-brand-color1, #1976d2) 30%, transparent) var(--share), transparent 0); }
`;
const SVG = 'http://www.w3.org/2000/svg';
const SIDE = 180;

// Where no front end translates, texts are as they stand here.
const PLAIN = {
  __: (text, ...values) => text.replace(/%(\d)/g, (_, at) => String(values[at - 1])),
  label: word => word
};

function made(tag, text, parent, name = '') {
  const node = document.createElement(tag);
  node.textContent = text;
  node.className = name;
  parent.append(node);
  return node;
}

function drawn(tag, facts, parent) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(facts)) {
    node.setAttribute(name, String(value));
  }
  parent.append(node);
  return node;
}

const figure = value => (Math.round(value * 10000) / 10000).toString();

function row(table, cells, head = 'td') {
  const line = made('tr', '', table);
  return cells.map(([text, name]) => made(head, text, line, name));
}

function headed(table, names) {
  for (const node of row(made('thead', '', table), names.map(name => [name, '']), 'th')) {
    node.scope = 'col';
  }
  return made('tbody', '', table);
}

function cases(facts, root, trans) {
  const tools = made('div', '', root, 'gn-e-tools');
  const search = made('input', '', tools);
  search.type = 'search';
  search.placeholder = trans.__('Search cases');
  search.setAttribute('aria-label', search.placeholder);
  const layer = made('select', '', tools);
  layer.setAttribute('aria-label', trans.__('Layer'));
  made('option', trans.__('every layer'), layer).value = '';
  for (const name of new Set(facts.cases.map(item => item.layer))) {
    made('option', trans.label(name), layer).value = name;
  }
  const label = made('label', '', tools);
  const only = made('input', '', label);
  only.type = 'checkbox';
  label.append(` ${trans.__('only what did not pass')}`);
  const count = made('small', '', tools);
  count.setAttribute('role', 'status');
  const scroll = made('div', '', root, 'gn-e-scroll');
  scroll.tabIndex = 0;
  const table = made('table', '', scroll);
  table.setAttribute('aria-label', trans.__('Cases'));
  const body = headed(table, [
    trans.__('Outcome'),
    trans.__('Layer'),
    trans.__('Case'),
    trans.__('Value'),
    trans.__('Asked for'),
    ''
  ]);
  const show = () => {
    const words = search.value.toLowerCase();
    const shown = facts.cases.filter(
      item =>
        (!layer.value || item.layer === layer.value) &&
        (!only.checked || item.outcome !== 'passed') &&
        `${item.id} ${item.layer} ${item.note} ${item.why}`.toLowerCase().includes(words)
    );
    body.replaceChildren();
    for (const item of shown) {
      const said = item.outcome === 'passed' ? [item.note] : [item.why, item.note];
      const [outcome] = row(body, [
        ['', ''],
        [trans.label(item.layer), ''],
        [item.id, ''],
        [item.outcome === 'error' ? '' : figure(item.value), 'number'],
        [asked(item, trans), ''],
        [said.filter(Boolean).join(' · '), '']
      ]);
      made('span', trans.label(item.outcome), outcome, `gn-e-tag gn-e-${item.outcome}`);
    }
    count.textContent = trans.__('%1 of %2 cases', shown.length, facts.cases.length);
  };
  search.addEventListener('input', show);
  layer.addEventListener('change', show);
  only.addEventListener('change', show);
  only.checked = facts.cases.some(item => item.outcome !== 'passed');
  show();
}

function asked(item, trans) {
  const said = `${trans.label(item.comparison)} ${figure(item.threshold)}`;
  return item.blocking ? said : trans.__('%1 (advisory)', said);
}

function confusion(facts, parent, trans) {
  const side = made('div', '', parent);
  made('h4', trans.__('Confusion: share of each true class'), side);
  const table = made('table', '', side);
  const body = headed(table, [
    trans.__('true class'),
    ...facts.classes.map(name => trans.__('taken for %1', name))
  ]);
  facts.confusion.forEach((counts, at) => {
    const total = counts.reduce((sum, each) => sum + each, 0);
    const cells = row(body, [
      [facts.classes[at], ''],
      ...counts.map(each => [String(each), 'number share'])
    ]);
    counts.forEach((each, predicted) => {
      const share = total ? (100 * each) / total : 0;
      cells[predicted + 1].style.setProperty('--share', `${share}%`);
      cells[predicted + 1].title = trans.__('%1 % of %2', figure(share), facts.classes[at]);
    });
  });
}

function calibration(facts, parent, trans) {
  const side = made('div', '', parent);
  const error = facts.calibration_error;
  const title =
    error === null
      ? trans.__('Calibration')
      : trans.__('Calibration: expected error %1', figure(error));
  made('h4', title, side);
  const picture = drawn(
    'svg',
    { role: 'img', width: SIDE + 20, height: SIDE + 20, stroke: 'currentColor', fill: 'none' },
    side
  );
  picture.setAttribute('viewBox', `-10 -10 ${SIDE + 20} ${SIDE + 20}`);
  picture.setAttribute('aria-label', trans.__('Share that is right by confidence'));
  drawn('path', { d: `M0 0V${SIDE}H${SIDE}` }, picture);
  drawn('path', { d: `M0 ${SIDE}L${SIDE} 0`, 'stroke-dasharray': '4 4' }, picture);
  const most = Math.max(...facts.calibration.map(bin => bin.records), 1);
  for (const bin of facts.calibration) {
    const point = drawn(
      'circle',
      {
        cx: bin.confidence * SIDE,
        cy: (1 - bin.accuracy) * SIDE,
        r: 3 + 6 * Math.sqrt(bin.records / most),
        fill: 'currentColor',
        'fill-opacity': 0.6
      },
      picture
    );
    const said = trans.__(
      '%1 records: %2 sure, %3 right',
      bin.records,
      figure(bin.confidence),
      figure(bin.accuracy)
    );
    drawn('title', {}, point).textContent = said;
  }
}

function headline(facts, trans) {
  const passed = facts.cases.filter(item => item.outcome === 'passed').length;
  const said = trans.__(
    'Suite %1 over %2 records of %3: %4 of %5 cases passed',
    facts.suite,
    facts.records,
    facts.dataset,
    passed,
    facts.cases.length
  );
  return facts.kind === 'validation'
    ? said
    : trans.__('%1; a preview, which counts for no release', said);
}

function render({ model, el, trans = PLAIN }) {
  const facts = model.get('facts');
  const root = made('div', '', el, 'gn-e');
  made('style', STYLE, root);
  const head = made('div', '', root, 'gn-e-head');
  made(
    'span',
    facts.passed ? trans.__('passed') : trans.__('did not pass'),
    head,
    `gn-e-tag ${facts.passed ? 'gn-e-passed' : 'gn-e-failed'}`
  );
  head.append(` ${headline(facts, trans)}`);
  for (const reason of facts.reasons) {
    made('div', reason, root);
  }
  cases(facts, root, trans);
  const sides = made('div', '', root, 'gn-e-sides');
  if (facts.confusion.length) {
    confusion(facts, sides, trans);
  }
  if (facts.calibration.length) {
    calibration(facts, sides, trans);
  }
}

export default { render };
