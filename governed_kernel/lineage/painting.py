"""A target and a walk turned into the nodes and links of a graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

import duckdb

from governed_kernel.lineage.catalogued import Reading, Split, Version, Versions
from governed_kernel.lineage.graph_nodes import Link, Node
from governed_kernel.lineage.recognising import Hit, contents_of, hits_on
from governed_kernel.lineage.sight import Sight, among
from governed_kernel.lineage.targets import Target, around
from governed_kernel.lineage.walking import Walk

__all__ = ["Painter", "notebooks_of"]


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
    accesses : list of Reading
        What accessed the content of the target's versions and their parts; filled by
        `begin_downstream`.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        sight: Sight,
        target: Target,
        versions: Versions | None = None,
    ) -> None:
        self.connection = connection
        self.sight = sight
        self.target = target
        self.versions = versions or Versions(connection, sight)
        self.nodes: dict[str, Node] = {}
        self.links: list[Link] = []
        self.resources = list(target.resources)
        self.saw: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.read: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self.accesses: list[Reading] = []
        self._linked: set[Link] = set()
        self._asked: set[str] = set()
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
        self._datasets(self.target.datasets)
        for version, uri in self.versions.written(self.target.datasets):
            self.put(Node(uri, "resource", uri))
            self.link(uri, _named(version), "registered from")
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
        rows = self.rows(
            """SELECT DISTINCT s.run_id, a.dataset, a.version FROM base.session_started s
            JOIN accesses a USING (session_id)
            WHERE s.run_id IN (SELECT unnest(?::VARCHAR[])) AND a.operation = 'read'
                AND a.dataset IS NOT NULL AND a.decision IS DISTINCT FROM 'denied' ORDER BY ALL""",
            self.target.runs,
        )
        self._datasets((dataset, version) for _, dataset, version in rows)
        for run, dataset, version in rows:
            self.link(_named((dataset, version)), f"run:{run}", "read")

    def _contents(self, hits: list[Hit]) -> None:
        sessions = {node.facts.get("session_id") for node in self.nodes.values()}
        told = [hit for hit in hits if hit.operation == "write" or hit.session_id in sessions]
        for hit in sorted(told, key=lambda hit: hit.last):  # what is told last is what it is now
            if hit.sha256:
                facts = {"sha256": hit.sha256, "bytes": hit.bytes}
                self.put(Node(hit.uri, "resource", hit.uri, facts))
                if hit.operation == "read":
                    self.read[hit.session_id, hit.uri].add(hit.sha256)
        found = [
            (content.uri, (content.dataset, content.version or ""))
            for content in contents_of(self.connection, self.sight, told)
            if content.dataset
        ]
        self._datasets(version for _, version in found)
        for uri, version in found:
            self.link(_named(version), uri, "content")

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
        notebooks = notebooks_of(self.connection, {session for _, session in found})
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

    def _datasets(self, versions: Iterable[Version]) -> None:
        """The nodes of some versions, with where they are from."""
        fresh = self._unknown(versions)
        while fresh:
            self.versions.learn(fresh)
            wholes = [split for version in fresh for split in self.versions.wholes(version)]
            for version in fresh:
                dataset, number = version
                facts = self.versions.facts(version)
                name = self.put(Node(_named(version), "dataset", f"{dataset}@{number}", facts))
                if self.target.name == f"dataset:{dataset}":
                    self.link(name, self.target.name, "version")
            for part, whole, name in wholes:
                self.link(_named(whole), _named(part), f"split: {name}")
            fresh = self._unknown(split.whole for split in wholes)

    def _unknown(self, versions: Iterable[Version]) -> list[Version]:
        """Those of which nothing was asked yet."""
        return [
            version
            for version in dict.fromkeys(versions)
            if _named(version) not in self.nodes
            or "data_class" not in self.nodes[_named(version)].facts
        ]

    # --- downstream -------------------------------------------------------------------------

    def begin_downstream(self) -> None:
        """Datasets go on in what read their content, runs in their artifacts."""
        splits = self._splits()
        versions = list(dict.fromkeys((*self.target.datasets, *(part for part, _, _ in splits))))
        self._datasets(versions)
        for version in versions:
            if self.target.name == f"dataset:{version[0]}":
                self.link(self.target.name, _named(version), "version")
        self.accesses = self.versions.accesses(versions)
        self._readers([each for each in self.accesses if each.is_read and each.is_begun])
        for part, whole, name in splits:
            self.link(_named(whole), _named(part), f"split: {name}")
        self._runs(self.target.runs)
        for run, uri in self._artifacts(self.target.runs):
            self.link(f"run:{run}", uri, "artifact")
        for uri in self.resources:
            self.put(Node(uri, "resource", uri))
            if self.target.kind == "resource":
                self.link(self.target.name, uri, "part or copy")

    def _splits(self) -> list[Split]:
        """The parts of the target's versions, their parts and so on."""
        found: list[Split] = []
        seen, fresh = set(self.target.datasets), list(self.target.datasets)
        while fresh:
            splits = self.versions.parts(fresh)
            found += splits
            fresh = list(dict.fromkeys(each.part for each in splits if each.part not in seen))
            seen.update(fresh)
        return found

    def _readers(self, accesses: list[Reading]) -> None:
        """The sessions that read some versions, and what they read there."""
        self._runs(sorted({each.run_id for each in accesses if each.run_id}))
        known = self._known([each.uri for each in accesses])
        seen: set[tuple[str, str]] = set()
        for each in accesses:
            name, session = _named((each.dataset, each.version)), each.session_id
            facts = {"notebook": each.notebook}
            node = self.put(Node(f"session:{session}", "session", session, facts))
            self.link(name, node, "read")
            if each.run_id:
                self.link(node, f"run:{each.run_id}", "run")
            if (name, each.uri) not in seen:  # thousands of sessions may read the same few files
                seen.add((name, each.uri))
                self.put(Node(each.uri, "resource", each.uri))
                self.link(name, each.uri, "content")
                self.resources += known[each.uri]

    def _known(self, uris: Iterable[str]) -> dict[str, list[str]]:
        """Resources that transformations read for files: each itself, or the folder around it."""
        places = {uri: around(uri) for uri in uris}
        found = set(
            self.sight.resources({name for each in places.values() for name in each}).values()
        )
        return {uri: sorted(found.intersection(each)) for uri, each in places.items()}

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
        if not releases:
            return
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
        fresh = sorted(set(runs) - self._asked)
        if not fresh:
            return
        self._asked.update(fresh)
        for run, release, kind, state, bundle, of in self.rows(
            """SELECT r.run_id, r.release, r.kind, r.state, r.bundle, e.state FROM runs r
            LEFT JOIN releases e USING (release)
            WHERE r.run_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY r.run_id""",
            fresh,
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
        rows = self.rows(
            "SELECT run_id, uri, name, sha256, bytes FROM artifacts "
            "WHERE run_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY run_id, name",
            runs,
        )
        beside = self._known(row[1] for row in rows)
        for run, uri, name, sha256, size in rows:
            facts = {"artifact": name, "sha256": sha256, "bytes": size}
            self.put(Node(uri, "resource", uri, facts))
            found.append((run, uri))
            for known in sorted({*self.sight.within(uri), *beside[uri]}):
                self.resources.append(known)
                self.link(known, uri, "part")
        return found


def notebooks_of(
    connection: duckdb.DuckDBPyConnection, sessions: Collection[str]
) -> dict[str, str]:
    """The notebook of each of some sessions whose beginning is on record."""
    rows = connection.execute(
        """SELECT j.session_id, s.notebook
        FROM base.journals j JOIN base.session_started s USING (session_no)
        WHERE j.session_id IN (SELECT unnest(?::VARCHAR[]))""",
        [sorted(sessions)],
    ).fetchall()
    return dict(rows)


def _named(version: Version) -> str:
    """The identity of a version's node."""
    dataset, number = version
    return f"dataset:{dataset}@{number}"
