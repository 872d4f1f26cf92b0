"""Places for the boxes and arrows of a drawing: layers from left to right, few crossings.

The method is that of Sugiyama, Tagawa and Toda (1981): break cycles, give each box a layer, order
each layer by the barycentres of its neighbours, then move boxes towards them. A long arrow goes
through a place of its own in each layer between.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Layout", "lay_out"]

Point = tuple[float, float]
Edge = tuple[str, str]
_SWEEPS = 12
_APART, _BETWEEN = 18.0, 90.0
_THIN = 6.0


@dataclass
class Layout:
    """Where everything is.

    Attributes
    ----------
    boxes : dict of str to (float, float)
        Left upper corners.
    routes : dict of (str, str) to list of (float, float)
        The points that an arrow goes through, from its source's right to its target's left side.
    backward : set of (str, str)
        Arrows that close a cycle; they are drawn against the direction of the others.
    """

    width: float = 0.0
    height: float = 0.0
    boxes: dict[str, Point] = field(default_factory=dict)
    routes: dict[Edge, list[Point]] = field(default_factory=dict)
    backward: set[Edge] = field(default_factory=set)


def lay_out(sizes: Mapping[str, Point], edges: Sequence[Edge]) -> Layout:
    """Lay out boxes of given widths and heights, and the arrows between them."""
    known = dict.fromkeys(edge for edge in edges if edge[0] in sizes and edge[1] in sizes)
    forward, backward = _without_cycles(list(sizes), [e for e in known if e[0] != e[1]])
    layers = _layers(list(sizes), forward)
    graph = _Layered(dict(sizes), layers, forward)
    graph.order()
    return graph.place(set(known), backward)


def _without_cycles(names: list[str], edges: list[Edge]) -> tuple[list[Edge], set[Edge]]:
    """The edges with those of a cycle turned round, and which of the given ones were."""
    following: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        following[source].append(target)
    state: dict[str, int] = {}
    turned: set[Edge] = set()
    for start in names:
        stack = [(start, iter(following[start]))] if start not in state else []
        state.setdefault(start, 1)
        while stack:
            name, rest = stack[-1]
            for target in rest:
                if state.get(target) == 1:
                    turned.add((name, target))
                elif target not in state:
                    state[target] = 1
                    stack.append((target, iter(following[target])))
                    break
            else:
                state[name] = 2
                stack.pop()
    kept = [(b, a) if (a, b) in turned else (a, b) for a, b in edges]
    return list(dict.fromkeys(kept)), turned


def _layers(names: list[str], edges: list[Edge]) -> dict[str, int]:
    """Longest path from a beginning; beginnings stand next to what first needs them."""
    before: defaultdict[str, int] = defaultdict(int)
    following: defaultdict[str, list[str]] = defaultdict(list)
    for source, target in edges:
        before[target] += 1
        following[source].append(target)
    layer = dict.fromkeys(names, 0)
    ready = [name for name in names if not before[name]]
    beginnings = set(ready)
    while ready:
        name = ready.pop()
        for target in following[name]:
            layer[target] = max(layer[target], layer[name] + 1)
            before[target] -= 1
            if not before[target]:
                ready.append(target)
    for name in beginnings:
        if following[name]:
            layer[name] = min(layer[target] for target in following[name]) - 1
    return layer


class _Layered:
    """Boxes and the places of long arrows, layer by layer."""

    def __init__(self, sizes: dict[str, Point], layers: dict[str, int], edges: list[Edge]) -> None:
        self._sizes = sizes
        self._real = list(sizes)
        self._chains: dict[Edge, list[str]] = {}
        self._before: defaultdict[str, list[str]] = defaultdict(list)
        self._after: defaultdict[str, list[str]] = defaultdict(list)
        layers = dict(layers)
        for number, (source, target) in enumerate(edges):
            chain = [source]
            for layer in range(layers[source] + 1, layers[target]):
                place = f"\0{number}/{layer}"
                layers[place] = layer
                sizes[place] = (0.0, _THIN)
                chain.append(place)
            chain.append(target)
            self._chains[source, target] = chain
            for one, two in pairwise(chain):
                self._after[one].append(two)
                self._before[two].append(one)
        self._rows: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
        for name, layer in layers.items():
            self._rows[layer].append(name)

    def order(self) -> None:
        """Order each layer so that few arrows cross."""
        best, fewest = [list(row) for row in self._rows], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            down = sweep % 2 == 0
            near = self._before if down else self._after
            rows = self._rows if down else self._rows[::-1]
            for previous, row in pairwise(rows):
                index = {name: place for place, name in enumerate(previous)}
                own = {name: place for place, name in enumerate(row)}
                centre = {
                    name: sum(index[other] for other in near[name]) / len(near[name])
                    if near[name]
                    else own[name]
                    for name in row
                }
                row.sort(key=lambda name, centre=centre, own=own: (centre[name], own[name]))  # type: ignore[misc]
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self._rows], crossings
        self._rows = best

    def _crossings(self) -> int:
        count = 0
        for row, following in pairwise(self._rows):
            index = {name: place for place, name in enumerate(following)}
            seen: list[int] = []
            for name in row:
                ends = sorted(index[other] for other in self._after[name])
                count += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
                for end in ends:
                    insort(seen, end)
        return count

    def place(self, known: set[Edge], backward: set[Edge]) -> Layout:
        """Coordinates: each box as near to the middle of its neighbours as the others allow."""
        middle: dict[str, float] = {}
        for row in self._rows:
            at = 0.0
            for name in row:
                middle[name] = at + self._sizes[name][1] / 2
                at += self._sizes[name][1] + _APART
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            near = self._before if down else self._after
            for row in self._rows if down else self._rows[::-1]:
                wanted = [
                    sum(middle[other] for other in near[name]) / len(near[name])
                    if near[name]
                    else middle[name]
                    for name in row
                ]
                heights = [self._sizes[name][1] for name in row]
                middle.update(zip(row, _apart(wanted, heights), strict=True))
        return self._drawn(middle, known, backward)

    def _drawn(self, middle: dict[str, float], known: set[Edge], backward: set[Edge]) -> Layout:
        top = min((middle[n] - self._sizes[n][1] / 2 for row in self._rows for n in row), default=0)
        found = Layout(backward=backward)
        left = 0.0
        edge_of: dict[str, Point] = {}
        for row in self._rows:
            width = max((self._sizes[name][0] for name in row), default=0.0)
            for name in row:
                edge_of[name] = (left, left + (self._sizes[name][0] or width))
                height = self._sizes[name][1]
                found.height = max(found.height, middle[name] + height / 2 - top)
            left += width + _BETWEEN
        found.width = max(0.0, left - _BETWEEN)
        for name in self._real:
            found.boxes[name] = (edge_of[name][0], middle[name] - self._sizes[name][1] / 2 - top)
        for (source, target), chain in self._chains.items():
            points = [(edge_of[source][1], middle[source] - top)]
            for place in chain[1:-1]:
                points += [(x, middle[place] - top) for x in edge_of[place]]
            points.append((edge_of[target][0], middle[target] - top))
            if (target, source) in backward:
                found.routes[target, source] = points[::-1]
            if (source, target) in known:
                found.routes[source, target] = points
        return found


def _apart(wanted: list[float], heights: list[float]) -> list[float]:
    """Middles nearest to the wanted ones (least squares) in this order, and not overlapping.

    With each box's offset in a tight stack taken off it is isotonic regression, by the pooling of
    adjacent violators.
    """
    offsets, at = [], 0.0
    for height in heights:
        offsets.append(at + height / 2)
        at += height + _APART
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean = (mean * count + before * many) / (count + many)
            count += many
        pools.append((mean, count))
    flat = [mean for mean, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]
