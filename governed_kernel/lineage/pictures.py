"""Pictures of what was traced and of what differs: who asks gets an SVG file."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from governed_kernel.lineage.column_picture import of_columns, split_uri
from governed_kernel.lineage.comparison import Comparison
from governed_kernel.lineage.condensed import visible_links
from governed_kernel.lineage.drawing import Arrow, Box, Panel, draw
from governed_kernel.lineage.graph import Graph
from governed_kernel.lineage.graph_nodes import Node

__all__ = ["of_comparison", "of_graph"]

_MOST_LINES, _MOST_ROWS, _MOST_COLUMNS = 3, 30, 400
_ALL = "(all of it)"
_MANY = 4
"""So many files that come from the same and go to the same stand in one box."""


def of_graph(graph: Graph) -> str:
    """A traced graph as SVG.

    A cell stands for all that it did; things in memory are left out. With columns, a second
    drawing leads from each column to where it is from.
    """
    name = graph.nodes[graph.target].name if graph.target in graph.nodes else graph.target
    before = graph.direction == "upstream"
    panels = [_of_nodes(graph, f"{'Upstream' if before else 'Downstream'} of {name}")]
    if graph.columns:
        panels.append(of_columns(graph.columns))
    return draw(panels)


def _of_nodes(graph: Graph, title: str) -> Panel:
    boxes: dict[str, Box] = {}
    place = {name: _place(node, graph.target) for name, node in graph.nodes.items()}
    steps: defaultdict[str, list[Node]] = defaultdict(list)
    for name, node in graph.nodes.items():
        if node.kind == "transformation":
            steps[place[name]].append(node)
        elif node.kind != "object":
            boxes[name] = _box(node, graph.target)
    for key, nodes in steps.items():
        boxes[key] = _cell(key, nodes)
    arrows: dict[tuple[str, str], Arrow] = {}
    for source, target, how in visible_links(graph):
        ends = place.get(source, source), place.get(target, target)
        for end in ends:
            boxes.setdefault(end, Box(end, "resource", end))
        if ends[0] != ends[1]:
            arrows.setdefault(ends, Arrow(*ends, said=how))
    if graph.cut:
        title += " (cut at the depth that was asked for)"
    return _grouped(Panel(title, list(boxes.values()), list(arrows.values())), graph.target)


def _grouped(panel: Panel, target: str) -> Panel:
    """The panel with one box for files that come from the same and go to the same."""
    before: defaultdict[str, set[str]] = defaultdict(set)
    after: defaultdict[str, set[str]] = defaultdict(set)
    for arrow in panel.arrows:
        before[arrow.target].add(arrow.source)
        after[arrow.source].add(arrow.target)
    alike: defaultdict[tuple[frozenset[str], frozenset[str]], list[Box]] = defaultdict(list)
    for box in panel.boxes:
        if box.kind == "resource" and box.key != target:
            alike[frozenset(before[box.key]), frozenset(after[box.key])].append(box)
    stands: dict[str, Box] = {}
    for boxes in alike.values():
        if len(boxes) >= _MANY:
            names = [box.name for box in boxes]
            lines = [*names[: _MOST_LINES - 1], f"and {len(names) - _MOST_LINES + 1} more"]
            group = Box(boxes[0].key, "resource", f"{len(boxes)} files", tuple(lines))
            stands |= {box.key: group for box in boxes}
    kept = [stands.get(box.key, box) for box in panel.boxes]
    arrows: dict[tuple[str, str], Arrow] = {}
    for arrow in panel.arrows:
        ends = tuple(stands[end].key if end in stands else end for end in
                     (arrow.source, arrow.target))  # fmt: skip
        arrows.setdefault((ends[0], ends[1]), replace(arrow, source=ends[0], target=ends[1]))
    return Panel(panel.title, list(dict.fromkeys(kept)), list(arrows.values()), panel.legend)


def _place(node: Node, target: str) -> str:
    """The box that stands for a node: of a transformation its cell, unless that was asked for."""
    if node.kind != "transformation" or node.node == target:
        return node.node
    return f"cell:{node.facts['session_id']}:{node.facts['execution']}"


def _box(node: Node, target: str) -> Box:
    facts = node.facts
    name, lines = node.name, []
    if node.kind == "resource" and "://" in name:
        name, folder = split_uri(name)
        lines.append(folder)
    elif node.kind not in ("resource", "session"):
        lines.append(node.kind if node.node != target else f"{node.kind} that was asked for")
    told = [str(facts[key]) for key in ("state", "data_class", "notebook", "person") if
            facts.get(key)]  # fmt: skip
    if told:
        lines.append(", ".join(told))
    if facts.get("sha256"):
        lines.append(f"sha256 {facts['sha256'][:16]}…")
    if facts.get("live_from"):
        lines.append(f"live from {facts['live_from']:%Y-%m-%d %H:%M}")
    return Box(node.node, node.kind, name, tuple(lines[:_MOST_LINES]))


def _cell(key: str, nodes: list[Node]) -> Box:
    first = nodes[0]
    names = list(dict.fromkeys(node.name for node in nodes))
    names = [name for name in names if name != "python.statement"] or names
    lines = names[: _MOST_LINES - 1]
    if len(names) > len(lines):
        lines.append(f"and {len(names) - len(lines)} more")
    said = f"cell {first.facts['execution']}"
    if first.facts.get("cell_id"):
        said += f" ({first.facts['cell_id']})"
    return Box(key, "cell", said, (str(first.facts["session_id"]), *lines))


def of_comparison(found: Comparison) -> str:
    """What two sessions read and wrote, and which of it differs, as SVG."""
    marks = {row.what: _mark(row.first, row.second) for row in found.sections["accesses"]}
    changed_cells = {
        row.what.removeprefix("cell "): _mark(row.first, row.second)
        for row in found.sections["cells"]
    }
    boxes: dict[str, Box] = {}
    arrows: dict[tuple[str, str], Arrow] = {}
    for cell, operation, place, sides in found.flow:
        own = "" if len(sides) == 2 else next(iter(sides))
        mark = marks.get(f"{operation} {place}", "")
        key = f"place:{place}"
        known = boxes.get(key)
        if known is None or (mark and not known.mark):
            name = PurePosixPath(place).name or place
            kind = "dataset" if place.startswith("dataset ") else "resource"
            boxes[key] = Box(key, kind, name, (place,), mark=mark)
        cell_key = f"cell:{cell}"
        boxes.setdefault(
            cell_key, Box(cell_key, "cell", f"cell {cell}", mark=changed_cells.get(cell, ""))
        )
        ends = (key, cell_key) if operation == "read" else (cell_key, key)
        arrows.setdefault(ends, Arrow(*ends, said=operation, style=own))
    legend = (
        ("first", f"only in {found.first}"),
        ("second", f"only in {found.second}"),
        ("changed", "in both, and not the same"),
    )
    title = f"{found.first} and {found.second}"
    return draw([Panel(title, list(boxes.values()), list(arrows.values()), legend)])


def _mark(first: Any, second: Any) -> str:
    if first is None:
        return "second"
    return "first" if second is None else "changed"
