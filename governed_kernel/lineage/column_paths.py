"""The view ``column_origins`` for some resources, in the time that their own paths take.

The view closes the columns over everything that was ever written; a question about one file follows
its own writes back, hop by hop, and reads no more than lies on the way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from governed_kernel.lineage.events import NOT_BY_VALUE, openlineage_word
from governed_kernel.lineage.origins import weakest
from governed_kernel.lineage.relations import combined
from governed_kernel.lineage.session_views import CERTAINTY
from governed_kernel.lineage.sight import Sight, among

__all__ = ["last_writes", "origins_from", "origins_of"]


class _Step(NamedTuple):
    """A row of ``base.origins``: a written column, and what it goes back to within a session."""

    column: str
    read_no: int
    input_no: int
    input_column: str
    relation: str
    evidence: str


class _Path(NamedTuple):
    output_no: int
    column: str
    step: _Step

    @property
    def end(self) -> tuple[int, int, str]:
        return self.step.read_no, self.step.input_no, self.step.input_column


def origins_of(
    connection: duckdb.DuckDBPyConnection, uris: Collection[str]
) -> list[dict[str, Any]]:
    """The rows of ``column_origins`` whose output is one of `uris`, in order."""
    sight = Sight(connection)
    return origins_from(connection, sight, last_writes(connection, sight, uris))


def origins_from(
    connection: duckdb.DuckDBPyConnection, sight: Sight, writes: set[tuple[int, int]]
) -> list[dict[str, Any]]:
    """The rows of ``column_origins`` of what some writes (transformation, resource) left."""
    fresh = {
        _Path(entity, step.column, step)
        for (_, entity), steps in _steps(connection, writes).items()
        for step in steps
    }
    found: set[_Path] = set()
    goes_on: set[tuple[int, int, str]] = set()
    while fresh:
        found |= fresh
        fresh = _further(connection, fresh, goes_on) - found
    return _shown(sight, [path for path in found if path.end not in goes_on])


def last_writes(
    connection: duckdb.DuckDBPyConnection, sight: Sight, uris: Collection[str]
) -> set[tuple[int, int]]:
    """What wrote resources as they are now: the last writes (transformation, resource) by kind."""
    known = sight.resources(set(uris))
    if not known:
        return set()
    condition, values = among("entity_no", known)
    rows = connection.execute(
        "SELECT transformation_no, entity_no, kind, occurred_at FROM base.writes "
        f"WHERE {condition}",
        values,
    ).fetchall()
    last: dict[tuple[str, str], datetime] = {}
    for _, entity, kind, moment in rows:
        what = known[entity], kind
        last[what] = max(moment, last.get(what, moment))
    return {(row[0], row[1]) for row in rows if last[known[row[1]], row[2]] == row[3]}


def _steps(
    connection: duckdb.DuckDBPyConnection, writes: set[tuple[int, int]]
) -> dict[tuple[int, int], list[_Step]]:
    """What some writes (transformation, resource) go back to within their sessions."""
    found: defaultdict[tuple[int, int], list[_Step]] = defaultdict(list)
    for write, output, *rest in _among(
        connection,
        "SELECT write_no, output_no, output_column, read_no, input_no, input_column, relation, "
        "evidence FROM base.origins WHERE write_no",
        {write for write, _ in writes},
    ):
        if (write, output) in writes:
            found[write, output].append(_Step(*rest))
    return found


def _further(
    connection: duckdb.DuckDBPyConnection,
    paths: set[_Path],
    goes_on: set[tuple[int, int, str]],
) -> set[_Path]:
    """The paths one session further back; notes the ends that go on."""
    seen: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for read, entity, write, source in _among(
        connection,
        "SELECT read_no, entity_no, write_no, source_no FROM base.links WHERE read_no",
        {path.step.read_no for path in paths},
    ):
        seen[read, entity].append((write, source))
    ends = {(path.step.read_no, path.step.input_no) for path in paths}
    steps = _steps(connection, {saw for end in ends for saw in seen.get(end, ())})
    further = set()
    for path in paths:
        column = path.step.input_column
        for saw in seen.get((path.step.read_no, path.step.input_no), ()):
            for step in steps.get(saw, ()):
                if step.column == column or "*" in (step.column, column):
                    goes_on.add(path.end)
                    relation = combined(path.step.relation, step.relation)
                    evidence = weakest(path.step.evidence, step.evidence)
                    joined = step._replace(relation=relation, evidence=evidence)
                    further.add(_Path(path.output_no, path.column, joined))
    return further


def _among(
    connection: duckdb.DuckDBPyConnection, select: str, numbers: set[int]
) -> Iterable[tuple[Any, ...]]:
    """Rows by the number that `select` ends with."""
    if not numbers:
        return []
    head, _, column = select.rpartition(" ")
    condition, values = among(column, numbers)
    return connection.execute(f"{head} {condition}", values).fetchall()


def _shown(sight: Sight, paths: list[_Path]) -> list[dict[str, Any]]:
    known = sight.named(
        {number for path in paths for number in (path.output_no, path.step.input_no)}
    )
    uris = {number: uri for number, (uri, _) in known.items()}
    best: dict[tuple[str, str, str, str, str], str] = {}
    by_value: set[tuple[str, str, str, str, str]] = set()
    for path in paths:
        step = path.step
        key = (
            *(uris[path.output_no], path.column),
            *(uris[step.input_no], step.input_column, openlineage_word(step.relation)),
        )
        best[key] = min(best.get(key, step.evidence), step.evidence, key=CERTAINTY.index)
        if step.relation not in NOT_BY_VALUE:
            by_value.add(key)
    names = ("output_uri", "output_column", "input_uri", "input_column", "relation", "evidence")
    return [
        {**dict(zip(names, (*key, best[key]), strict=True)), "by_value": key in by_value}
        for key in sorted(best)
    ]
