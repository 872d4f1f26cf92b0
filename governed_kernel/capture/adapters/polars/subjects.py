"""What polars' rules work on: frames, series, and plans for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl
from polars.dataframe.group_by import DynamicGroupBy, GroupBy, RollingGroupBy
from polars.lazyframe.group_by import LazyGroupBy

from governed_kernel.capture.adapters.polars.evaluation import Beginnings, evaluate
from governed_kernel.capture.adapters.polars.leaves import (
    Lazy,
    Leaf,
    Leaves,
    Memories,
    leaf_of,
    memories,
)
from governed_kernel.capture.adapters.polars.origins import Table, leaf_table, links_of, united
from governed_kernel.capture.adapters.polars.plans import Plan, Scan
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed
from governed_kernel.capture.registry import Node, identity
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.steps import MOST_EDGES, Step
from governed_kernel.capture.uris import path_of
from governed_kernel.lineage.events import Evidence

__all__ = ["GROUPS", "LAZY", "MARKS", "UNKNOWN", "Work", "look", "size", "things_in"]

GROUPS = (GroupBy, RollingGroupBy, DynamicGroupBy)
"""Frames that are about to be grouped."""
LAZY = (pl.LazyFrame, LazyGroupBy)
"""What holds a plan."""
MARKS = {"join_where": "unequal", "top_k": "top", "bottom_k": "top"}
"""What a plan does not say of the methods that made it: see `leaves.Lazy`."""
_THINGS = (pl.DataFrame, pl.Series, *LAZY)
_PLAIN = frozenset((pl.Expr, str, bool, type(None)))
_MOST_THINGS = 200


def look(thing: Any) -> tuple[str, tuple[str, ...]] | None:
    """Kind and columns of what can be followed; None for everything else."""
    if isinstance(thing, pl.DataFrame):
        return "frame", tuple(thing._df.columns())
    if isinstance(thing, pl.Series):
        return "series", (thing._s.name(),)
    return None


def size(thing: Any) -> int:
    """Number of rows, -1 for what has none."""
    return len(thing) if isinstance(thing, (pl.DataFrame, pl.Series)) else -1


def things_in(values: Iterable[Any]) -> list[Any]:
    """Everything in arguments that can be followed, also in lists and dictionaries."""
    found: list[Any] = []
    for value in values:
        if type(value) in _PLAIN:
            continue
        if isinstance(value, _THINGS):
            found.append(value)
        elif isinstance(value, (list, tuple)):
            if value:
                found += things_in(value[:_MOST_THINGS])
        elif isinstance(value, dict):
            if value:
                found += things_in(list(value.values())[:_MOST_THINGS])
        elif isinstance(value, GROUPS):
            found.append(value.df)
    return found


UNKNOWN = Lazy((), frozenset(("files",)))


class Work(Step):
    """A step whose things are polars' own."""

    __slots__ = ("memory",)

    def __init__(self, observation: Observation, observed: Observed) -> None:
        super().__init__(observation, observed)
        self.memory: Memories = memories(observation)

    def of(self, thing: Any) -> Node | None:
        """The node of a frame or series, or of anything else that is known; else None."""
        seen = look(thing)
        if seen is not None:
            return self.node(thing, *seen)
        if thing is None or isinstance(thing, (str, pl.Expr, *LAZY)):
            return None
        return self.observation.scalars.get(thing)

    def subject(self) -> Node | None:
        """The node of ``self``, as it was before the call."""
        return self.of(self.observed.subject)

    def many(self, things: Iterable[Any]) -> list[Node]:
        """Nodes of the frames and series among the things."""
        found = [self.of(thing) for thing in things_in(things)]
        return [node for node in found if node is not None]

    def close(self, output: Any = None, *, rows_in: int = -1, extra: Any = None) -> None:
        """Finish with what the call made; a scalar ends the trail."""
        made = self.observed.result if output is None else output
        seen = look(made)
        if rows_in < 0:
            rows_in = size(self.observed.subject)
        if seen is None:
            value = made if self.links and not isinstance(made, (list, dict, tuple)) else None
            node = self.finish(value, "value", (VALUE,) if self.links else (), rows_in=rows_in)
            if made is None and self.links:
                self.observation.scalars.keep_nothing(node)
        else:
            self.finish(made, *seen, extra=extra, rows_in=rows_in, rows_out=size(made))

    # --- plans ------------------------------------------------------------------------------

    def lazy(self, things: Iterable[Any]) -> Lazy:
        """What a plan made of these things begins with, and what else is known of it."""
        leaves: list[Leaf] = []
        lazies: list[Lazy] = []
        for place, thing in enumerate(things_in(things)):
            if isinstance(thing, LAZY):
                known = self.memory.of(thing)
                if known is not None:  # a name's statement may have told of it as a whole
                    self.reached.add(identity(thing))
                lazy = known or UNKNOWN
                leaves += lazy.leaves
                lazies.append(lazy)
            elif isinstance(thing, pl.Series) and place:
                continue  # part of an expression, where it is no frame
            elif (node := self.of(thing)) is not None:
                leaves.append(leaf_of(node, thing))
        if not lazies:
            return Lazy(tuple(leaves))
        if len(lazies) == 1:
            return lazies[0]._replace(leaves=tuple(leaves))
        marks = frozenset[str]().union(*[lazy.marks for lazy in lazies])
        sources = tuple([source for lazy in lazies for source in lazy.sources])
        scanned = tuple(dict.fromkeys([path for lazy in lazies for path in lazy.scanned]))
        turns = frozenset[int]().union(*[lazy.turns for lazy in lazies])
        return Lazy(tuple(leaves), marks, sources, scanned, turns)

    def follow(self, plan: Plan, lazy: Lazy) -> Table:
        """What the columns that a plan makes owe to what it began with; counts that as inputs."""
        leaves = Leaves(self.memory, lazy, plan.frames)

        def frame(place: int, native: Any) -> Table:
            nodes, columns = leaves.of(place, native), leaves.columns[place]
            if len(nodes) == 1:
                return self.memory.table_of(self.take(nodes[0]), columns)
            if not nodes:
                # Made where nobody looked, and gone since.
                nodes = [Node(self.observation.new_entity(), "frame", tuple(columns))]
            return _either([leaf_table(self.take(node), columns) for node in nodes], columns)

        def literal(native: Any) -> list[tuple[Node, Evidence]]:
            if type(native).__name__ == "PySeries":
                known = self.memory.of_literal(native)
                return [] if known is None else [(self.take(known), "observed")]
            found = self.memory.numbers.of(native, lazy.turns)
            return [(self.take(node), sure) for node, sure in found]

        def functions(columns: Iterable[str] | None) -> list[Node]:
            return [self.take(node) for node in self.memory.of_functions(columns)]

        made = evaluate(plan, Beginnings(self._scanned, frame, literal, functions, lazy.marks))
        if not lazy.turns:
            self.memory.numbers.taken(lazy.turns)
        return made

    def _scanned(self, scan: Scan) -> Table:
        """The files of a scan; several are first read into something that has its own name."""
        uris = [uri for path in scan.paths if (uri := path_of(path)) is not None]
        if not uris:
            return Table({column: {} for column in scan.columns})  # a buffer
        if len(uris) == 1:
            node = self.external(uris[0], scan.columns)
        else:
            node = self.take(read_files(self.observation, self.observed, scan, uris))
        table = leaf_table(node, scan.columns)
        # Of a struct in a file nothing more is to be known than the struct.
        table.fields = {
            name: {"*": {(node.entity, name, "TRANSFORMATION"): "observed"}}
            for name in scan.structs
        }
        return table

    def owe(self, table: Table, columns: tuple[str, ...]) -> None:
        """Let these columns owe to what they do in a table."""
        known = [self.memory.tables.get(entity) for entity in self.inputs]
        self.links += links_of(table, columns, [leaf for leaf in known if leaf is not None])
        self.rows += [(*source, evidence) for source, evidence in table.rows.items()]


def _either(tables: list[Table], columns: Iterable[str]) -> Table:
    """A table that may be any of several."""
    from governed_kernel.capture.adapters.polars.origins import through

    made = {
        column: united(
            *[through("IDENTITY", table.columns[column], "conservative") for table in tables]
        )
        for column in columns
    }
    inherited = united(*[through("IDENTITY", table.inherited, "conservative") for table in tables])
    return Table(made, None, inherited)


def read_files(observation: Observation, observed: Observed, scan: Scan, uris: list[str]) -> Node:
    """The step from files to a frame; the same one when they are read again in a cell."""
    step = Step(observation, observed)
    step.operation = f"polars.scan_{scan.kind}"
    columns = scan.columns
    if len(uris) * len(columns) > MOST_EDGES:
        # So many files are one dataset: the folder that they lie in.
        step.same(step.external(common_folder(uris), columns, "folder"))
    else:
        for uri in uris:
            step.same(step.external(uri, columns))
    step.facts["files"] = len(uris)
    return step.finish(None, "frame", columns, patient=True)


def common_folder(uris: list[str]) -> str:
    """The innermost folder that all lie in."""
    first, last = min(uris), max(uris)
    length = next(
        (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    return first[: first.rindex("/", 0, length) + 1]
