import { graphlib, layout } from '@dagrejs/dagre';

import type { ILayoutAnswer, ILayoutRequest } from './layout';
import { HEIGHT, WIDTH } from './size';

/** From so many nodes on, a little order is given up for being there at once. */
const MANY = 150;

/** Places in order: what comes before stands further left, or above. */
export function laidOut(request: ILayoutRequest): ILayoutAnswer {
  const isMany = request.nodes.length >= MANY;
  const graph = new graphlib.Graph();
  graph.setGraph({
    rankdir: request.isNarrow ? 'TB' : 'LR',
    nodesep: 18,
    ranksep: request.isNarrow ? 40 : 64,
    ranker: isMany ? 'tight-tree' : 'network-simplex'
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const key of request.nodes) {
    graph.setNode(key, { width: WIDTH, height: HEIGHT });
  }
  for (const [source, target] of request.links) {
    graph.setEdge(source, target);
  }
  layout(graph, { disableOptimalOrderHeuristic: isMany });
  const places: ILayoutAnswer['places'] = {};
  for (const key of request.nodes) {
    const { x, y } = graph.node(key);
    places[key] = { x, y };
  }
  return { id: request.id, places };
}
