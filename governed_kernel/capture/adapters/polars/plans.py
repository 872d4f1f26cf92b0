"""Reads a plan: which files and frames it begins with, and what its columns owe to them.

polars shows its plans to its GPU engine, step by step, with every name resolved and every path
found. This reads the same view of the plan as it was written, before anything is optimised away:
a sort that the optimiser drops is still part of what the user asked for.
"""

from __future__ import annotations

import glob
import io
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from governed_kernel.capture.adapters.polars.expressions import Expressions, Value, field_of
from governed_kernel.capture.adapters.polars.joins import joined, side_by_side
from governed_kernel.capture.adapters.polars.origins import Origins, Table, through, united
from governed_kernel.capture.registry import Node
from governed_kernel.capture.uris import is_url
from governed_kernel.lineage.events import Relation

__all__ = ["Beginnings", "Plan", "Scan", "Target", "files_of", "has_buffers", "named"]

_VIEW = 16
"""The version of polars' view that this was written for."""
_TICK = 20_000_000
"""How coarse the clocks of file systems are, in nanoseconds."""
_INTERNAL = "__POLARS_INTERNAL"
_WIDENING = 1
"""How polars marks the casts that it adds where frames of different types are put together."""


class Scan(NamedTuple):
    """Files that a plan reads.

    Attributes
    ----------
    place : int
        The step.
    kind : str
        ``parquet``, ``csv`` …
    paths : tuple of str
        Every file, found by polars itself.
    columns : tuple of str
        Columns that come from the files.
    structs : tuple of str
        Those of them that are structs.
    """

    place: int
    kind: str
    paths: tuple[str, ...]
    columns: tuple[str, ...]
    structs: tuple[str, ...]


class Target(NamedTuple):
    """A file, or a folder of parts, that a plan writes."""

    kind: str
    path: str
    parts: bool

    def files(self, since: int) -> list[str]:
        """The files that were written there since a moment (in nanoseconds)."""
        if not self.parts:
            return [self.path]
        found = (each for each in Path(self.path).rglob("*") if each.is_file())
        return sorted(str(each) for each in found if each.stat().st_mtime_ns >= since - _TICK)


class Beginnings(NamedTuple):
    """Where the beginnings of a plan lead: asked while it is evaluated."""

    scan: Callable[[Scan], Table]
    frame: Callable[[int, Any], Table]
    """Takes the place among the plan's frames and the (native) frame."""
    literal: Callable[[Any], Node | None]
    marks: frozenset[str] = frozenset()
    """What the plan itself does not say: see `leaves.Lazy`."""


class _Step(NamedTuple):
    place: int
    view: Any
    """None when polars does not show it."""
    inputs: tuple[int, ...]


class Plan:
    """One plan as polars shows it.

    Parameters
    ----------
    ldf : PyLazyFrame
        The native part of a lazy frame. Files' headers are read to know their columns, once: what
        polars finds out here it does not look up again when it runs the plan.
    sources : sequence of tuple of str
        What the scans read that polars does not show, in the order of the plan.

    Raises
    ------
    polars.exceptions.PolarsError
        The plan is wrong; running it will say so to the user.
    NotImplementedError
        This polars shows its plans in another way.
    """

    def __init__(self, ldf: Any, sources: Sequence[tuple[str, ...]] = ()) -> None:
        self.since = time.time_ns()
        self._sources = list(sources)
        self.traverser = _traverser(ldf)
        if self.traverser.version()[0] != _VIEW:
            raise NotImplementedError(f"plans of version {self.traverser.version()}")
        self.root = self.traverser.get_node()
        self.steps: dict[int, _Step] = {}
        self.frames: list[Any] = []
        self.scans: list[Scan] = []
        self.targets: list[Target] = []
        self._frame_places: dict[int, int] = {}
        self._read()

    def _read(self) -> None:
        """Look at every step, inputs in their order."""
        todo = [self.root]
        while todo:
            place = todo.pop()
            if place in self.steps:
                continue
            self.traverser.set_node(place)
            try:
                view = self.traverser.view_current_node()
            except (NotImplementedError, ValueError):
                view = None
            inputs = tuple(self.traverser.get_inputs())
            self.steps[place] = _Step(place, view, inputs)
            todo += reversed(inputs)
            kind = type(view).__name__
            if view is None and not inputs:
                sources = self._sources.pop(0) if self._sources else ()
                paths = [path for source in sources for path in files_of(source)]
                self.scans.append(self._scan_of(place, "ipc", paths))
            elif kind == "DataFrameScan":
                self._frame_places[place] = len(self.frames)
                self.frames.append(view.df)
            elif kind == "Scan":
                self.scans.append(self._scan(place, view))
            elif kind == "PythonScan":
                self.scans.append(self._dataset(place, view))
            elif kind == "Sink" and (target := _target(view)) is not None:
                self.targets.append(target)

    def _scan(self, place: int, view: Any) -> Scan:
        options = view.file_options
        row_index = getattr(options, "row_index", None)
        added = {options.include_file_paths, row_index[0] if row_index else None}
        return self._scan_of(place, str(view.scan_type[0]), map(str, view.paths), added)

    def _dataset(self, place: int, view: Any) -> Scan:
        """A scan by a Python function: of a pyarrow dataset the files are known."""
        function = view.options[0]
        paths: list[str] = []
        for thing in getattr(function, "args", ()):
            files = getattr(thing, "files", None)
            if isinstance(files, list):
                paths += [path for path in files if isinstance(path, str)]
        return self._scan_of(place, "python", paths)

    def _scan_of(
        self, place: int, kind: str, paths: Iterable[str], added: Collection[str | None] = ()
    ) -> Scan:
        schema = self.traverser.get_schema()
        names = tuple(name for name in schema if name not in added)
        structs = tuple(name for name in names if isinstance(schema[name], pl.Struct))
        return Scan(place, kind, tuple(paths), names, structs)

    def roots(self) -> Iterator[int]:
        """Every expression of the plan that is no part of another."""
        before = self.traverser.get_node()
        for place in self.steps:
            self.traverser.set_node(place)
            for expression in self.traverser.get_exprs():
                yield expression.node
        self.traverser.set_node(before)

    def written(self) -> int:
        """The step whose columns come out, or are written."""
        step = self.steps[self.root]
        return step.inputs[0] if type(step.view).__name__ == "Sink" else self.root

    def columns(self) -> tuple[str, ...]:
        """The columns that come out, or are written."""
        self.traverser.set_node(self.written())
        return tuple(self.traverser.get_schema())

    def evaluate(self, beginnings: Beginnings) -> Table:
        """What the columns that come out owe to what the plan begins with."""
        return _Evaluation(self, beginnings).table(self.written())

    def table_of_frame(self, place: int, beginnings: Beginnings) -> Table:
        """The frame that a step begins with."""
        number = self._frame_places[place]
        return beginnings.frame(number, self.frames[number])


def named(source: Any) -> Iterator[str]:
    """All that an argument names: files, folders, patterns, URLs, and files that are open."""
    if isinstance(source, (list, tuple)):
        for each in source:
            yield from named(each)
        return
    if isinstance(source, io.IOBase):
        source = getattr(source, "name", None)
        source = source if isinstance(source, str) and Path(source).is_file() else None
    if isinstance(source, (str, os.PathLike)) and isinstance(os.fspath(source), str):
        yield os.fspath(source)


def has_buffers(source: Any) -> bool:
    """Whether an argument is, or has among its parts, an open file or bytes."""
    if isinstance(source, (list, tuple)):
        return any(map(has_buffers, source))
    return isinstance(source, (io.IOBase, bytes))


def files_of(source: str) -> list[str]:
    """The files that polars finds by a path, a folder or a pattern."""
    if is_url(source):
        return [source]
    path = Path(source).expanduser()
    if path.is_dir():
        return sorted(str(each) for each in path.rglob("*") if each.is_file())
    if path.is_file():
        return [source]
    return sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - patterns are absolute too


def _traverser(ldf: Any) -> Any:
    """The view of a plan; without the casts that polars adds where types differ, if it can be."""
    try:
        return ldf.with_optimizations(_flags(coercion=False)).visit()
    except pl.exceptions.PolarsError:
        return ldf.with_optimizations(_flags(coercion=True)).visit()


def _flags(*, coercion: bool) -> Any:
    found = _known_flags.get(coercion)
    if found is None:
        found = pl.QueryOptFlags.none()._pyoptflags
        found.type_coercion = coercion
        _known_flags[coercion] = found
    return found


_known_flags: dict[bool, Any] = {}


def _target(view: Any) -> Target | None:
    """What a step writes to; None for a function that takes batches."""
    payload = json.loads(view.payload)
    if "File" in payload:
        told, path = payload["File"], payload["File"]["target"].get("inner")
    elif "Partitioned" in payload:
        told, path = payload["Partitioned"], payload["Partitioned"]["base_path"].get("inner")
    else:
        return None
    if not isinstance(path, str):
        return None
    (kind,) = told["file_format"] if isinstance(told["file_format"], dict) else ("file",)
    return Target(kind.lower(), path, "Partitioned" in payload)


class _Evaluation:
    """Goes through a plan from its beginnings to its end."""

    def __init__(self, plan: Plan, beginnings: Beginnings) -> None:
        self._plan = plan
        self._traverser = plan.traverser
        self._beginnings = beginnings
        self._done: dict[int, Table] = {}
        self._scans = {scan.place: scan for scan in plan.scans}
        self._expressions = Expressions(plan.traverser, beginnings.literal, plan.roots)
        self._steps: dict[str, Callable[[_Step, list[Table]], Table | None]] = {
            "DataFrameScan": lambda step, _: plan.table_of_frame(step.place, beginnings),
            "Filter": self._filter,
            "Select": lambda step, tables: self._select(step.view.expr, tables[0], {}),
            "Reduce": lambda step, tables: self._select(step.view.exprs, tables[0], {}),
            "HStack": self._add,
            "SimpleProjection": self._project,
            "Sort": self._sort,
            "Slice": self._slice,
            "Cache": lambda _, tables: tables[0],
            "Sink": lambda _, tables: tables[0],
            "Distinct": self._distinct,
            "GroupBy": self._group,
            "Join": self._join,
            "Union": self._union,
            "HConcat": lambda _, tables: side_by_side(tables, self._names()),
            "MergeSorted": self._merge_sorted,
            "MapFunction": self._map,
        }

    def table(self, root: int) -> Table:
        """The table that a step makes; plans are deep, so this does not call itself."""
        done = self._done
        todo = [(root, False)]
        while todo:
            place, ready = todo.pop()
            step = self._plan.steps[place]
            if place in done:
                continue
            if not ready:
                todo.append((place, True))
                todo += [(each, False) for each in step.inputs if each not in done]
                continue
            tables = [done[each] for each in step.inputs]
            self._traverser.set_node(place)
            if place in self._scans:
                done[place] = self._scan(step)
                continue
            self._expressions.frame = step.inputs[0] if step.inputs else place
            reader = self._steps.get(type(step.view).__name__)
            made = reader(step, tables) if reader is not None else None
            done[place] = made if made is not None else self._anything(step, tables)
        return done[root]

    def _names(self) -> list[str]:
        return list(self._traverser.get_schema())

    def _value(self, expression: Any, table: Table, relation: Relation) -> Origins:
        """Rows decided by an expression."""
        value = self._expressions.value(expression.node, table)
        return table.decided(relation, value.origins)

    def _anything(self, step: _Step, tables: list[Table]) -> Table:
        """What polars does not show: every column may owe to every column."""
        relation: Relation = "TRANSFORMATION"
        names = self._names()
        columns: dict[str, Origins] = {}
        rows: Origins = {}
        everything = united(*[united(table.every(), table.rows) for table in tables])
        if step.view is None and (keys := self._traverser.get_exprs()):
            # A user's function over groups.
            relation = "AGGREGATION"
            for key in keys:
                value = self._expressions.value(key.node, tables[0])
                rows = united(rows, tables[0].decided("GROUP_BY", value.origins))
                if key.output_name in names:
                    columns[key.output_name] = value.origins
        may_be = through(relation, everything, "conservative")
        made = {name: columns.get(name, may_be) for name in names}
        inherited = united(rows, *[table.inherited for table in tables])
        return Table(made, rows, inherited)

    # --- beginnings -------------------------------------------------------------------------

    def _scan(self, step: _Step) -> Table:
        table = self._beginnings.scan(self._scans[step.place])
        columns = {name: table.columns.get(name, {}) for name in self._names()}
        return Table(columns, table.rows, table.inherited, table.fields)

    # --- rows -------------------------------------------------------------------------------

    def _filter(self, step: _Step, tables: list[Table]) -> Table:
        (table,) = tables
        value = self._expressions.value(step.view.predicate.node, table)
        if value.foreign:
            # A mask from outside polars, perhaps made of this very frame.
            origins = through("FILTER", table.every(), "conservative")
            return table.with_rows(table.decided("FILTER", origins))
        relation: Relation = "FILTER"
        below = self._plan.steps[step.inputs[0]].view
        if (
            "unequal" in self._beginnings.marks
            and type(below).__name__ == "Join"
            and not below.left_on
        ):
            relation = "JOIN"
        return table.with_rows(table.decided(relation, value.origins))

    def _sort(self, step: _Step, tables: list[Table]) -> Table:
        (table,) = tables
        rows = [self._value(key, table, "SORT") for key in step.view.by_column]
        return table.with_rows(united(*rows))

    def _slice(self, step: _Step, tables: list[Table]) -> Table:
        (table,), below = tables, self._plan.steps[step.inputs[0]]
        if "top" not in self._beginnings.marks or type(below.view).__name__ != "Sort":
            return table
        sorted_by = self._done[below.inputs[0]]
        rows = [self._value(key, sorted_by, "FILTER") for key in below.view.by_column]
        return table.with_rows(united(*rows))

    def _distinct(self, step: _Step, tables: list[Table]) -> Table:
        (table,) = tables
        subset = step.view.options[1]
        return table.with_rows(table.decided("FILTER", table.every(subset)))

    # --- columns ----------------------------------------------------------------------------

    def _select(self, expressions: Iterable[Any], table: Table, kept: dict[str, Origins]) -> Table:
        columns, fields = dict(kept), {n: f for n, f in table.fields.items() if n in kept}
        for expression in expressions:
            name = str(expression.output_name)
            value = self._expressions.value(expression.node, table)
            origins = value.origins
            if value.foreign and not origins:
                # Values from outside polars, perhaps made of this very frame.
                origins = through("TRANSFORMATION", table.every(), "conservative")
            if name.startswith(_INTERNAL):
                continue
            columns[name] = origins
            fields.pop(name, None)
            if value.fields is not None:
                fields[name] = value.fields
        return table.with_columns(columns, fields)

    def _add(self, step: _Step, tables: list[Table]) -> Table:
        return self._select(step.view.exprs, tables[0], tables[0].columns)

    def _project(self, _step: _Step, tables: list[Table]) -> Table:
        (table,) = tables
        columns = {name: table.columns.get(name, {}) for name in self._names()}
        return table.with_columns(columns, table.fields)

    def _group(self, step: _Step, tables: list[Table]) -> Table:
        (table,), view = tables, step.view
        columns: dict[str, Origins] = {}
        fields: dict[str, dict[str, Origins]] = {}
        rows: Origins = {}
        for key in view.keys:
            value = self._expressions.value(key.node, table)
            columns[str(key.output_name)] = value.origins
            rows = united(rows, table.decided("GROUP_BY", value.origins))
        window = view.options.dynamic or view.options.rolling
        if window is not None:
            index = table.columns.get(window.index_column, {})
            rows = united(rows, table.decided("WINDOW", index))
            labels: Relation = "TRANSFORMATION" if view.options.dynamic else "IDENTITY"
            for name in (window.index_column, "_lower_boundary", "_upper_boundary"):
                columns[name] = through(labels, index)
        for aggregate in view.aggs:
            value = self._expressions.value_of_group(aggregate.node, table)
            columns[str(aggregate.output_name)] = value.origins
            if value.fields is not None:
                fields[str(aggregate.output_name)] = value.fields
        names = self._names()
        return table.with_columns({name: columns.get(name, {}) for name in names}, fields, rows)

    def _map(self, step: _Step, tables: list[Table]) -> Table | None:
        (table,), (kind, *details) = tables, step.view.function
        names = self._names()
        if kind == "explode":
            changed = {name: through("TRANSFORMATION", table.columns[name]) for name in details[0]}
            return table.with_columns({**table.columns, **changed})
        if kind == "unnest":
            return table.with_columns(self._unnested(step, table, details))
        if kind == "unpivot":
            return self._unpivoted(table, details)
        if set(names) - set(table.columns) <= ({details[0]} if kind == "row_index" else set()):
            # Nothing but names, order or hints.
            columns = {name: table.columns.get(name, {}) for name in names}
            return table.with_columns(columns, table.fields)
        return None

    def _unnested(self, step: _Step, table: Table, details: list[Any]) -> dict[str, Origins]:
        columns = {name: o for name, o in table.columns.items() if name not in details[0]}
        names = self._names()
        self._traverser.set_node(step.inputs[0])
        schema = self._traverser.get_schema()
        separator = details[1] if len(details) > 1 else None
        for struct in details[0]:
            whole = Value(table.columns[struct], table.fields.get(struct))
            for field in schema[struct].fields:
                name = f"{struct}{separator}{field.name}" if separator else field.name
                columns[name] = field_of(whole, field.name)
        return {name: columns[name] for name in names}

    @staticmethod
    def _unpivoted(table: Table, details: list[Any]) -> Table:
        index, on, variable, value = details
        index = list(index or ())
        on = list(on) if on is not None else [name for name in table.columns if name not in index]
        columns = {name: table.columns[name] for name in index}
        return table.with_columns({**columns, str(variable): {}, str(value): table.every(on)})

    # --- several ----------------------------------------------------------------------------

    def _join(self, step: _Step, tables: list[Table]) -> Table | None:
        left, right = tables
        return joined(step.view, left, right, self._expressions, self._names())

    def _union(self, step: _Step, tables: list[Table]) -> Table:
        names = self._names()
        sources = [
            self._before_casts(place, table)
            for place, table in zip(step.inputs, tables, strict=True)
        ]
        columns = {name: united(*[table.full(name) for table in sources]) for name in names}
        return Table(columns, None, united(*[table.inherited for table in tables]))

    def _before_casts(self, place: int, table: Table) -> Table:
        """Values stay what they are when polars widens types to put frames under each other."""
        step = self._plan.steps[place]
        if type(step.view).__name__ != "HStack":
            return table
        before, columns = self._done[step.inputs[0]], dict(table.columns)
        for expression in step.view.exprs:
            name = str(expression.output_name)
            try:
                cast = self._traverser.view_expression(expression.node)
                inner = self._traverser.view_expression(getattr(cast, "expr", expression.node))
            except NotImplementedError:
                return table
            widens = type(cast).__name__ == "Cast" and cast.options == _WIDENING
            if not widens or getattr(inner, "name", None) != name:
                return table
            columns[name] = before.columns[name]
        return Table(columns, table.rows, table.inherited, table.fields)

    def _merge_sorted(self, step: _Step, tables: list[Table]) -> Table:
        made = self._union(step, tables)
        keys = step.view.key
        keys = keys if isinstance(keys, (list, tuple)) else [keys]
        return made.with_rows(made.decided("SORT", made.every(keys)))
