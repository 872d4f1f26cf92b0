import { graphlib, layout } from '@dagrejs/dagre';

import type { ILayoutAnswer, ILayoutRequest } from './layout';
import { HEIGHT, WIDTH } from './size';

/** Places in order: what comes before stands further left, or above. */
export function laidOut(request: ILayoutRequest): ILayoutAnswer {
  const graph = new graphlib.Graph();
  graph.setGraph({
    rankdir: request.isNarrow ? 'TB' : 'LR',
    nodesep: 18,
    ranksep: request.isNarrow ? 40 : 64
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const key of request.nodes) {
    graph.setNode(key, { width: WIDTH, height: HEIGHT });
  }
  for (const [source, target] of request.links) {
    graph.setEdge(source, target);
  }
  layout(graph);
  const places: ILayoutAnswer['places'] = {};
  for (const key of request.nodes) {
    const { x, y } = graph.node(key);
    places[key] = { x, y };
  }
  return { id: request.id, places };
}
