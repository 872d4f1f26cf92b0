import type { IPoint } from './layout';
import type { IShown } from './model';
import { HEIGHT, WIDTH } from './size';

const MARGIN = 24;
const COLOURS: Record<string, [string, string]> = {
  dataset: ['#e7f0fb', '#2563a8'],
  resource: ['#f4f4f2', '#6b6b63'],
  cell: ['#fdf3dc', '#a86a05'],
  session: ['#fdf3dc', '#a86a05'],
  run: ['#e9f5ec', '#2c7a45'],
  release: ['#dff0e4', '#1d6a38'],
  deployment: ['#f3e8f8', '#7a3f9d']
};

/** What is shown, as an SVG file without scripts, links or foreign fonts, on white. */
export function toSvg(
  shown: IShown,
  places: ReadonlyMap<string, IPoint>,
  word: (word: string) => string
): string {
  const points = shown.nodes.map(node => places.get(node.key)!);
  const width = Math.max(0, ...points.map(at => at.x)) + WIDTH / 2 + MARGIN;
  const height = Math.max(0, ...points.map(at => at.y)) + HEIGHT / 2 + MARGIN;
  const links = shown.links.map(({ source, target, how }) => {
    const [from, to] = [places.get(source)!, places.get(target)!];
    const [x, end] = [from.x + WIDTH / 2, to.x - WIDTH / 2];
    const bend = (end - x) / 2;
    return (
      `<path d="M${x},${from.y} C${x + bend},${from.y} ${end - bend},${to.y} ${end},${to.y}" ` +
      `fill="none" stroke="#8a8a82" marker-end="url(#head)"><title>${escaped(word(how))}</title></path>`
    );
  });
  const boxes = shown.nodes.map(node => {
    const at = places.get(node.key)!;
    const [fill, line] = COLOURS[node.kind] ?? COLOURS.resource;
    const said = below(node, word);
    return (
      `<g transform="translate(${at.x - WIDTH / 2},${at.y - HEIGHT / 2})">` +
      `<title>${escaped([node.name, node.where, said].filter(Boolean).join('\n'))}</title>` +
      `<rect width="${WIDTH}" height="${HEIGHT}" rx="5" fill="${fill}" stroke="${line}"/>` +
      `<text x="10" y="19" font-size="12" font-weight="600">${escaped(shortened(node.name, 24))}</text>` +
      `<text x="10" y="35" font-size="10.5" fill="#5c5c55">${escaped(shortened(said, 32))}</text></g>`
    );
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif">` +
    '<rect width="100%" height="100%" fill="#ffffff"/>' +
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" ' +
    'markerHeight="7" orient="auto"><path d="M0,0.5 L7.5,4 L0,7.5 z" fill="#8a8a82"/></marker></defs>' +
    `${links.join('')}${boxes.join('')}</svg>\n`
  );
}

/** What stands below the name of a thing: its kind, class and state. */
export function below(
  node: IShown['nodes'][number],
  word: (word: string) => string
): string {
  return [word(node.kind), node.data_class, node.state && word(node.state)]
    .filter(Boolean)
    .join(', ');
}

/** The beginning and the end of what is too long. */
export function shortened(text: string, room: number): string {
  if (text.length <= room) {
    return text;
  }
  const tail = Math.floor(((room - 1) * 3) / 5);
  return `${text.slice(0, room - 1 - tail)}…${text.slice(-tail)}`;
}

/** Text as XML takes it; names come from files and people, so none is trusted. */
function escaped(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, sign =>
      sign === '\n'
        ? sign
        : `\\u${sign.codePointAt(0)!.toString(16).padStart(4, '0')}`
    )
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;');
}
