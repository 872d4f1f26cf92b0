"""Goes through a plan from its beginnings to its end: what its columns owe to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from governed_kernel.capture.adapters.polars.expressions import Expressions, Value, field_of
from governed_kernel.capture.adapters.polars.joins import joined, side_by_side
from governed_kernel.capture.adapters.polars.numbers import rows_key
from governed_kernel.capture.adapters.polars.origins import (
    Origins,
    Table,
    anything_of,
    through,
    united,
)
from governed_kernel.capture.adapters.polars.plans import Plan, PlanStep, Scan
from governed_kernel.capture.adapters.polars.store import HIDDEN
from governed_kernel.capture.registry import Node
from governed_kernel.lineage.events import Evidence, Relation

__all__ = ["Beginnings", "evaluate"]

_INTERNAL = "__POLARS_INTERNAL"
_WIDENING = 1
"""How polars marks the casts that it adds where frames of different types are put together."""


class Beginnings(NamedTuple):
    """Where the beginnings of a plan lead: asked while it is evaluated."""

    scan: Callable[[Scan], Table]
    frame: Callable[[int, Any], Table]
    """Takes the place among the plan's frames and the (native) frame."""
    literal: Callable[[Any], list[tuple[Node, Evidence]]]
    functions: Callable[[Iterable[str] | None], list[Node]]
    """What the user's functions of some columns, or of whole frames, may use besides."""
    marks: frozenset[str] = frozenset()
    """What the plan itself does not say: see `leaves.Lazy`."""


def evaluate(plan: Plan, beginnings: Beginnings) -> Table:
    """What the columns that come out of a plan owe to what it begins with."""
    return _Evaluation(plan, beginnings).table(plan.written())


class _Evaluation:
    """Goes through a plan from its beginnings to its end."""

    def __init__(self, plan: Plan, beginnings: Beginnings) -> None:
        self._plan = plan
        self._traverser = plan.traverser
        self._beginnings = beginnings
        self._done: dict[int, Table] = {}
        self._scans = {scan.place: scan for scan in plan.scans}
        self._expressions = Expressions(
            plan.traverser, beginnings.literal, plan.roots, beginnings.functions
        )

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
            reader = _READERS.get(type(step.view).__name__)
            made = reader(self, step, tables) if reader is not None else None
            done[place] = made if made is not None else self._anything(step, tables)
        return done[root]

    def _names(self) -> list[str]:
        return list(self._traverser.get_schema())

    def _value(self, expression: Any, table: Table, relation: Relation) -> Origins:
        """Rows decided by an expression."""
        value = self._expressions.value(expression.node, table)
        own = bool(self._expressions.store.columns(expression.node))
        return table.decided(relation, value.origins, own=own)

    def _anything(self, step: PlanStep, tables: list[Table]) -> Table:
        """What polars does not show: every column may owe to every column."""
        relation: Relation = "TRANSFORMATION"
        names = self._names()
        columns: dict[str, Origins] = {}
        rows: Origins = {}
        enclosed = [anything_of(node) for node in self._beginnings.functions(None)]
        everything = united(*[united(table.every(), table.rows) for table in tables], *enclosed)
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

    def _scan(self, step: PlanStep) -> Table:
        table = self._beginnings.scan(self._scans[step.place])
        columns = {name: table.columns.get(name, {}) for name in self._names()}
        return Table(columns, table.rows, table.inherited, table.fields)

    def _frame(self, step: PlanStep, _tables: list[Table]) -> Table:
        number = self._plan.frame_places[step.place]
        return self._beginnings.frame(number, self._plan.frames[number])

    # --- rows -------------------------------------------------------------------------------

    def _filter(self, step: PlanStep, tables: list[Table]) -> Table:
        (table,) = tables
        value = self._expressions.value(step.view.predicate.node, table)
        if value.foreign:
            # A mask from outside polars, perhaps made of this very frame.
            origins = through("FILTER", table.every(), "conservative")
            return table.with_rows(table.decided("FILTER", origins))
        below = self._plan.steps[step.inputs[0]]
        view: Any = below.view
        crossed = type(view).__name__ == "Join" and not view.left_on and view.predicate is None
        if crossed and "unequal" in self._beginnings.marks:
            return self._meet(step, below, table)
        return table.with_rows(self._value(step.view.predicate, table, "FILTER"))

    def _meet(self, step: PlanStep, below: PlanStep, table: Table) -> Table:
        """A join on conditions: those that speak of both sides decide which rows meet."""
        left, rows = set(self._done[below.inputs[0]].columns), Origins()
        for condition in self._expressions.store.conditions(step.view.predicate.node):
            value = self._expressions.value(condition, table)
            names = self._expressions.store.columns(condition)
            relation: Relation = "JOIN" if names & left and names - left else "FILTER"
            rows = united(rows, table.decided(relation, value.origins))
        return table.with_rows(rows)

    def _sort(self, step: PlanStep, tables: list[Table]) -> Table:
        (table,) = tables
        rows = [self._value(key, table, "SORT") for key in step.view.by_column]
        return table.with_rows(united(*rows))

    def _slice(self, step: PlanStep, tables: list[Table]) -> Table:
        table, below = tables[0], self._plan.steps[step.inputs[0]]
        for number in (step.view.offset, step.view.len):
            for node, sure in self._beginnings.literal(rows_key(number)):
                owed: Origins = {
                    (node.entity, each, "FILTER"): sure for each in node.columns or ("*",)
                }
                table = table.with_rows(owed)
        if "top" not in self._beginnings.marks or type(below.view).__name__ != "Sort":
            return table
        if not all(below.view.sort_options[1]):
            return table  # an order by itself puts what is missing first
        sorted_by = self._done[below.inputs[0]]
        rows = [self._value(key, sorted_by, "FILTER") for key in below.view.by_column]
        return table.with_rows(united(*rows))

    def _distinct(self, step: PlanStep, tables: list[Table]) -> Table:
        (table,) = tables
        subset = step.view.options[1]
        return table.with_rows(table.decided("FILTER", table.every(subset), own=True))

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
            columns[name] = origins or self._bare(expression, table)
            fields.pop(name, None)
            if value.fields is not None:
                fields[name] = value.fields
        return table.with_columns(columns, fields)

    def _bare(self, expression: Any, table: Table) -> Origins:
        """What owes to nothing: a column of the table as it is, or one that is new."""
        names = self._expressions.store.columns(expression.node)
        return table.columns.get(next(iter(names)), {}) if len(names) == 1 else {}

    def _add(self, step: PlanStep, tables: list[Table]) -> Table:
        return self._select(step.view.exprs, tables[0], tables[0].columns)

    def _project(self, _step: PlanStep, tables: list[Table]) -> Table:
        (table,) = tables
        columns = {name: table.columns.get(name, {}) for name in self._names()}
        return table.with_columns(columns, table.fields)

    def _group(self, step: PlanStep, tables: list[Table]) -> Table:
        (table,), view = tables, step.view
        columns: dict[str, Origins] = {}
        fields: dict[str, dict[str, Origins]] = {}
        rows: Origins = {}
        for key in view.keys:
            value = self._expressions.value(key.node, table)
            columns[str(key.output_name)] = value.origins
            rows = united(rows, self._value(key, table, "GROUP_BY"))
        window = view.options.dynamic or view.options.rolling
        if window is not None:
            index = table.columns.get(window.index_column, {})
            labels: Relation = "TRANSFORMATION" if view.options.dynamic else "IDENTITY"
            word: Relation = "GROUP_BY" if view.options.dynamic else "WINDOW"
            rows = united(rows, table.decided(word, index))
            for name in (window.index_column, "_lower_boundary", "_upper_boundary"):
                columns[name] = through(labels, index)
        self._expressions.across = {}
        for aggregate in view.aggs:
            value = self._expressions.value_of_group(aggregate.node, table)
            columns[str(aggregate.output_name)] = value.origins
            if value.fields is not None:
                fields[str(aggregate.output_name)] = value.fields
        names = self._names()
        rows = united(rows, self._expressions.across)
        return table.with_columns({name: columns.get(name, {}) for name in names}, fields, rows)

    def _map(self, step: PlanStep, tables: list[Table]) -> Table | None:
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

    def _unnested(self, step: PlanStep, table: Table, details: list[Any]) -> dict[str, Origins]:
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

    def _join(self, step: PlanStep, tables: list[Table]) -> Table | None:
        left, right = tables
        return joined(step.view, left, right, self._expressions, self._names())

    def _union(self, step: PlanStep, tables: list[Table]) -> Table:
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
            except HIDDEN:
                return table
            widens = type(cast).__name__ == "Cast" and cast.options == _WIDENING
            if not widens or getattr(inner, "name", None) != name:
                return table
            columns[name] = before.columns[name]
        return Table(columns, table.rows, table.inherited, table.fields)

    def _merge_sorted(self, step: PlanStep, tables: list[Table]) -> Table:
        made = self._union(step, tables)
        keys = step.view.key
        keys = keys if isinstance(keys, (list, tuple)) else [keys]
        return made.with_rows(made.decided("SORT", made.every(keys)))


def _same(_evaluation: _Evaluation, _step: PlanStep, tables: list[Table]) -> Table:
    return tables[0]


_READERS: dict[str, Callable[[_Evaluation, PlanStep, list[Table]], Table | None]] = {
    "DataFrameScan": _Evaluation._frame,
    "Filter": _Evaluation._filter,
    "Select": lambda self, step, tables: self._select(step.view.expr, tables[0], {}),
    "Reduce": lambda self, step, tables: self._select(step.view.exprs, tables[0], {}),
    "HStack": _Evaluation._add,
    "SimpleProjection": _Evaluation._project,
    "Sort": _Evaluation._sort,
    "Slice": _Evaluation._slice,
    "Cache": _same,
    "Sink": _same,
    "Distinct": _Evaluation._distinct,
    "GroupBy": _Evaluation._group,
    "Join": _Evaluation._join,
    "Union": _Evaluation._union,
    "HConcat": lambda self, _step, tables: side_by_side(tables, self._names()),
    "MergeSorted": _Evaluation._merge_sorted,
    "MapFunction": _Evaluation._map,
}
