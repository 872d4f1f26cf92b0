// The live view of LineageView: columns left, sources right; picking one shows what belongs to it.
// Everything is written as text, never as markup: names come from files and people.

const STYLE = `
.gn-w { color: var(--jp-ui-font-color1, #1f1f1c); font: 13px/1.5 system-ui, sans-serif; }
.gn-w input { min-width: 260px; margin: 4px 0 8px; padding: 3px 8px; font: inherit; color: inherit;
  background: var(--jp-layout-color1, #fff); border: 1px solid var(--jp-border-color1, #999); }
.gn-w-sides { display: grid; grid-template-columns: minmax(120px, 1fr) minmax(180px, 2fr); gap: 16px;
  max-height: 420px; overflow: auto; }
.gn-w button { display: block; width: 100%; padding: 2px 8px; border: 0; border-left: 3px solid transparent;
  background: none; color: inherit; font: inherit; text-align: left; cursor: pointer; }
.gn-w button[aria-pressed="true"] { border-left-color: var(--jp-brand-color1, #1976d2);
  background: var(--jp-layout-color2, #eee); }
.gn-w .off { opacity: 0.3; }
.gn-w small { color: var(--jp-ui-font-color2, #5c5c55); }
`;

// Where no front end translates, texts are as they stand here.
const PLAIN = {
  __: (text, ...values) => text.replace(/%(\d)/g, (_, at) => String(values[at - 1])),
  label: word => word
};

function made(tag, text, parent) {
  const node = document.createElement(tag);
  node.textContent = text;
  parent.append(node);
  return node;
}

function render({ model, el, trans = PLAIN }) {
  const { name: subject, rows } = model.get('facts');
  let locked = '';
  const root = made('div', '', el);
  root.className = 'gn-w';
  made('style', STYLE, root);
  made('div', trans.__('Lineage of %1', subject), root);
  const search = made('input', '', root);
  search.type = 'search';
  search.placeholder = trans.__('Search columns and sources');
  search.setAttribute('aria-label', search.placeholder);
  const sides = made('div', '', root);
  sides.className = 'gn-w-sides';
  const left = made('div', '', sides);
  const right = made('div', '', sides);
  const columns = [...new Set(rows.map(row => row.output_column))];

  const button = (parent, name, note, isOn, isOff, key) => {
    const node = made('button', '', parent);
    made('code', name === '*' ? trans.__('(all of it)') : name, node);
    made('small', ` ${note}`, node);
    node.type = 'button';
    node.setAttribute('aria-pressed', String(isOn));
    node.classList.toggle('off', isOff);
    node.addEventListener('click', () => {
      locked = locked === key ? '' : key;
      show();
    });
  };

  const show = () => {
    const words = search.value.toLowerCase();
    const fits = row =>
      `${row.output_column} ${row.input_column} ${row.input_uri}`.toLowerCase().includes(words);
    left.replaceChildren();
    right.replaceChildren();
    made('small', trans.__('Columns'), left);
    made('small', trans.__('What they are made of'), right);
    const on = row =>
      !locked ||
      locked === `o:${row.output_column}` ||
      locked === `i:${row.input_uri}\n${row.input_column}`;
    for (const column of columns) {
      const own = rows.filter(row => row.output_column === column && fits(row));
      if (own.length) {
        const key = `o:${column}`;
        button(left, column, '', locked === key, !own.some(on), key);
      }
    }
    const seen = new Set();
    for (const row of rows.filter(fits)) {
      const key = `i:${row.input_uri}\n${row.input_column}`;
      if (!seen.has(key)) {
        seen.add(key);
        const own = rows.filter(
          other => other.input_uri === row.input_uri && other.input_column === row.input_column
        );
        const lit = own.filter(on);
        const how = [...new Set((lit.length ? lit : own).map(other => trans.label(other.relation)))].join(', ');
        const file = row.input_uri.split('/').pop();
        button(right, row.input_column, `${file} · ${how}`, locked === key, !lit.length, key);
      }
    }
  };
  search.addEventListener('input', show);
  show();
}

export default { render };
