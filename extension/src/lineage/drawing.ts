import cytoscape from 'cytoscape';

import type { IPoint } from './layout';
import type { IShown } from './model';
import { HEIGHT, WIDTH } from './size';
import { type IBounds, isWithin } from './steering';
import { below, shortened } from './svg';

const TONES: Record<string, string> = {
  dataset: '--jp-brand-color1',
  resource: '--jp-border-color1',
  cell: '--jp-warn-color1',
  session: '--jp-warn-color1',
  run: '--jp-success-color1',
  release: '--jp-success-color1',
  deployment: '--jp-accent-color1'
};

const GROUND = '--jp-layout-color1';
const OTHERS = [
  '--jp-ui-font-color1',
  '--jp-layout-color0',
  '--jp-layout-color2',
  '--jp-border-color0',
  '--jp-border-color1',
  '--jp-brand-color1',
  '--jp-error-color1'
];

const LEGIBLE = 0.62;
/** Up to so many nodes are shown at a size that can be read, also where they don't all fit. */
const FEW = 60;

/** What a person did to the drawing. */
export interface IGestures {
  onPick: (key: string) => void;
  onExpand: (key: string) => void;
  onMove: (isWhole: boolean) => void;
}

/** The graph on a canvas; colours are those of the theme in use. */
export class Drawing {
  constructor(
    private _host: HTMLElement,
    private _word: (word: string) => string,
    gestures: IGestures
  ) {
    this._view = cytoscape({
      container: _host,
      minZoom: 0.01,
      maxZoom: 2.5,
      boxSelectionEnabled: false,
      selectionType: 'single'
    });
    this._view.on('tap', 'node', event => gestures.onPick(event.target.id()));
    this._view.on('dbltap', 'node', event =>
      gestures.onExpand(event.target.id())
    );
    this._theme = new MutationObserver(() => this.restyle());
    this._theme.observe(document.body, {
      attributes: true,
      attributeFilter: ['data-jp-theme-name']
    });
    this._size = new ResizeObserver(() => {
      this._view.resize();
      this.fit();
    });
    this._view.on('viewport', () => gestures.onMove(this._isWhole()));
    this._size.observe(_host);
    this.restyle();
  }

  dispose(): void {
    this._theme.disconnect();
    this._size.disconnect();
    this._view.destroy();
  }

  /** Draw; the scale stays unless there is something else to see. */
  show(shown: IShown, places: ReadonlyMap<string, IPoint>): void {
    const before = this._view.nodes().length;
    this._view.batch(() => {
      this._view.elements().remove();
      this._view.add([
        ...shown.nodes.map(node => ({
          group: 'nodes' as const,
          data: {
            id: node.key,
            label: `${shortened(node.name, 24)}\n${told(node, this._word)}`,
            tone: node.denied ? 'denied' : node.kind
          },
          classes: [node.isMatch ? 'match' : ''].join(' '),
          position: { ...(places.get(node.key) ?? { x: 0, y: 0 }) },
          grabbable: false
        })),
        ...shown.links.map(link => ({
          group: 'edges' as const,
          data: { source: link.source, target: link.target, how: link.how },
          classes: link.how === 'denied' ? 'denied' : ''
        }))
      ]);
    });
    this._bounds = this._view.elements().boundingBox();
    const found = shown.nodes.filter(node => node.isMatch);
    const asked = found.map(node => node.key).join('\n');
    if (asked && asked !== this._found) {
      this._see(this._view.nodes('.match'));
    } else if (before !== shown.nodes.length || asked !== this._found) {
      this.fit();
    }
    this._found = asked;
    this.standOn(this._here);
  }

  /** See all of it; unless somebody asks for that, text that can be read when it is little. */
  fit(isAll = false): void {
    this._view.fit(undefined, 16);
    if (this._view.zoom() > 1.1) {
      this._view.zoom(1.1);
      this._view.center();
    } else if (
      !isAll &&
      this._view.zoom() < LEGIBLE &&
      this._view.nodes().length <= FEW
    ) {
      this._view.zoom(LEGIBLE);
      const { x1, y1, w, h } = this._view.elements().renderedBoundingBox();
      this._view.panBy({
        x: Math.max(16, (this._host.clientWidth - w) / 2) - x1,
        y: Math.max(16, (this._host.clientHeight - h) / 2) - y1
      });
    }
  }

  /** Draw it larger or smaller around where a person stands, else around the middle. */
  scale(factor: number): void {
    const node = this._view.getElementById(this._here);
    const { clientWidth, clientHeight } = this._host;
    this._view.zoom({
      level: this._view.zoom() * factor,
      renderedPosition: node.nonempty()
        ? node.renderedPosition()
        : { x: clientWidth / 2, y: clientHeight / 2 }
    });
  }

  /** Whether nothing of it lies outside of what is seen; asked at every step of a drag. */
  private _isWhole(): boolean {
    return isWithin(this._bounds, this._view.zoom(), this._view.pan(), {
      width: this._host.clientWidth,
      height: this._host.clientHeight
    });
  }

  /** What was searched for, at a size that can be read where it is little. */
  private _see(found: cytoscape.NodeCollection): void {
    this._view.fit(found, 60);
    if (this._view.zoom() > 1) {
      this._view.zoom(1);
      this._view.center(found);
    }
  }

  /** Put what is picked, and what leads to it, before the rest. */
  highlight(picked: string, keys: ReadonlySet<string>): void {
    this._view.batch(() => {
      this._view.elements().removeClass('picked on off');
      if (keys.size) {
        this._view.elements().addClass('off');
        const on = this._view.nodes().filter(node => keys.has(node.id()));
        on.union(on.edgesWith(on)).removeClass('off').addClass('on');
      }
      if (picked) {
        this._view.getElementById(picked).addClass('picked');
      }
    });
  }

  /** Show where who walks with arrow keys stands, and bring it into view. */
  standOn(key: string): void {
    this._here = key;
    this._view.elements().removeClass('here');
    const node = this._view.getElementById(key);
    if (key && node.nonempty()) {
      node.addClass('here');
      const { x1, y1, x2, y2 } = node.renderedBoundingBox();
      const { clientWidth, clientHeight } = this._host;
      if (x1 < 0 || y1 < 0 || x2 > clientWidth || y2 > clientHeight) {
        this._view.center(node);
      }
    }
  }

  /** The picture as a PNG file. */
  png(): Blob {
    return this._view.png({
      output: 'blob',
      full: true,
      scale: 2,
      maxWidth: 8000,
      bg: this._colours([GROUND])[GROUND]
    }) as unknown as Blob;
  }

  /** Take the theme's colours. */
  restyle(): void {
    const colours = this._colours([...Object.values(TONES), ...OTHERS]);
    const style: cytoscape.StylesheetJson = [
      {
        selector: 'node',
        style: {
          shape: 'round-rectangle',
          width: WIDTH,
          height: HEIGHT,
          // eslint-disable-next-line jupyter/no-untranslated-string -- names where the text is
          label: 'data(label)',
          'text-wrap': 'wrap',
          'text-valign': 'center',
          'font-family': 'system-ui, sans-serif',
          'font-size': 12,
          'line-height': 1.25,
          color: colours['--jp-ui-font-color1'],
          'background-color': colours['--jp-layout-color2'],
          'border-width': 1.5,
          'border-color': colours['--jp-border-color1'],
          'min-zoomed-font-size': 6
        }
      },
      ...Object.entries(TONES).map(([kind, variable]) => ({
        selector: `node[tone="${kind}"]`,
        style: { 'border-color': colours[variable] }
      })),
      {
        selector: 'node[tone="cell"]',
        style: { shape: 'cut-rectangle' as const }
      },
      {
        selector: 'node[tone="denied"], edge.denied',
        style: {
          'border-color': colours['--jp-error-color1'],
          'line-color': colours['--jp-error-color1'],
          'target-arrow-color': colours['--jp-error-color1']
        }
      },
      {
        selector: 'edge',
        style: {
          width: 1.5,
          'curve-style': 'bezier',
          'target-arrow-shape': 'triangle',
          'arrow-scale': 0.8,
          'line-color': colours['--jp-border-color0'],
          'target-arrow-color': colours['--jp-border-color0']
        }
      },
      { selector: '.off', style: { opacity: 0.25 } },
      {
        selector: 'edge.on',
        style: {
          width: 2.5,
          'line-color': colours['--jp-brand-color1'],
          'target-arrow-color': colours['--jp-brand-color1']
        }
      },
      { selector: 'node.match', style: { 'border-width': 4 } },
      {
        selector: 'node.here',
        style: {
          'outline-width': 3,
          'outline-offset': 3,
          'outline-color': colours['--jp-brand-color1']
        }
      },
      {
        selector: 'node.picked',
        style: {
          'border-width': 4,
          'background-color': colours['--jp-layout-color0']
        }
      }
    ] as cytoscape.StylesheetJson;
    this._view.style(style);
  }

  /** The theme's colours as a canvas takes them; all at once, as each look has the page laid out. */
  private _colours(variables: string[]): Record<string, string> {
    const style = getComputedStyle(this._host);
    const probes = document.createElement('span');
    for (const variable of variables) {
      const probe = probes.appendChild(document.createElement('span'));
      probe.style.color = style.getPropertyValue(variable).trim() || 'gray';
    }
    this._host.appendChild(probes);
    const found = [...probes.children].map((probe, at) => [
      variables[at],
      getComputedStyle(probe).color
    ]);
    probes.remove();
    return Object.fromEntries(found);
  }

  private _bounds: IBounds = { x1: 0, y1: 0, x2: 0, y2: 0 };
  private _found = '';
  private _here = '';
  private _size: ResizeObserver;
  private _theme: MutationObserver;
  private _view: cytoscape.Core;
}

function told(
  node: IShown['nodes'][number],
  word: (word: string) => string
): string {
  const more = node.hidden ? `  +${node.hidden}` : '';
  return shortened(below(node, word), 28) + more;
}
