import type { IPoint } from './layout';

/** The corners of a drawing, in its own measure. */
export interface IBounds {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

/** Whether nothing of a drawing lies outside of what is seen of it at this scale and place. */
export function isWithin(
  { x1, y1, x2, y2 }: IBounds,
  zoom: number,
  pan: IPoint,
  seen: { width: number; height: number }
): boolean {
  return (
    x1 * zoom + pan.x >= 0 &&
    y1 * zoom + pan.y >= 0 &&
    x2 * zoom + pan.x <= seen.width &&
    y2 * zoom + pan.y <= seen.height
  );
}

/** Where an arrow key leads. */
const WAYS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1]
};

/**
 * The thing that an arrow key leads to from another, or itself where there is none that way.
 *
 * The nearest that is at most twice as far aside as ahead, where what is aside counts double.
 */
export function towards(
  places: ReadonlyMap<string, IPoint>,
  from: string,
  arrow: string
): string {
  const way = WAYS[arrow];
  const start = places.get(from);
  if (!way) {
    return from;
  }
  if (!start) {
    return first(places);
  }
  let best = from;
  let least = Infinity;
  for (const [key, point] of places) {
    const along = (point.x - start.x) * way[0] + (point.y - start.y) * way[1];
    const aside = Math.abs(
      (point.x - start.x) * way[1] + (point.y - start.y) * way[0]
    );
    const distance = along + 2 * aside;
    if (along > 0 && aside <= 2 * along && distance < least) {
      best = key;
      least = distance;
    }
  }
  return best;
}

/** Where a walk begins: at the upper left. */
export function first(places: ReadonlyMap<string, IPoint>): string {
  const sorted = [...places].sort(
    ([, one], [, other]) => one.x + one.y - (other.x + other.y)
  );
  return sorted[0]?.[0] ?? '';
}
