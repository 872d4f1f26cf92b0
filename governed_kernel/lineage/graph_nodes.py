"""Nodes and links of a traced graph, with what the store and the ledger know of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import duckdb
from rich.markup import escape

from governed_kernel.lineage.recognising import Hit, contents_of, hits_on
from governed_kernel.lineage.sight import Sight, among
from governed_kernel.lineage.targets import Target, around
from governed_kernel.lineage.walking import Walk

__all__ = ["Link", "Node", "Painter"]


@dataclass(frozen=True)
class Node:
    """One thing in a traced graph.

    Attributes
    ----------
    node : str
        Identity: a URI, or ``dataset:…``, ``release:…``, ``run:…``, ``session:…`` and so on.
    kind : str
        resource, object, transformation, dataset, release, run, session or deployment.
    name : str
        What people call it.
    facts : dict
        What is known of it.
    """

    node: str
    kind: str
    name: str
    facts: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The node as a JSON object."""
        return {"node": self.node, "kind": self.kind, "name": self.name, **self.facts}

    def label(self, digests: Collection[str] | None = None) -> str:
        """The node as one line of rich text, with digests it had at another time than now."""
        facts = self.facts
        if self.kind == "transformation":
            text = f"[cyan]{escape(self.name)}[/cyan]"
            where = f"{facts['session_id']} cell {facts['execution']}"
            return f"{text} [dim]{escape(where)}[/dim]"
        text = f"{self.kind} " if self.kind not in ("resource", "object") else ""
        text += f"[bold]{escape(self.name)}[/bold]"
        told = [str(facts[key])[:60] for key in _TOLD if facts.get(key)]
        if digests is None:
            digests = [facts["sha256"]] if facts.get("sha256") else []
        elif not digests:
            told.append("as it was then")
        if digests:
            told.append(f"sha256 {', '.join(f'{each[:12]}…' for each in sorted(digests))}")
        return f"{text} [dim]{escape(', '.join(told))}[/dim]" if told else text


_TOLD = ("state", "data_class", "source", "notebook", "person", "live_from", "live_to", "kind_of")


@dataclass(frozen=True)
class Link:
    """From what came before (`source`) to what came after (`target`), and how."""

    source: str
    target: str
    how: str = ""


class Painter:
    """Turns a target and a walk into nodes and links.

    Attributes
    ----------
    resources : list of str
        URIs that the walk begins at; filled by `begin_upstream` or `begin_downstream`.
    saw : dict of (str, str) to set of str
        A step that read and the resource → the steps whose writes it saw. Where nothing read, as
        for what the walk began at, the step's name is empty.
    read : dict of (str, str) to set of str
        A session and a resource → digests of what it read there.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, sight: Sight, target: Target) -> None:
        self.connection = connection
        self.sight = sight
        self.target = target
        self.nodes: dict[str, Node] = {}
        self.links: list[Link] = []
        self.resources = list(target.resources)
        self.saw: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.read: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._linked: set[Link] = set()
        kind = target.kind
        name = target.name.partition(":")[2] if kind != "resource" else target.name
        self.put(Node(target.name, kind, name))

    def put(self, node: Node) -> str:
        """Add a node, or what is newly known of it."""
        known = self.nodes.get(node.node)
        if known is not None:
            node = Node(node.node, known.kind, known.name, {**known.facts, **node.facts})
        self.nodes[node.node] = node
        return node.node

    def link(self, source: str, target: str, how: str = "") -> None:
        """Add a link once."""
        link = Link(source, target, how)
        if source != target and link not in self._linked:
            self._linked.add(link)
            self.links.append(link)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(sql, list(parameters)).fetchall()

    # --- the walk ---------------------------------------------------------------------------

    def add(self, walk: Walk) -> None:
        """Add what a walk through the graph found."""
        steps = self._steps(walk.transformations)
        things = self._things(walk.entities)
        for number, entity in sorted(walk.took):
            if number in steps and entity in things:
                self.link(self.put(things[entity]), self.put(steps[number]), "input")
        for number, entity in sorted(walk.made):
            if number in steps and entity in things:
                self.link(self.put(steps[number]), self.put(things[entity]), "output")
        for source, entity in sorted(walk.crossed):
            if source in things and entity in things:
                self.link(self.put(things[source]), self.put(things[entity]), "seen as")
        for number, entity in walk.began:
            self._note_seen("", {entity}, number, steps, things)
        for reader, entity, writer, source in walk.saw:
            if reader in steps:
                self._note_seen(steps[reader].node, {entity, source}, writer, steps, things)

    def _note_seen(
        self,
        step: str,
        entities: set[int],
        writer: int,
        steps: dict[int, Node],
        things: dict[int, Node],
    ) -> None:
        if writer in steps and steps[writer].node in self.nodes:
            for entity in entities & things.keys():
                self.saw[step, things[entity].node].add(steps[writer].node)

    def _steps(self, numbers: set[int]) -> dict[int, Node]:
        if not numbers:
            return {}
        condition, values = among("transformation_no", numbers)
        rows = self.rows(
            f"""SELECT transformation_no, transformation_id, library, operation, session_id,
                execution, cell_id, occurred_at
            FROM base.transformation JOIN base.journals USING (session_no) WHERE {condition}""",
            *values,
        )
        names = ("session_id", "execution", "cell_id", "occurred_at")
        return {
            row[0]: Node(
                f"transformation:{row[1]}",
                "transformation",
                f"{row[2]}.{row[3]}" if row[2] and not row[3].startswith(row[2]) else row[3],
                dict(zip(names, row[4:], strict=True)),
            )
            for row in rows
        }

    def _things(self, numbers: set[int]) -> dict[int, Node]:
        if not numbers:
            return {}
        condition, values = among("entity_no", [number for number in numbers if number > 0] or [0])
        objects = self.rows(
            f"SELECT entity_no, entity, kind, name, columns FROM base.objects WHERE {condition}",
            *values,
        )
        found = {
            row[0]: Node(row[1], "object", row[3] or row[1], {"kind_of": row[2], "columns": row[4]})
            for row in objects
        }
        outside = self.sight.named([number for number in numbers if number < 0])
        for number, (uri, kind) in outside.items():
            found[number] = Node(uri, "resource", uri, {"kind_of": kind})
        return found

    # --- upstream ---------------------------------------------------------------------------

    def begin_upstream(self) -> None:
        """Releases are made of runs, runs of artifacts, datasets of files."""
        self._runs(self.target.runs)
        for run, uri in self._artifacts(self.target.runs):
            self.link(uri, f"run:{run}", "artifact")
        for dataset, version in self.target.datasets:
            self._dataset(dataset, version)
            for (uri,) in self.rows(
                """SELECT DISTINCT a.uri FROM base.named_files f
                JOIN accesses a ON a.sha256 = f.sha256 AND a.operation = 'write'
                WHERE f.dataset = ? AND f.version = ? ORDER BY a.uri""",
                dataset,
                version,
            ):
                self.put(Node(uri, "resource", uri))
                self.link(uri, f"dataset:{dataset}@{version}", "registered from")
                self.resources.append(uri)
        self._begin()

    def end_upstream(self) -> None:
        """Say which catalogued content the resources were, and what a run's sessions read."""
        uris = [node.node for node in self.nodes.values() if node.kind == "resource"]
        hits = hits_on(self.connection, self.sight, uris)
        self._contents(hits)
        if self.target.runs:
            self._read_by_runs()
        self._sessions_of(hits, "write")

    def _read_by_runs(self) -> None:
        for run, dataset, version in self.rows(
            """SELECT DISTINCT s.run_id, a.dataset, a.version FROM base.session_started s
            JOIN accesses a USING (session_id)
            WHERE s.run_id IN (SELECT unnest(?::VARCHAR[])) AND a.operation = 'read'
                AND a.dataset IS NOT NULL AND a.decision IS DISTINCT FROM 'denied' ORDER BY ALL""",
            self.target.runs,
        ):
            self.link(self._dataset(dataset, version), f"run:{run}", "read")

    def _contents(self, hits: list[Hit]) -> None:
        sessions = {node.facts.get("session_id") for node in self.nodes.values()}
        told = [hit for hit in hits if hit.operation == "write" or hit.session_id in sessions]
        for hit in sorted(told, key=lambda hit: hit.last):  # what is told last is what it is now
            if hit.sha256:
                facts = {"sha256": hit.sha256, "bytes": hit.bytes}
                self.put(Node(hit.uri, "resource", hit.uri, facts))
                if hit.operation == "read":
                    self.read[hit.session_id, hit.uri].add(hit.sha256)
        for uri, dataset, version, *_ in contents_of(self.connection, self.sight, told):
            if dataset:
                self.link(self._dataset(dataset, version or ""), uri, "content")

    def _sessions_of(self, hits: list[Hit], operation: str) -> None:
        """Sessions that accessed a resource by no recorded transformation."""
        known = {link.target if operation == "write" else link.source for link in self.links}
        found = {
            (hit.uri, hit.session_id)
            for hit in hits
            if hit.operation == operation and hit.uri not in known
        }
        if not found:
            return
        notebooks = dict(
            self.rows(
                """SELECT j.session_id, s.notebook
                FROM base.journals j JOIN base.session_started s USING (session_no)
                WHERE j.session_id IN (SELECT unnest(?::VARCHAR[]))""",
                sorted({session for _, session in found}),
            )
        )
        for uri, session in sorted(found):
            if session not in notebooks:
                continue
            facts = {"notebook": notebooks[session]}
            node = self.put(Node(f"session:{session}", "session", session, facts))
            if operation == "write":
                self.link(node, uri, operation)
            else:
                self.link(uri, node, operation)

    def _begin(self) -> None:
        for uri in self.resources:
            self.put(Node(uri, "resource", uri))
            if self.target.kind == "resource":
                self.link(uri, self.target.name, "part or copy")

    def _dataset(self, dataset: str, version: str) -> str:
        """The node of a version, with where it is from."""
        name = f"dataset:{dataset}@{version}"
        if name in self.nodes and "data_class" in self.nodes[name].facts:
            return name
        rows = self.rows(
            """SELECT v.sha256, v.bytes, v.data_class, v.state, d.source
            FROM dataset_versions v LEFT JOIN datasets d USING (dataset)
            WHERE dataset = ? AND version = ?""",
            dataset,
            version,
        )
        names = ("sha256", "bytes", "data_class", "state", "source")
        facts = dict(zip(names, rows[0], strict=True)) if rows else {"data_class": None}
        self.put(Node(name, "dataset", f"{dataset}@{version}", facts))
        if self.target.name == f"dataset:{dataset}":
            self.link(name, self.target.name, "version")
        for parent, its, part in self.rows(
            "SELECT parent_dataset, parent_version, part FROM base.named_parents "
            "WHERE dataset = ? AND version = ?",
            dataset,
            version,
        ):
            self.link(self._dataset(parent, its), name, f"split: {part}")
        return name

    # --- downstream -------------------------------------------------------------------------

    def begin_downstream(self) -> None:
        """Datasets go on in what read their content, runs in their artifacts."""
        pending = list(self.target.datasets)
        while pending:
            dataset, version = pending.pop()
            self._dataset_readers(dataset, version)
            for part, its, name in self.rows(
                "SELECT dataset, version, part FROM base.named_parents "
                "WHERE parent_dataset = ? AND parent_version = ?",
                dataset,
                version,
            ):
                self.link(
                    f"dataset:{dataset}@{version}", self._dataset(part, its), f"split: {name}"
                )
                if (part, its) not in self.target.datasets:
                    self.target.datasets.append((part, its))
                    pending.append((part, its))
        self._runs(self.target.runs)
        for run, uri in self._artifacts(self.target.runs):
            self.link(f"run:{run}", uri, "artifact")
        for uri in self.resources:
            self.put(Node(uri, "resource", uri))
            if self.target.kind == "resource":
                self.link(self.target.name, uri, "part or copy")

    def _dataset_readers(self, dataset: str, version: str) -> None:
        name = self._dataset(dataset, version)
        if self.target.name == f"dataset:{dataset}":
            self.link(self.target.name, name, "version")
        seen: set[str] = set()
        for uri, session, notebook, run in self.rows(
            """SELECT DISTINCT a.uri, a.session_id, s.notebook, s.run_id FROM accesses a
            JOIN base.session_started s USING (session_id)
            WHERE a.dataset = ? AND a.version = ? AND a.operation = 'read'
                AND a.decision IS DISTINCT FROM 'denied' ORDER BY ALL""",
            dataset,
            version,
        ):
            node = self.put(Node(f"session:{session}", "session", session, {"notebook": notebook}))
            self.link(name, node, "read")
            if run:
                self.link(node, f"run:{run}", "run")
                self._runs([run])
            if uri not in seen:  # thousands of sessions may read the same few files
                seen.add(uri)
                self.put(Node(uri, "resource", uri))
                self.link(name, uri, "content")
                self.resources += self._known(uri)

    def _known(self, uri: str) -> list[str]:
        """Resources that transformations read for this file: itself, or the folder around it."""
        return sorted(set(self.sight.resources(around(uri)).values()))

    def end_downstream(self) -> None:
        """Say which resources are artifacts of runs, and where those are deployed."""
        uris = [node.node for node in self.nodes.values() if node.kind == "resource"]
        made = self.rows(
            """SELECT DISTINCT u.uri, a.run_id FROM (SELECT unnest(?::VARCHAR[]) AS uri) u
            JOIN artifacts a ON a.uri = u.uri OR starts_with(a.uri, u.uri || '/')
                OR starts_with(u.uri, a.uri || '/') ORDER BY ALL""",
            uris,
        )
        for uri, run in made:
            self.link(uri, f"run:{run}", "artifact")
        self._runs({run for _, run in made})
        self._sessions_of(hits_on(self.connection, self.sight, uris), "read")
        releases = [node.name for node in self.nodes.values() if node.kind == "release"]
        for environment, slot, release, bundle, person, live_from, live_to in self.rows(
            """SELECT environment, slot, release, bundle, person, live_from, live_to
            FROM deployments WHERE release IN (SELECT unnest(?::VARCHAR[])) ORDER BY live_from""",
            releases,
        ):
            facts = {"bundle": bundle, "person": person, "live_from": live_from, "live_to": live_to}
            name = f"{environment}/{slot}"
            node = self.put(Node(f"deployment:{name}@{live_from}", "deployment", name, facts))
            self.link(f"release:{release}", node, "deployed")

    # --- runs -------------------------------------------------------------------------------

    def _runs(self, runs: Collection[str]) -> None:
        """Nodes of runs and their releases; ones that were refused have no run."""
        if not runs:
            return
        for run, release, kind, state, bundle, of in self.rows(
            """SELECT r.run_id, r.release, r.kind, r.state, r.bundle, e.state FROM runs r
            LEFT JOIN releases e USING (release)
            WHERE r.run_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY r.run_id""",
            list(runs),
        ):
            facts = {"state": state, "kind_of": kind, "bundle": bundle}
            node = self.put(Node(f"run:{run}", "run", run, facts))
            if kind == "release" and self.target.kind != "run":
                made = self.put(Node(f"release:{release}", "release", release, {"state": of}))
                self.link(node, made, "run of")

    def _artifacts(self, runs: list[str]) -> list[tuple[str, str]]:
        """Run and URI of each artifact; those that transformations know join `resources`."""
        if not runs:
            return []
        found = []
        for run, uri, name, sha256, size in self.rows(
            "SELECT run_id, uri, name, sha256, bytes FROM artifacts "
            "WHERE run_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY run_id, name",
            runs,
        ):
            facts = {"artifact": name, "sha256": sha256, "bytes": size}
            self.put(Node(uri, "resource", uri, facts))
            found.append((run, uri))
            for known in sorted({*self.sight.within(uri), *self._known(uri)}):
                self.resources.append(known)
                self.link(known, uri, "part")
        return found
