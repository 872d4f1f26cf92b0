"""Hop by hop through the graph in the store, upstream or downstream.

Things in memory are numbered in order of arrival, so a hop reads only the row groups near it: the
time does not grow with what lies off the path. Resources have negative numbers and tables of their
own; between a write and a read lies the link that says which write the read saw.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb

__all__ = ["Walk", "downstream", "upstream"]

Pair = tuple[int, int]


@dataclass
class Walk:
    """What a walk found.

    Attributes
    ----------
    took, made : set of (int, int)
        Transformation and entity: what it took, what it made.
    cut : bool
        Whether the depth ended the walk before the graph did.
    """

    took: set[Pair] = field(default_factory=set)
    made: set[Pair] = field(default_factory=set)
    cut: bool = False

    @property
    def transformations(self) -> set[int]:
        """Numbers of all transformations on the way."""
        return {number for number, _ in self.took | self.made}

    @property
    def entities(self) -> set[int]:
        """Numbers of everything that was taken or made."""
        return {entity for _, entity in self.took | self.made}


def _pairs(
    connection: duckdb.DuckDBPyConnection, table: str, key: str, numbers: Iterable[int], rest: str
) -> set[Pair]:
    """Rows of a table for some numbers: (key, rest). The range lets DuckDB skip row groups."""
    wanted = sorted(set(numbers))
    if not wanted:
        return set()
    rows = connection.execute(
        f"SELECT {key}, {rest} FROM base.{table} WHERE {key} BETWEEN ? AND ? "
        f"AND {key} IN (SELECT unnest(?::BIGINT[]))",
        [wanted[0], wanted[-1], wanted],
    ).fetchall()
    return {(first, second) for first, second in rows}


def _swapped(pairs: set[Pair]) -> set[Pair]:
    return {(second, first) for first, second in pairs}


def upstream(
    connection: duckdb.DuckDBPyConnection, writes: set[Pair], depth: int | None = None
) -> Walk:
    """Everything that what was written in `writes` (transformation, resource) goes back to."""
    walk = Walk(made=set(writes))
    frontier = {number for number, _ in writes}
    seen_entities: set[int] = set()
    done: set[int] = set()
    hops = 0
    while frontier:
        if depth is not None and hops == depth:
            walk.cut = True
            break
        hops += 1
        done |= frontier
        used = _pairs(connection, "uses", "transformation_no", frontier, "entity_no")
        read = _pairs(connection, "reads", "transformation_no", frontier, "entity_no")
        walk.took |= used | read
        fresh = {entity for _, entity in used} - seen_entities
        seen_entities |= fresh
        made = _swapped(_pairs(connection, "makes", "entity_no", fresh, "transformation_no"))
        made |= _seen_writes(connection, read)
        walk.made |= made
        frontier = {number for number, _ in made} - done
    return walk


def _seen_writes(connection: duckdb.DuckDBPyConnection, reads: set[Pair]) -> set[Pair]:
    """The writes (transformation, resource) that some reads saw."""
    numbers = sorted({number for number, _ in reads})
    if not numbers:
        return set()
    rows = connection.execute(
        "SELECT read_no, entity_no, write_no FROM base.continuations WHERE read_no BETWEEN ? AND ? "
        "AND read_no IN (SELECT unnest(?::BIGINT[]))",
        [numbers[0], numbers[-1], numbers],
    ).fetchall()
    return {(write, entity) for read, entity, write in rows if (read, entity) in reads}


def downstream(
    connection: duckdb.DuckDBPyConnection, reads: set[Pair], depth: int | None = None
) -> Walk:
    """Everything that came of what was read in `reads` (transformation, resource)."""
    walk = Walk(took=set(reads))
    frontier = {number for number, _ in reads}
    seen_entities: set[int] = set()
    done: set[int] = set()
    hops = 0
    while frontier:
        if depth is not None and hops == depth:
            walk.cut = True
            break
        hops += 1
        done |= frontier
        made = _pairs(connection, "makes", "transformation_no", frontier, "entity_no")
        written = _pairs(connection, "writes", "transformation_no", frontier, "entity_no")
        walk.made |= made | written
        fresh = {entity for _, entity in made} - seen_entities
        seen_entities |= fresh
        took = _swapped(_pairs(connection, "uses", "entity_no", fresh, "transformation_no"))
        took |= _later_reads(connection, written)
        walk.took |= took
        frontier = {number for number, _ in took} - done
    return walk


def _later_reads(connection: duckdb.DuckDBPyConnection, writes: set[Pair]) -> set[Pair]:
    """The reads (transformation, resource) that saw some writes."""
    numbers = sorted({number for number, _ in writes})
    if not numbers:
        return set()
    rows = connection.execute(
        "SELECT read_no, entity_no, write_no FROM base.continuations "
        "WHERE write_no IN (SELECT unnest(?::BIGINT[]))",
        [numbers],
    ).fetchall()
    return {(read, entity) for read, entity, write in rows if (write, entity) in writes}
