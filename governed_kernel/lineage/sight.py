"""How who asks sees the names of each workspace in a store: what `belonging` says in SQL, for few.

A question about one thing would spend more on planning the views than on its answer, so it asks
the tables and sees the names it found with these eyes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import chain
from typing import Any, NamedTuple

import duckdb

from governed_kernel.lineage.belonging import LOCAL
from governed_kernel.lineage.graph_tables import DEEPEST, LONGEST
from governed_kernel.lineage.numbering import of_session, workspace_of_resource

__all__ = ["Sight", "among", "marks", "within"]

_MANY = 1000
"""Names, from which on all are read: DuckDB leaves its indexes at about as many."""
_MACHINES = ("", "localhost", "127.0.0.1", "[::1]")
_ELSEWHERE = re.compile(r"([a-z][a-z0-9+.-]*)://([^/:]+)(:[0-9]+)?/")


class _Neighbour(NamedTuple):
    workspace_id: str
    host: str
    home: bool
    near: bool


def _ends_the_tree(name: str) -> bool:
    """Whether the tree of names may know nothing of what lies below."""
    return not name or len(name) >= LONGEST or name.count("/") >= DEEPEST - 1


class Sight:
    """The names in a store as who asks sees them, from the variable ``home``."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        rows = connection.execute(
            "SELECT workspace_no, workspace_id, host, home, near FROM base.neighbours"
        ).fetchall()
        self._neighbours = {row[0]: _Neighbour(*row[1:]) for row in rows}

    def uri(self, uri: str, workspace_no: int) -> str:
        """A URI that a session of a workspace wrote down."""
        there = self._neighbours[workspace_no]
        if there.near:
            return uri
        return re.sub(LOCAL, lambda m: f"{m[1]}://{there.host}{m[3] or ''}/", uri)

    def name(self, name: str, workspace_no: int) -> str:
        """The name of a dataset or release of a workspace."""
        there = self._neighbours[workspace_no]
        return name if there.home else f"{there.workspace_id}/{name}"

    def written(self, uris: Iterable[str]) -> list[str]:
        """All that sessions may have written down for some URIs as they are seen from here."""
        uris = list(uris)
        if all(there.near for there in self._neighbours.values()):
            return uris
        return list(dict.fromkeys(chain.from_iterable(map(_as_at_home, uris))))

    def resources(self, uris: Collection[str]) -> dict[int, str]:
        """Number and URI of each resource that is seen as one of `uris`."""
        written = self.written(uris)
        if not written:
            return {}
        found = self._seen(f"uri IN ({marks(written)})", written)
        return {number: uri for number, uri in found.items() if uri in uris}

    def within(self, uri: str) -> set[str]:
        """The URIs of a resource and of all resources in it, where it is a folder."""
        written = self.written([uri])
        names = self._below(written)
        if names is None:
            found = self._seen(*within(written))
        else:
            found = self._seen(f"uri IN ({marks(names)})", list(names))
        return {each for each in found.values() if each == uri or each.startswith(f"{uri}/")}

    def _below(self, written: list[str]) -> set[str] | None:
        """Names as they were written down, and all in them; None where to read all is quicker."""
        names: set[str] = set()
        fresh = set(written)
        while fresh:
            names |= fresh
            if len(names) > _MANY or any(map(_ends_the_tree, fresh)):
                return None
            rows = self._connection.execute(
                f"SELECT name FROM base.folders WHERE folder IN ({marks(fresh)})", list(fresh)
            ).fetchall()
            fresh = {name for (name,) in rows} - names
        return names

    def is_accessed(self, uri: str) -> bool:
        """Whether a session accessed exactly this."""
        written = self.written([uri])
        rows = self._connection.execute(
            f"SELECT DISTINCT uri, {of_session('session_no')} FROM base.access "
            f"WHERE uri IN ({marks(written)})",
            written,
        ).fetchall()
        return any(self.uri(there, workspace_no) == uri for there, workspace_no in rows)

    def named(self, numbers: Collection[int]) -> dict[int, tuple[str, str]]:
        """URI and kind of some resources by their numbers."""
        if not numbers:
            return {}
        condition, values = among("entity_no", numbers)
        rows = self._connection.execute(
            f"SELECT entity_no, uri, kind FROM base.resources WHERE {condition}", values
        ).fetchall()
        return {
            number: (self.uri(uri, workspace_of_resource(number)), kind)
            for number, uri, kind in rows
        }

    def _seen(self, condition: str, values: list[Any]) -> dict[int, str]:
        rows = self._connection.execute(
            f"SELECT entity_no, uri FROM base.resources WHERE {condition}", values
        ).fetchall()
        return {number: self.uri(uri, workspace_of_resource(number)) for number, uri in rows}


def _as_at_home(uri: str) -> list[str]:
    """A URI, and what it may be on the machine that it is of."""
    found = _ELSEWHERE.match(uri)
    if found is None:
        return [uri]
    rest, port = uri[found.end() :], found[3] or ""
    return [uri, *(f"{found[1]}://{machine}{port}/{rest}" for machine in _MACHINES)]


def marks(values: Collection[object]) -> str:
    """A question mark for each value: DuckDB looks for listed values while it reads a table."""
    return ", ".join("?" * len(values))


def within(uris: Collection[str]) -> tuple[str, list[Any]]:
    """The condition that a ``uri`` is one of some or lies in it, and its parameters."""
    condition = " OR ".join(["uri = ? OR starts_with(uri, ?)"] * len(uris))
    return condition, [each for uri in uris for each in (uri, f"{uri}/")]


def among(column: str, numbers: Collection[int]) -> tuple[str, list[Any]]:
    """The condition that a number is one of some, and its parameters.

    The bounds let DuckDB pass over row groups that have none of them.
    """
    return (
        f"{column} BETWEEN ? AND ? AND {column} IN (SELECT unnest(?::BIGINT[]))",
        [min(numbers), max(numbers), sorted(numbers)],
    )
