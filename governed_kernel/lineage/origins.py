"""Columns of written resources back to columns of read ones, within a session.

A session's transformations are walked once in the order they were recorded, each column of each
thing in memory carrying the set of what it goes back to. That is linear in the edges, needs no
guard against cycles, and equal sets are shared. Files are the borders: the view ``column_origins``
joins the pieces between sessions.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import duckdb

from governed_kernel.lineage.session_views import CERTAINTY, DIRECT

__all__ = ["combined", "extend", "weakest"]


class Origin(NamedTuple):
    """A column of a resource as one transformation read it, and how it came here."""

    read_no: int
    input_no: int
    column: str
    relation: str
    evidence: str


Origins: TypeAlias = frozenset[Origin]
Edge: TypeAlias = tuple[int, int, str, int, str, str, str]
_NONE: Origins = frozenset()


def combined(near: str, far: str) -> str:
    """The relation of a path from its part near the output and its part near the source."""
    if near not in DIRECT:
        return near
    if far not in DIRECT:
        return far
    return near if DIRECT.index(near) >= DIRECT.index(far) else far


def weakest(first: str, second: str) -> str:
    """The evidence of a path is that of its least certain step."""
    return max(first, second, key=CERTAINTY.index)


class _Columns:
    """What the columns of one entity go back to; ``rows`` concerns all of them."""

    __slots__ = ("columns", "rows")

    def __init__(self, declared: list[str]) -> None:
        self.columns: dict[str, Origins] = dict.fromkeys(declared, _NONE)
        self.rows: Origins = _NONE


class _Walk:
    """One pass over a session's edges."""

    def __init__(
        self,
        declared: dict[int, list[str]],
        reads: dict[tuple[int, int], list[str]],
        writes: dict[tuple[int, int], list[str]],
    ) -> None:
        self._declared = declared
        self._reads = reads
        self._writes = writes
        self._memory: dict[int, _Columns] = {}
        self._united: dict[tuple[Origins, Origins], Origins] = {}
        self._through: dict[tuple[str, str, Origins], Origins] = {}

    def transform(self, number: int, edges: list[Edge]) -> dict[int, _Columns]:
        """Take one transformation; gives what it wrote outside memory."""
        made: dict[int, _Columns] = {}
        for _, output, column, source, source_column, relation, evidence in edges:
            found = made.get(output)
            if found is None:
                declared = (
                    self._declared.get(output, [])
                    if output > 0
                    else self._writes.get((number, output), [])
                )
                found = made[output] = _Columns(declared)
            origins = self._passed(self._of(number, source, source_column), relation, evidence)
            if column == "*":
                found.rows = self._union(found.rows, origins)
            else:
                found.columns[column] = self._union(found.columns.get(column, _NONE), origins)
        for output, columns in made.items():
            if output > 0:
                self._keep(output, columns)
        return {output: columns for output, columns in made.items() if output < 0}

    def _keep(self, entity: int, columns: _Columns) -> None:
        before = self._memory.setdefault(entity, columns)
        if before is not columns:  # a thing made by two transformations owes to both
            before.rows = self._union(before.rows, columns.rows)
            for name, origins in columns.columns.items():
                before.columns[name] = self._union(before.columns.get(name, _NONE), origins)

    def _of(self, number: int, entity: int, column: str) -> Origins:
        """What a column of an input goes back to."""
        if entity < 0:
            names = [column]
            if column == "*":
                names = self._reads.get((number, entity)) or ["*"]
            return frozenset(Origin(number, entity, name, "IDENTITY", "observed") for name in names)
        known = self._memory.get(entity)
        if known is None:
            return _NONE
        if column != "*":
            return self._union(known.columns.get(column, _NONE), known.rows)
        found = known.rows
        for origins in known.columns.values():
            found = self._union(found, origins)
        return found

    def _union(self, first: Origins, second: Origins) -> Origins:
        if not second or first is second:
            return first
        if not first:
            return second
        key = (first, second)
        united = self._united.get(key)
        if united is None:
            united = self._united[key] = first | second
        return united

    def _passed(self, origins: Origins, relation: str, evidence: str) -> Origins:
        """`origins` as seen from behind one more edge."""
        if relation == "IDENTITY" and evidence == "observed":
            return origins
        key = (relation, evidence, origins)
        passed = self._through.get(key)
        if passed is None:
            passed = self._through[key] = frozenset(
                origin._replace(
                    relation=combined(relation, origin.relation),
                    evidence=weakest(evidence, origin.evidence),
                )
                for origin in origins
            )
        return passed

    def all_of(self, written: _Columns) -> dict[str, Origins]:
        """Column → origins of something written; ``*`` when its columns are not known."""
        if not written.columns:
            return {"*": written.rows}
        return {
            name: self._union(origins, written.rows) for name, origins in written.columns.items()
        }


def extend(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the origins of everything that this ingestion's transformations wrote."""
    sessions = connection.execute(
        "SELECT DISTINCT session_no FROM base.writes, started WHERE transformation_no > last "
        "ORDER BY session_no"
    ).fetchall()
    for (session,) in sessions:
        rows = _session_origins(connection, session)
        if rows:
            # One statement with one parameter a column: DuckDB unnests lists fast.
            lists = [list(column) for column in zip(*rows, strict=True)]
            connection.execute(
                "INSERT INTO base.origins SELECT unnest(?::BIGINT[]), unnest(?::BIGINT[]), "
                "unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), "
                "unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[])",
                lists,
            )


def _session_origins(
    connection: duckdb.DuckDBPyConnection, session: int
) -> list[tuple[int, int, str, int, int, str, str, str]]:
    """Rows for ``base.origins``: what a session's new writes owe to its reads."""

    def columns_of(table: str) -> dict[tuple[int, int], list[str]]:
        found = connection.execute(
            f"SELECT transformation_no, entity_no, columns FROM base.{table} "
            "WHERE session_no = ?", [session]
        ).fetchall()  # fmt: skip
        return {(number, entity): columns for number, entity, columns in found}

    [(last,)] = connection.execute("SELECT last FROM started").fetchall()
    reads, writes = columns_of("reads"), columns_of("writes")
    new = {number for number, _ in writes if number > last}
    groups = _needed(_edges(connection, session, max(new)), new)
    declared = _declared(connection, session)
    walk = _Walk(declared, reads, writes)
    rows = []
    for number, edges in groups:
        for output, written in walk.transform(number, edges).items():
            if number not in new:
                continue
            for column, origins in walk.all_of(written).items():
                surest: dict[tuple[Any, ...], str] = {}
                for read_no, input_no, name, relation, evidence in origins:
                    key = (read_no, input_no, name, relation)
                    known = surest.setdefault(key, evidence)
                    if CERTAINTY.index(evidence) < CERTAINTY.index(known):
                        surest[key] = evidence
                rows += [(number, output, column, *key, how) for key, how in surest.items()]
    return sorted(rows)


def _edges(connection: duckdb.DuckDBPyConnection, session: int, until: int) -> list[Edge]:
    return connection.execute(
        """SELECT e.transformation_no, output_no, output_column, input_no, input_column, relation,
            evidence
        FROM base.column_edges e
        SEMI JOIN (SELECT transformation_no FROM base.transformation
                   WHERE session_no = ? AND transformation_no <= ?) t USING (transformation_no)
        ORDER BY e.transformation_no""",
        [session, until],
    ).fetchall()


def _declared(connection: duckdb.DuckDBPyConnection, session: int) -> dict[int, list[str]]:
    rows = connection.execute(
        "SELECT entity_no, columns FROM base.objects WHERE session_no = ?", [session]
    ).fetchall()
    return dict(rows)


def _needed(edges: list[Edge], new: set[int]) -> list[tuple[int, list[Edge]]]:
    """The transformations that lead to the new writes, in order."""
    groups = [(number, list(group)) for number, group in groupby(edges, key=itemgetter(0))]
    wanted: defaultdict[int, bool] = defaultdict(bool)
    kept = []
    for number, group in reversed(groups):
        if number in new or any(wanted[edge[1]] for edge in group):
            kept.append((number, group))
            for edge in group:
                if edge[3] > 0:
                    wanted[edge[3]] = True
    return kept[::-1]
