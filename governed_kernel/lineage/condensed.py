"""Graphs as people look at them: a cell stands for all that it did, things in memory are links.

`of_session` is the graph of a notebook's session, `of_target` that of a dataset, a release, a file
or a run with everything before and after it. Both have at most `MOST` nodes, those nearest to what
was asked for.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from governed_kernel.lineage.column_picture import split_uri
from governed_kernel.lineage.graph import Graph, both_ways
from governed_kernel.lineage.graph_nodes import Node
from governed_kernel.lineage.painting import notebooks_of
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace

__all__ = ["MOST", "Condensed", "Kind", "of_session", "of_target", "visible_links"]

MOST = 2_000
"""Most nodes of one graph; the rest is counted."""
_FEW_OPERATIONS = 6
_MANY_ALIKE = 4
_GROUPED = {"resource": "files", "session": "sessions"}
_STATEMENT = "python.statement"
Kind: TypeAlias = Literal["dataset", "resource", "cell", "session", "run", "release", "deployment"]
"""What a node stands for."""


@dataclass
class Condensed:
    """A graph that fits on a screen.

    Attributes
    ----------
    focus : list of str
        Keys of the nodes that were asked for.
    nodes : dict of str to dict
        By key: ``kind``, ``name`` and what else is known.
    links : dict of (str, str) to str
        From what came before to what came after, and how.
    stored : int
        How many nodes there are on record, shown or not.
    """

    focus: list[str] = field(default_factory=list)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[tuple[str, str], str] = field(default_factory=dict)
    stored: int = 0

    def as_json(self) -> dict[str, Any]:
        """The graph as one JSON object."""
        return {
            "focus": self.focus,
            "nodes": list(self.nodes.values()),
            "links": [
                {"source": source, "target": target, "how": how}
                for (source, target), how in self.links.items()
            ],
            "stored": self.stored,
        }

    def put(self, key: str, kind: Kind, name: str, **facts: Any) -> dict[str, Any]:
        """Add a node, or what is newly known of it; returns it."""
        node = self.nodes.setdefault(key, {"key": key, "kind": kind, "name": name})
        node.update({said: value for said, value in facts.items() if value not in (None, "")})
        return node

    def link(self, source: str, target: str, how: str = "") -> None:
        """Add a link once."""
        if source != target:
            self.links.setdefault((source, target), how)

    def resource(self, uri: str, **facts: Any) -> str:
        """Add a file, table or address."""
        name, where = split_uri(uri)
        self.put(uri, "resource", name, where=where, uris=[uri], **facts)
        return uri

    def nearest(self, most: int = MOST) -> Condensed:
        """The graph with the nodes nearest to its focus only."""
        self.stored = len(self.nodes)
        beside: defaultdict[str, list[str]] = defaultdict(list)
        for source, target in self.links:
            beside[source].append(target)
            beside[target].append(source)
        kept = dict.fromkeys(self.focus[:most])
        pending = deque(kept)
        while pending and len(kept) < most:
            for name in beside[pending.popleft()]:
                if name not in kept and len(kept) < most:
                    kept[name] = None
                    pending.append(name)
        self.nodes = {key: node for key, node in self.nodes.items() if key in kept}
        self.links = {ends: how for ends, how in self.links.items() if kept.keys() >= set(ends)}
        self.focus = [key for key in self.focus if key in self.nodes]
        return self


def of_session(store: Store, session: str) -> Condensed:
    """The graph of one session: its cells, what they read and wrote, what they handed on."""
    found = Condensed()
    cells: dict[int, str] = {}
    for row in store.query(
        """SELECT execution, cell_id, max(execution) OVER (PARTITION BY cell_id) AS latest,
            status, s.notebook
        FROM cells JOIN sessions s USING (session_id) WHERE session_id = ? ORDER BY execution""",
        [session],
    ):
        cells[row["execution"]] = _cell(found, session, row)
    for row in store.query(
        """SELECT execution, operation, uri, dataset, version, data_class, decision,
            any_value(sha256) AS sha256, any_value(bytes) AS bytes
        FROM accesses WHERE session_id = ? GROUP BY ALL ORDER BY min(occurred_at)""",
        [session],
    ):
        if row["execution"] in cells:
            _access(found, cells[row["execution"]], row)
    _hand_on(found, store, session, cells)
    ends = {end for link in found.links for end in link}
    found.nodes = {key: node for key, node in found.nodes.items() if key in ends}
    found.focus = [key for key in dict.fromkeys(cells.values()) if key in found.nodes]
    _group(found)
    return found.nearest()


def of_target(workspace: Workspace, target: str, store: Store) -> Condensed:
    """The graph around a dataset, release, run, file or address: all before it and after it.

    Raises
    ------
    UnknownName
        Nothing that was recorded has that name.
    """
    found = Condensed()
    graphs = both_ways(workspace, target, store=store)
    sessions = {
        str(node.facts["session_id"])
        for graph in graphs
        for node in graph.nodes.values()
        if node.kind == "transformation"
    }
    with store.read() as connection:
        notebooks = notebooks_of(connection, sessions)
    for graph in graphs:
        place = {name: _place(found, node, notebooks) for name, node in graph.nodes.items()}
        for source, end, how in visible_links(graph):
            for name in (source, end):
                if name not in place:
                    place[name] = found.resource(name)
            found.link(place[source], place[end], how)
    found.focus = [graphs[0].target]
    _group(found)
    return found.nearest()


def visible_links(graph: Graph) -> list[tuple[str, str, str]]:
    """Links between what is shown: whatever leads through things in memory is one link."""
    following: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for link in graph.links:
        following[link.source].append((link.target, link.how))
    hidden = {name for name, node in graph.nodes.items() if node.kind == "object"}
    found: list[tuple[str, str, str]] = []
    for source in [*graph.nodes, *(set(following) - graph.nodes.keys())]:
        if source in hidden:
            continue
        pending, passed = list(following[source]), set()
        while pending:
            target, how = pending.pop()
            if target not in hidden:
                found.append((source, target, how))
            elif target not in passed:
                passed.add(target)
                pending += following[target]
    return found


def _cell(found: Condensed, session: str, row: dict[str, Any]) -> str:
    """The node of a cell, whichever of its executions is meant."""
    key = f"cell:{session}:{row['cell_id'] or row['execution']}"
    execution = row.get("latest") if row["cell_id"] else None
    execution = execution or row["execution"]
    node = found.put(key, "cell", "", session=session, notebook=row.get("notebook"))
    node.setdefault("operations", [])
    node["execution"] = max(execution, node.get("execution", 0))
    node["name"] = f"In [{node['execution']}]"
    node["cell"] = row["cell_id"]
    if row["execution"] == execution and row.get("status"):
        node["status"] = row["status"]
    return key


def _access(found: Condensed, cell: str, row: dict[str, Any]) -> None:
    """What a cell read, wrote or reached; catalogued content stands as its version."""
    if row["dataset"]:
        end = f"dataset:{row['dataset']}@{row['version']}"
        name = end.removeprefix("dataset:")
        node = found.put(end, "dataset", name, data_class=row["data_class"])
        node["uris"] = sorted({*node.get("uris", []), row["uri"]})
    else:
        facts = {name: row[name] for name in ("data_class", "sha256", "bytes")}
        end = found.resource(row["uri"], **facts)
    how = row["operation"]
    if row["decision"] == "denied":
        found.nodes[end]["denied"] = True
        how = "denied"
    if row["operation"] in ("write", "delete"):
        found.link(cell, end, how)
    else:
        found.link(end, cell, how)


def _hand_on(found: Condensed, store: Store, session: str, cells: dict[int, str]) -> None:
    """Links from the cell that made a thing in memory to those that took it."""
    maker: dict[str, str] = {}
    for row in store.query(
        """SELECT execution, library, operation, inputs, outputs FROM transformations
        WHERE session_id = ? ORDER BY occurred_at""",
        [session],
    ):
        cell = cells.get(row["execution"])
        if cell is None:
            continue
        _do(found.nodes[cell], row["library"], row["operation"])
        for entity in row["inputs"]:
            if entity in maker:
                found.link(maker[entity], cell, "hands on")
        maker.update(dict.fromkeys(row["outputs"], cell))


def _do(cell: dict[str, Any], library: str, operation: str) -> None:
    name = operation if operation.startswith(library) else f"{library}.{operation}"
    done = cell["operations"]
    if name != _STATEMENT and name not in done and len(done) < _FEW_OPERATIONS:
        done.append(name)


def _place(found: Condensed, node: Node, sessions: dict[str, str]) -> str:
    """The node that stands for one of a traced graph: for a transformation its cell."""
    facts = node.facts
    if node.kind == "object":
        return node.node
    if node.kind == "transformation":
        row = {**facts, "notebook": sessions.get(facts["session_id"])}
        key = _cell(found, facts["session_id"], row)
        _do(found.nodes[key], "", node.name)
        return key
    if node.kind == "resource":
        told = {name: facts.get(name) for name in ("sha256", "bytes", "data_class")}
        return found.resource(node.node, **told)
    told = {
        name: facts.get(name)
        for name in ("sha256", "bytes", "data_class", "state", "notebook", "person", "live_from")
    }
    if node.kind == "session":
        told["session"] = node.name
    found.put(node.node, cast("Kind", node.kind), node.name, **told)
    return node.node


def _group(found: Condensed) -> None:
    """Let one node stand for files, or sessions, that come from the same and go to the same."""
    before: defaultdict[str, set[str]] = defaultdict(set)
    after: defaultdict[str, set[str]] = defaultdict(set)
    for source, target in found.links:
        before[target].add(source)
        after[source].add(target)
    alike: defaultdict[tuple[Any, ...], list[str]] = defaultdict(list)
    for key, node in found.nodes.items():
        if node["kind"] in _GROUPED and key not in found.focus:
            kind = (node["kind"], frozenset(before[key]), frozenset(after[key]), node.get("denied"))
            alike[(*kind, node.get("data_class"))].append(key)
    stands: dict[str, str] = {}
    for keys in alike.values():
        if len(keys) >= _MANY_ALIKE:
            stands |= dict.fromkeys(keys, _stand_for(found, keys))
    links = dict(found.links)
    found.links = {}
    for (source, target), how in links.items():
        found.link(stands.get(source, source), stands.get(target, target), how)


def _stand_for(found: Condensed, keys: Iterable[str]) -> str:
    members = [found.nodes.pop(key) for key in keys]
    first = members[0]
    kind = first["kind"]
    node = found.put(
        f"group:{first['key']}",
        kind,
        f"{len(members)} {_GROUPED[kind]}",
        where=first.get("where"),
        data_class=first.get("data_class"),
        denied=first.get("denied"),
    )
    node["count"] = len(members)
    node["uris"] = [uri for member in members for uri in member.get("uris", [])][:MOST]
    names = (f"{each['name']} {each.get('notebook') or ''}".strip() for each in members)
    node["members"] = list(names)[:MOST]
    return str(node["key"])
