"""Where something comes from (`trace`) and what came of it (`impact`), as a graph and a tree."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from rich.tree import Tree

from governed_kernel.lineage import walking
from governed_kernel.lineage.catalogued import Versions
from governed_kernel.lineage.column_paths import last_writes, origins_from, origins_of
from governed_kernel.lineage.graph_nodes import Link, Node
from governed_kernel.lineage.painting import Painter
from governed_kernel.lineage.sight import Sight, among
from governed_kernel.lineage.store import Store
from governed_kernel.lineage.targets import resolve
from governed_kernel.lineage.trees import tree_of
from governed_kernel.workspace import Workspace

__all__ = ["Graph", "Link", "Node", "both_ways", "impact", "trace"]


@dataclass
class Graph:
    """A traced graph.

    Attributes
    ----------
    target : str
        Identity of the node that was asked for.
    direction : str
        upstream or downstream.
    nodes : dict of str to Node
        By identity, in the order they were found.
    links : list of Link
        Each from what came before to what came after.
    columns : list of dict, optional
        Rows of ``column_origins``, when they were asked for.
    cut : bool
        Whether the depth left something out.
    saw : dict of (str, str) to set of str
        A step that read and a resource → the steps whose writes it saw; the step is empty for the
        resources that were asked for.
    read : dict of (str, str) to set of str
        A session and a resource → digests of what it read there.
    """

    target: str
    direction: str
    nodes: dict[str, Node] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    columns: list[dict[str, Any]] | None = None
    cut: bool = False
    saw: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    read: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The graph as one JSON object."""
        document: dict[str, Any] = {
            "target": self.target,
            "direction": self.direction,
            "nodes": [node.as_json() for node in self.nodes.values()],
            "links": [self._link(link) for link in self.links],
            "cut": self.cut,
        }
        if self.columns is not None:
            document["columns"] = self.columns
        return document

    def _link(self, link: Link) -> dict[str, Any]:
        document: dict[str, Any] = {"from": link.source, "to": link.target, "how": link.how}
        if link.how == "input":
            if saw := self.saw.get((link.target, link.source)):
                document["saw"] = sorted(saw)
            if digests := self.digests(link.target, link.source):
                document["sha256"] = sorted(digests)
        return document

    def digests(self, step: str, resource: str) -> set[str]:
        """Digests of what a step's session read at a resource, as far as they are known."""
        node = self.nodes.get(step)
        session = str(node.facts.get("session_id")) if node is not None else ""
        return self.read.get((session, resource), set())

    def next_to(self) -> dict[str, list[str]]:
        """Node → the nodes one step further away from the target."""
        further: defaultdict[str, list[str]] = defaultdict(list)
        for link in self.links:
            if self.direction == "upstream":
                further[link.target].append(link.source)
            else:
                further[link.source].append(link.target)
        return further

    def tree(self) -> Tree:
        """The graph as a tree of text. Things in memory are left out between the steps."""
        return tree_of(self)


def trace(
    workspace: Workspace,
    target: str,
    columns: bool = False,
    depth: int | None = None,
    *,
    store: Store | None = None,
) -> Graph:
    """Everything upstream of a URI, path, dataset, release or run.

    Parameters
    ----------
    target : str
        A URI, a path (absolute, or relative to the working folder or the workspace),
        ``DATASET[@VERSION]``, ``RELEASE@VERSION`` or the id of a run.
    columns : bool
        Also give the column origins of what is traced.
    depth : int, optional
        How many transformations to go back; all of them when not given.
    store : Store, optional
        An up-to-date store; else the workspace's, as it is.

    Raises
    ------
    UnknownName
        Nothing that was recorded has that name.
    """
    with (store or Store(workspace)).read() as connection:
        sight = Sight(connection)
        found = resolve(connection, workspace, target, sight)
        return _upstream(Painter(connection, sight, found), columns, depth)


def impact(
    workspace: Workspace,
    target: str,
    columns: bool = False,
    depth: int | None = None,
    *,
    store: Store | None = None,
) -> Graph:
    """Everything downstream: what was made of it, in which runs, bundles and deployments.

    Parameters and errors are those of `trace`.
    """
    with (store or Store(workspace)).read() as connection:
        sight = Sight(connection)
        found = resolve(connection, workspace, target, sight)
        return _downstream(Painter(connection, sight, found), columns, depth)


def both_ways(workspace: Workspace, target: str, *, store: Store) -> tuple[Graph, Graph]:
    """What `trace` and `impact` give; the name is looked up once."""
    with store.read() as connection:
        sight = Sight(connection)
        found = resolve(connection, workspace, target, sight)
        versions = Versions(connection, sight)
        return (
            _upstream(Painter(connection, sight, found, versions)),
            _downstream(Painter(connection, sight, found, versions)),
        )


def _upstream(painter: Painter, columns: bool = False, depth: int | None = None) -> Graph:
    painter.begin_upstream()
    connection = painter.connection
    written = last_writes(connection, painter.sight, painter.resources)
    walk = walking.upstream(connection, written, depth)
    painter.add(walk)
    painter.end_upstream()
    graph = _painted(painter, "upstream", walk.cut)
    if columns:
        graph.columns = origins_from(connection, painter.sight, written)
    return graph


def _downstream(painter: Painter, columns: bool = False, depth: int | None = None) -> Graph:
    painter.begin_downstream()
    walk = walking.downstream(painter.connection, _reads(painter), depth)
    painter.add(walk)
    painter.end_downstream()
    graph = _painted(painter, "downstream", walk.cut)
    if columns:
        made = [node.node for node in painter.nodes.values() if node.kind == "resource"]
        found_in = set(painter.resources)
        graph.columns = [
            row for row in origins_of(painter.connection, made) if row["input_uri"] in found_in
        ]
    return graph


def _painted(painter: Painter, direction: str, cut: bool) -> Graph:
    return Graph(
        painter.target.name,
        direction,
        painter.nodes,
        painter.links,
        cut=cut,
        saw=painter.saw,
        read=painter.read,
    )


def _reads(painter: Painter) -> set[tuple[int, int]]:
    """Who read the resources of a target; of a dataset's only those who read its content."""
    uris = painter.sight.resources(set(painter.resources))
    if not uris:
        return set()
    condition, values = among("entity_no", uris)
    if painter.target.kind != "dataset":
        return set(
            painter.rows(
                f"SELECT transformation_no, entity_no FROM base.reads WHERE {condition}", *values
            )
        )
    touched: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for each in painter.accesses:
        touched[each.session_id, each.execution].add(each.uri)
    return {
        (number, entity)
        for number, entity, session, execution in painter.rows(
            f"""SELECT transformation_no, entity_no, session_id, execution
            FROM base.reads JOIN base.journals USING (session_no) WHERE {condition}""",
            *values,
        )
        if _holds(uris[entity], touched[session, execution])
    }


def _holds(uri: str, touched: set[str]) -> bool:
    """Whether any of what was touched is a resource, or lies in it."""
    return uri in touched or any(each.startswith(f"{uri}/") for each in touched)
