"""Columns of written resources back to columns of read ones, within a session.

A session's transformations are walked in the order they were recorded, each column of each thing in
memory carrying the set of what it goes back to; equal sets are shared. One name may stand for what
a loop makes turn after turn, so a step is taken again when what it took has come to owe to more,
until nothing changes. Without loops that is once. Files are the borders: the view
``column_origins`` joins the pieces between sessions.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from governed_kernel.lineage.relations import combined
from governed_kernel.lineage.replacing import replace_rows
from governed_kernel.lineage.session_views import CERTAINTY

if TYPE_CHECKING:
    import duckdb

__all__ = ["Edge", "Origin", "Origins", "Walk", "extend", "surest", "weakest"]


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


def weakest(first: str, second: str) -> str:
    """The evidence of a path is that of its least certain step."""
    return max(first, second, key=CERTAINTY.index)


class _Columns:
    """What the columns of one entity go back to; ``rows`` concerns all of them."""

    __slots__ = ("columns", "rows")

    def __init__(self, declared: list[str]) -> None:
        self.columns: dict[str, Origins] = dict.fromkeys(declared, _NONE)
        self.rows: Origins = _NONE


class Walk:
    """What everything in one session owes to what it read.

    Parameters
    ----------
    declared : dict
        Thing in memory → its columns, where they are known.
    reads, writes : dict
        Transformation and resource → the columns it read or wrote, where they are known.
    """

    def __init__(
        self,
        declared: dict[int, list[str]],
        reads: dict[tuple[int, int], list[str]],
        writes: dict[tuple[int, int], list[str]],
    ) -> None:
        self._declared = declared
        self._reads = reads
        self._writes = writes
        self.memory: dict[int, _Columns] = {}
        self.written: dict[tuple[int, int], _Columns] = {}
        self._united: dict[tuple[Origins, Origins], Origins] = {}
        self._through: dict[tuple[str, str, Origins], Origins] = {}

    def run(self, groups: list[tuple[int, list[Edge]]]) -> None:
        """Take the transformations in order, and again as long as that says more."""
        users: defaultdict[int, list[int]] = defaultdict(list)
        for place, (_, edges) in enumerate(groups):
            for entity in {edge[3] for edge in edges if edge[3] > 0}:
                users[entity].append(place)
        pending = list(range(len(groups)))
        waiting = set(pending)
        while pending:
            place = heapq.heappop(pending)
            waiting.discard(place)
            for entity in self._transform(*groups[place]):
                for user in users[entity]:
                    if user not in waiting:
                        waiting.add(user)
                        heapq.heappush(pending, user)

    def _transform(self, number: int, edges: list[Edge]) -> set[int]:
        """Take one transformation; gives the things in memory that owe to more than before."""
        grown = set()
        for _, output, column, source, source_column, relation, evidence in edges:
            origins = self._passed(self._of(number, source, source_column), relation, evidence)
            made = self._made(number, output)
            if column == "*":
                before, after = made.rows, self._union(made.rows, origins)
                made.rows = after
            else:
                before = made.columns.get(column, _NONE)
                after = made.columns[column] = self._union(before, origins)
            if output > 0 and len(after) > len(before):
                grown.add(output)
        return grown

    def _made(self, number: int, output: int) -> _Columns:
        """What is known so far of an output: of a thing in memory, or of one write."""
        if output > 0:
            made = self.memory.get(output)
            if made is None:
                made = self.memory[output] = _Columns(self._declared.get(output, []))
            return made
        made = self.written.get((number, output))
        if made is None:
            declared = self._writes.get((number, output), [])
            made = self.written[number, output] = _Columns(declared)
        return made

    def _of(self, number: int, entity: int, column: str) -> Origins:
        """What a column of an input goes back to."""
        if entity < 0:
            names = [column]
            if column == "*":
                names = self._reads.get((number, entity)) or ["*"]
            return frozenset(Origin(number, entity, name, "IDENTITY", "observed") for name in names)
        known = self.memory.get(entity)
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
    """Renew the origins of what was written in each session that has new transformations."""
    sessions = connection.execute(
        """SELECT DISTINCT session_no FROM base.transformation, started
        WHERE transformation_no > last AND session_no IN (SELECT session_no FROM base.writes)
        ORDER BY session_no"""
    ).fetchall()
    for (session,) in sessions:
        rows = _session_origins(connection, session)
        # One statement with one parameter a column: DuckDB unnests lists fast.
        lists = [list(column) for column in zip(*rows, strict=True)] or [[]] * 8
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE owed AS "
            "SELECT unnest(?::BIGINT[]) AS write_no, unnest(?::BIGINT[]) AS output_no, "
            "unnest(?::VARCHAR[]) AS output_column, unnest(?::BIGINT[]) AS read_no, "
            "unnest(?::BIGINT[]) AS input_no, unnest(?::VARCHAR[]) AS input_column, "
            "unnest(?::VARCHAR[]) AS relation, unnest(?::VARCHAR[]) AS evidence",
            lists,
        )
        replace_rows(
            connection,
            "origins",
            "owed",
            "write_no IN (SELECT transformation_no FROM base.writes "
            f"WHERE session_no = {int(session)})",
        )


def _session_origins(
    connection: duckdb.DuckDBPyConnection, session: int
) -> list[tuple[int, int, str, int, int, str, str, str]]:
    """Rows for ``base.origins``: what a session's writes owe to its reads."""

    def columns_of(table: str) -> dict[tuple[int, int], list[str]]:
        found = connection.execute(
            f"SELECT transformation_no, entity_no, columns FROM base.{table} "
            "WHERE session_no = ?", [session]
        ).fetchall()  # fmt: skip
        return {(number, entity): columns for number, entity, columns in found}

    reads, writes = columns_of("reads"), columns_of("writes")
    walk = Walk(_declared(connection, session), reads, writes)
    walk.run(_needed(_edges(connection, session), {number for number, _ in writes}))
    rows = []
    for (number, output), written in walk.written.items():
        for column, origins in walk.all_of(written).items():
            for key, evidence in surest(origins).items():
                rows.append((number, output, column, *key, evidence))
    return sorted(rows)


def surest(origins: Iterable[Origin]) -> dict[tuple[int, int, str, str], str]:
    """Of several paths with one relation, the evidence of the surest."""
    found: dict[tuple[int, int, str, str], str] = {}
    for read_no, input_no, column, relation, evidence in origins:
        place = (read_no, input_no, column, relation)
        known = found.setdefault(place, evidence)
        if CERTAINTY.index(evidence) < CERTAINTY.index(known):
            found[place] = evidence
    return found


def _edges(connection: duckdb.DuckDBPyConnection, session: int) -> list[Edge]:
    return connection.execute(
        """SELECT e.transformation_no, output_no, output_column, input_no, input_column, relation,
            evidence
        FROM base.column_edges e
        SEMI JOIN (SELECT transformation_no FROM base.transformation WHERE session_no = ?) t
            USING (transformation_no)
        ORDER BY e.transformation_no""",
        [session],
    ).fetchall()


def _declared(connection: duckdb.DuckDBPyConnection, session: int) -> dict[int, list[str]]:
    rows = connection.execute(
        "SELECT entity_no, columns FROM base.objects WHERE session_no = ?", [session]
    ).fetchall()
    return dict(rows)


def _needed(edges: list[Edge], writing: set[int]) -> list[tuple[int, list[Edge]]]:
    """The transformations that lead to something written, in order."""
    groups = [(number, list(group)) for number, group in groupby(edges, key=itemgetter(0))]
    makers: defaultdict[int, list[int]] = defaultdict(list)
    for place, (_, group) in enumerate(groups):
        for entity in {edge[1] for edge in group if edge[1] > 0}:
            makers[entity].append(place)
    pending = [place for place, (number, _) in enumerate(groups) if number in writing]
    kept, seen = set(pending), set()
    while pending:
        for edge in groups[pending.pop()][1]:
            if edge[3] > 0 and edge[3] not in seen:
                seen.add(edge[3])
                fresh = [place for place in makers[edge[3]] if place not in kept]
                kept.update(fresh)
                pending += fresh
    return [groups[place] for place in sorted(kept)]
