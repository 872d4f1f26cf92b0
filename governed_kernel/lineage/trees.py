"""A traced graph as a tree of text.

A file is one node of a graph, however often it was written. In a tree each place where it stands is
one moment of it: below it come only the steps whose writes were seen there, and the other way round
those that saw what was written there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.markup import escape
from rich.tree import Tree

if TYPE_CHECKING:
    from governed_kernel.lineage.graph import Graph

__all__ = ["tree_of"]

_SHOWN = 12
"""Most origins of one column that the text lists."""
_LEVELS = 40
"""Deepest level that a terminal can show."""


class _Place(NamedTuple):
    """A node where it stands in a tree."""

    name: str
    step: str
    """The step that it was come from; empty before the first."""


def tree_of(graph: Graph) -> Tree:
    """The graph as a tree. Things in memory are left out between the steps."""
    return _Drawing(graph).draw()


class _Drawing:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._further = graph.next_to()
        self._shown: set[tuple[str, ...]] = set()
        self._latest = _latest(graph)
        self._too_deep = False

    def draw(self) -> Tree:
        """Breadth first, so that what several steps share stands where it is nearest."""
        root = Tree(self._label(_Place(self._graph.target, "")))
        pending = [(_Place(self._graph.target, ""), root, 0)]
        while pending:
            place, branch, level = pending.pop(0)
            children = self._children(place)
            key = (place.name, *(child.name for child in children))
            if key in self._shown:
                branch.label = f"{branch.label} [dim](shown above)[/dim]"
                continue
            self._shown.add(key)
            if children and level == _LEVELS:
                branch.add("[dim]… and further; --json has all[/dim]")
                self._too_deep = True
                continue
            pending += [(each, branch.add(self._label(each)), level + 1) for each in children]
        if self._too_deep:
            self._add_ends(root)
        if self._graph.cut:
            root.add("[dim]… more beyond the depth that was asked for[/dim]")
        self._add_columns(root)
        return root

    def _children(self, place: _Place) -> list[_Place]:
        """The next nodes that are not things in memory, and that belong to this place."""
        step = place.name if self._is_step(place.name) else place.step
        found: dict[str, None] = {}
        pending, passed = list(self._further.get(place.name, [])), set()
        while pending:
            name = pending.pop(0)
            if name in passed:
                continue
            passed.add(name)
            node = self._graph.nodes.get(name)
            if node is not None and node.kind == "object":
                pending += self._further.get(name, [])
            elif self._belongs(place, name):
                found[name] = None
        return [_Place(name, step) for name in found]

    def _belongs(self, place: _Place, name: str) -> bool:
        """Whether a step goes on from a resource as it was at that place."""
        if not self._is_step(name) or self._is_step(place.name):
            return True
        saw = self._graph.saw
        if self._graph.direction == "upstream":
            return name in saw.get((place.step, place.name), ())
        return not place.step or place.step in saw.get((name, place.name), ())

    def _is_step(self, name: str) -> bool:
        node = self._graph.nodes.get(name)
        return node is not None and node.kind == "transformation"

    def _label(self, place: _Place) -> str:
        node = self._graph.nodes.get(place.name)
        if node is None:
            return escape(place.name)
        if self._graph.direction != "upstream" or node.kind != "resource" or not place.step:
            return node.label()
        digests = self._graph.digests(place.step, place.name)
        return node.label(digests if digests or self._is_earlier(place) else None)

    def _is_earlier(self, place: _Place) -> bool:
        """Whether a resource was written once more after it stood here."""
        seen = self._graph.saw.get((place.step, place.name), set())
        return seen != self._latest.get(place.name, seen)

    def _add_ends(self, root: Tree) -> None:
        """Where a tree is too deep to be drawn, at least where it ends."""
        branch = root.add("and at the end of it")
        drawn = {key[0] for key in self._shown}
        for name, node in self._graph.nodes.items():
            if name not in self._further and name not in drawn and node.kind != "object":
                branch.add(node.label())

    def _add_columns(self, root: Tree) -> None:
        rows_of_all = self._graph.columns
        if rows_of_all is None:
            return
        branch = root.add("columns" if rows_of_all else "[dim]no column is known[/dim]")
        groups: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for row in rows_of_all:
            groups[row["output_uri"], row["output_column"]].append(row)
        for (uri, column), rows in groups.items():
            of = branch.add(f"[bold]{escape(column)}[/bold] [dim]{escape(uri)}[/dim]")
            for row in rows[:_SHOWN]:
                mark = "" if row["evidence"] == "observed" else f" [yellow]{row['evidence']}[/]"
                of.add(
                    f"{row['relation']} {escape(row['input_column'])} "
                    f"[dim]{escape(row['input_uri'])}[/dim]{mark}"
                )
            if len(rows) > _SHOWN:
                of.add(f"[dim]… and {len(rows) - _SHOWN} more; --json has all[/dim]")


def _latest(graph: Graph) -> dict[str, set[str]]:
    """The last writes of each resource, as far as the graph tells."""
    moments: dict[str, Any] = {
        node.node: node.facts["occurred_at"]
        for node in graph.nodes.values()
        if node.kind == "transformation"
    }
    latest: dict[str, set[str]] = {}
    for (_, name), writers in graph.saw.items():
        known = latest.get(name)
        if known is None or max(map(moments.__getitem__, writers)) > max(
            map(moments.__getitem__, known)
        ):
            latest[name] = writers
    return latest
