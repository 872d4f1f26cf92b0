import * as React from 'react';

import { label } from '../labels';
import { Busy, useGoverned } from '../parts';
import { saved } from '../parts/saving';
import type { Drawing } from './drawing';
import { IPoint, Layout } from './layout';
import type { IShown } from './model';
import { first, towards } from './steering';
import { toSvg } from './svg';

/** What the buttons beside a graph ask of it. */
export interface ICanvas {
  save: (kind: 'svg' | 'png', name: string) => void;
  fit: () => void;
}

/** One worker for all graphs of the page: it is there before the second one is asked for. */
const layout = new Layout(
  () =>
    new Worker(new URL('./layout.worker.js', import.meta.url), {
      type: 'module'
    })
);

/** Keys that draw it larger or smaller. */
const SCALES: Record<string, number> = { '+': 1.25, '-': 0.8 };

/** Fetch what a graph is drawn with while the server looks it up. */
export function prepare(): void {
  layout.prepare();
  void import('./drawing').catch(() => undefined); // told when it is drawn
}

interface ICanvasProps {
  shown: IShown;
  picked: string;
  lit: ReadonlySet<string>;
  pick: (key: string) => void;
  expand: (key: string) => void;
  label: string;
  isNarrow: boolean;
}

/** The graph as a picture. The drawing's library is loaded when the first graph is shown. */
export const Canvas = React.forwardRef<ICanvas, ICanvasProps>(
  function Canvas(props, ref): React.ReactElement {
    const { trans } = useGoverned();
    const word = (said: string): string => label(said, trans);
    const host = React.useRef<HTMLDivElement>(null);
    const drawing = React.useRef<Drawing | null>(null);
    const last = React.useRef(props);
    last.current = props;
    const drawn = React.useRef<[IShown, Map<string, IPoint>] | null>(null);
    const [isDrawn, setDrawn] = React.useState(false);
    const [isWhole, setWhole] = React.useState(true);
    const shape = JSON.stringify([
      props.shown.nodes.map(node => [
        node.key,
        node.hidden,
        node.isMatch,
        node.name,
        node.state
      ]),
      props.shown.links
    ]);

    // One layout at a time: while cells run, graphs come faster than they can be placed.
    const isPlacing = React.useRef(false);
    const draw = React.useCallback(async (): Promise<void> => {
      if (isPlacing.current) {
        return;
      }
      isPlacing.current = true;
      try {
        let asked: IShown | null = null;
        while (asked !== last.current.shown && host.current) {
          asked = last.current.shown;
          const began = performance.now();
          const [code, places] = await Promise.all([
            import('./drawing'),
            layout.of(asked, last.current.isNarrow)
          ]);
          if (!host.current) {
            return;
          }
          drawing.current ??= new code.Drawing(host.current, word, {
            onPick: key => last.current.pick(key),
            onExpand: key => last.current.expand(key),
            onMove: setWhole
          });
          drawing.current.show(asked, places);
          drawing.current.highlight(last.current.picked, last.current.lit);
          drawn.current = [asked, places];
          host.current.dataset.nodes = String(asked.nodes.length);
          host.current.dataset.ms = String(
            Math.round(performance.now() - began)
          );
          setDrawn(true);
        }
      } finally {
        isPlacing.current = false;
      }
    }, []);
    React.useEffect(() => void draw(), [shape]);

    React.useEffect(
      () => () => {
        drawing.current?.dispose();
        drawing.current = null;
      },
      []
    );

    // Who has no mouse walks from thing to thing; where they stand is told and drawn.
    const [at, setAt] = React.useState('');
    const here = props.shown.nodes.find(node => node.key === at);
    const step = (key: string): void => {
      setAt(key);
      drawing.current?.standOn(key);
    };
    const onKeyDown = (event: React.KeyboardEvent): void => {
      const places = drawn.current?.[1] ?? new Map<string, IPoint>();
      if (event.altKey || event.ctrlKey || event.metaKey) {
        return;
      }
      const scale = SCALES[event.key];
      if (scale) {
        drawing.current?.scale(scale);
      } else if (event.key.startsWith('Arrow')) {
        step(towards(places, here ? at : '', event.key));
      } else if (event.key === 'Enter' && here) {
        props.pick(at);
      } else if (event.key === ' ' && here) {
        props.expand(at);
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation();
    };

    const lit = [...props.lit].sort().join('\n');
    React.useEffect(() => {
      drawing.current?.highlight(props.picked, props.lit);
    }, [props.picked, lit]);

    React.useImperativeHandle(ref, () => ({
      fit: () => drawing.current?.fit(true),
      save: (kind, name) => {
        if (!drawing.current || !drawn.current) {
          return;
        }
        const [shown, places] = drawn.current;
        const file =
          kind === 'png'
            ? drawing.current.png()
            : new Blob([toSvg(shown, places, word)], { type: 'image/svg+xml' });
        const stem = name.replace(/[^\p{L}\p{N}@._-]+/gu, '-') || 'lineage';
        saved(file, `lineage-${stem}.${kind}`);
      }
    }));

    return (
      <div className="gn-Lineage-canvas">
        {!isDrawn && <Busy>{trans.__('Drawing…')}</Busy>}
        <div
          ref={host}
          className="gn-Lineage-host"
          role="application"
          tabIndex={0}
          aria-label={props.label}
          onKeyDown={onKeyDown}
          onFocus={event => {
            if (!here && event.currentTarget.matches(':focus-visible')) {
              step(first(drawn.current?.[1] ?? new Map<string, IPoint>()));
            }
          }}
          onBlur={() => drawing.current?.standOn('')}
        />
        <p className="gn-Lineage-here" role="status">
          {here && trans.__('At %1, %2', here.name, word(here.kind))}
          {!here && !isWhole && trans.__('Drag to see more, “Fit” shows all')}
        </p>
      </div>
    );
  }
);
