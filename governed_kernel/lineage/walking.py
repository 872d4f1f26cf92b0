"""Hop by hop through the graph in the store, upstream or downstream.

Things in memory are numbered in order of arrival, so a hop reads only the row groups near it: the
time does not grow with what lies off the path. Resources have negative numbers and tables of their
own; between a write and a read lies the link that says which write the read saw.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import duckdb

from governed_kernel.lineage.sight import among

__all__ = ["Walk", "downstream", "upstream"]

Pair = tuple[int, int]


@dataclass
class Walk:
    """What a walk found.

    Attributes
    ----------
    took, made : set of (int, int)
        Transformation and entity: what it took, what it made.
    crossed : set of (int, int)
        A resource of one workspace, and what another workspace read it as.
    began : set of (int, int)
        The writes that it began at.
    saw : set of (int, int, int, int)
        A read (transformation, resource), and the write (transformation, resource) that it saw.
    cut : bool
        Whether the depth ended the walk before the graph did.
    """

    took: set[Pair] = field(default_factory=set)
    made: set[Pair] = field(default_factory=set)
    crossed: set[Pair] = field(default_factory=set)
    began: set[Pair] = field(default_factory=set)
    saw: set[tuple[int, int, int, int]] = field(default_factory=set)
    cut: bool = False

    @property
    def transformations(self) -> set[int]:
        """Numbers of all transformations on the way."""
        return {number for number, _ in self.took | self.made}

    @property
    def entities(self) -> set[int]:
        """Numbers of everything that was taken or made."""
        return {entity for _, entity in self.took | self.made}


class _Near:
    """Rows of one table by number, fetched a neighbourhood at a time.

    What a path needs next mostly lies next to what it needed last, and one query costs as much as
    a few hundred rows: so a hop that stays near costs nothing, and one that scatters costs one
    query for all its numbers.
    """

    _ROOM = 512
    _SCATTERED = 3

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, table: str, key: str, rest: str
    ) -> None:
        self._connection = connection
        self._select = f"SELECT {key}, {rest} FROM base.{table} WHERE {key} BETWEEN ? AND ?"
        self._among = f" AND {key} IN (SELECT unnest(?::BIGINT[]))"
        self._loaded: set[int] = set()
        self._found: defaultdict[int, list[int]] = defaultdict(list)

    def rows(self, numbers: Iterable[int]) -> set[Pair]:
        """(key, rest) for each of `numbers`."""
        wanted = set(numbers)
        missing = {number // self._ROOM for number in wanted} - self._loaded
        found: set[Pair] = set()
        if len(missing) > self._SCATTERED:
            far = [number for number in wanted if number // self._ROOM in missing]
            found.update(
                self._connection.execute(
                    self._select + self._among, [min(far), max(far), far]
                ).fetchall()
            )
            wanted.difference_update(far)
        else:
            for place in missing:
                self._load(place)
        found.update((number, other) for number in wanted for other in self._found.get(number, ()))
        return found

    def _load(self, place: int) -> None:
        self._loaded.add(place)
        first = place * self._ROOM
        for number, other in self._connection.execute(
            self._select, [first, first + self._ROOM - 1]
        ).fetchall():
            self._found[number].append(other)


def _swapped(pairs: set[Pair]) -> set[Pair]:
    return {(second, first) for first, second in pairs}


def upstream(
    connection: duckdb.DuckDBPyConnection, writes: set[Pair], depth: int | None = None
) -> Walk:
    """Everything that what was written in `writes` (transformation, resource) goes back to."""
    walk = Walk(made=set(writes), began=set(writes))
    walk.cut = _follow(
        connection,
        ("uses", "reads", "makes"),
        walk.took,
        walk.made,
        partial(_seen_writes, walk=walk),
        depth,
    )
    return walk


def downstream(
    connection: duckdb.DuckDBPyConnection, reads: set[Pair], depth: int | None = None
) -> Walk:
    """Everything that came of what was read in `reads` (transformation, resource)."""
    walk = Walk(took=set(reads))
    walk.cut = _follow(
        connection,
        ("makes", "writes", "uses"),
        walk.made,
        walk.took,
        partial(_later_reads, walk=walk),
        depth,
    )
    return walk


def _follow(
    connection: duckdb.DuckDBPyConnection,
    tables: tuple[str, str, str],
    near: set[Pair],
    far: set[Pair],
    beyond: Callable[[duckdb.DuckDBPyConnection, set[Pair]], set[Pair]],
    depth: int | None,
) -> bool:
    """Go from transformation to transformation, one hop after the other.

    Parameters
    ----------
    tables : tuple of str
        What joins a transformation to things in memory and to resources on the way, and things
        in memory to the next transformations.
    near, far : set of (transformation, thing)
        What is found on the side of the way and on the other; `far` begins with the start.
    beyond : callable
        Next (transformation, resource) pairs of the resources found, through time.

    Returns
    -------
    bool
        Whether `depth` ended it.
    """
    inside = _Near(connection, tables[0], "transformation_no", "entity_no")
    outside = _Near(connection, tables[1], "transformation_no", "entity_no")
    onward = _Near(connection, tables[2], "entity_no", "transformation_no")
    frontier = {number for number, _ in far}
    seen: set[int] = set()
    done: set[int] = set()
    hops = 0
    while frontier:
        if depth is not None and hops == depth:
            return True
        hops += 1
        done |= frontier
        things, resources = inside.rows(frontier), outside.rows(frontier)
        near |= things | resources
        fresh = {entity for _, entity in things} - seen
        seen |= fresh
        reached = _swapped(onward.rows(fresh)) | beyond(connection, resources)
        far |= reached
        frontier = {number for number, _ in reached} - done
    return False


def _seen_writes(connection: duckdb.DuckDBPyConnection, reads: set[Pair], walk: Walk) -> set[Pair]:
    """The writes (transformation, resource) that some reads saw."""
    if not reads:
        return set()
    condition, values = among("read_no", {number for number, _ in reads})
    rows = connection.execute(
        f"SELECT read_no, entity_no, write_no, source_no FROM base.links WHERE {condition}", values
    ).fetchall()
    seen = {row for row in rows if (row[0], row[1]) in reads}
    walk.saw |= seen
    walk.crossed |= {(source, entity) for _, entity, _, source in seen if source != entity}
    return {(write, source) for _, _, write, source in seen}


def _later_reads(connection: duckdb.DuckDBPyConnection, writes: set[Pair], walk: Walk) -> set[Pair]:
    """The reads (transformation, resource) that saw some writes."""
    if not writes:
        return set()
    condition, values = among("write_no", {number for number, _ in writes})
    rows = connection.execute(
        f"SELECT read_no, entity_no, write_no, source_no FROM base.links WHERE {condition}", values
    ).fetchall()
    seeing = {row for row in rows if (row[2], row[3]) in writes}
    walk.saw |= seeing
    walk.crossed |= {(source, entity) for _, entity, _, source in seeing if source != entity}
    return {(read, entity) for read, entity, _, _ in seeing}
