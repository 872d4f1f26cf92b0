"""What an expression of a plan owes to the columns of its frame.

The plan is read through the view that polars gives its GPU engine: selectors, wildcards, regular
expressions and names are resolved in it, and no data is copied. What the view does not show
(a user's function, ``list.eval``) is taken to owe to every column that lies below it in the
plan's store of expressions, where an expression directly follows its own inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from governed_kernel.capture.adapters.polars.origins import (
    Origins,
    Table,
    anything_of,
    through,
    united,
)
from governed_kernel.capture.adapters.polars.settings import settings_of
from governed_kernel.capture.adapters.polars.store import AND, HIDDEN, ExpressionStore, named_by
from governed_kernel.capture.registry import Node
from governed_kernel.capture.relations import of_arguments, of_method
from governed_kernel.lineage.events import Evidence, Relation

__all__ = ["Expressions", "Value", "field_of"]

_AGGREGATING = frozenset(
    (
        *("quantile", "corr", "null_count", "skew", "kurtosis", "entropy", "product", "mode"),
        *("approx_n_unique", "approx_quantile", "arg_max", "arg_min", "hist", "index_of"),
        *("unique_counts", "StringFunction.ConcatVertical", "BooleanFunction.HasNulls"),
        *("BooleanFunction.Any", "BooleanFunction.All", "BooleanFunction.IsEmpty"),
        *("BooleanFunction.IsSorted", "BitwiseFunction.And", "BitwiseFunction.Or"),
        "BitwiseFunction.Xor",
    )
)
"""Functions that make one value of many."""
_ROLLING = ("RollingFunction.", "RollingFunctionBy.", "EwmFunction.")
_RANKS = frozenset(("rank", "RollingFunction.Rank", "RollingFunctionBy.Rank"))
"""Functions that leave nothing of their values but the order; see `capture.relations`."""
_SAME = frozenset(("reverse", "shuffle", "sample", "gather_every", "rechunk"))
"""Functions whose values are values that went in; any further input says how many."""
_CHOOSING: dict[str, tuple[Relation, ...]] = {
    "drop_nulls": ("FILTER",),
    "drop_nans": ("FILTER",),
    "unique": ("FILTER",),
    "top_k": ("FILTER", "SORT"),
}
"""Functions that take some of their own values, and by what that is decided."""
_CHOOSING_BY: dict[str, tuple[Relation, ...]] = {
    "top_k_by": ("FILTER", "SORT"),
    "max_by": ("FILTER",),
    "min_by": ("FILTER",),
}
"""Functions that take some of their first argument's values, as the others decide."""
_EVALUATING = ("list.eval", "array.eval", "list.agg", "array.agg", "cumulative_eval")
"""What the view does not show, though nothing in it is hidden in a user's function."""


class Value(NamedTuple):
    """What the values of an expression owe to.

    Attributes
    ----------
    origins : dict
        Columns and how they come in.
    fields : dict or None
        Of a struct made here, what its fields owe to; ``*`` for those that aren't named.
    foreign : bool
        It is made of values from outside polars that nobody knows.
    """

    origins: Origins
    fields: dict[str, Origins] | None = None
    foreign: bool = False


_NOTHING = Value({})


def field_of(struct: Value, name: str) -> Origins:
    """What a field owes to: to all that the struct owes to, if nobody knows better."""
    if struct.fields is not None:
        found = struct.fields.get(name, struct.fields.get("*"))
        if found is not None:
            return found
    return through("TRANSFORMATION", struct.origins, "conservative")


class Expressions:
    """Reads the expressions of one plan.

    Parameters
    ----------
    traverser : NodeTraverser
        polars' view of the plan.
    literal : callable
        Finds what a series, list or number may be that is part of an expression.
    roots : callable
        Gives all expressions of the plan that are no part of another.
    functions : callable
        Gives what the user's functions that work on these columns may use besides.
    """

    def __init__(
        self,
        traverser: Any,
        literal: Callable[[Any], list[tuple[Node, Evidence]]],
        roots: Callable[[], Iterable[int]],
        functions: Callable[[Iterable[str]], list[Node]],
    ) -> None:
        self._traverser = traverser
        self._functions = functions
        self.store = ExpressionStore(traverser, roots)
        self._view = self.store.view
        self._literal = literal
        self._struct = _NOTHING
        self._place = -1
        self._grouped = False
        self.across: Origins = {}
        """The columns that pivots put across: with the keys they say which rows are together."""
        self.frame = -1
        """The step whose columns the expressions are made of."""

    def value(self, node: int, table: Table) -> Value:
        """What an expression over a table owes to; its step must be the traverser's."""
        try:
            view = self._view(node)
        except HIDDEN as hidden:
            return self._hidden(node, str(hidden), table)
        reader = _READERS.get(type(view).__name__)
        if reader is None:
            return self._hidden(node, type(view).__name__, table)
        self._place = node
        try:
            return reader(self, view, table)
        except RecursionError:
            # Nested deeper than Python goes: as what is not shown.
            columns = self.store.columns(node)
            return Value(through("TRANSFORMATION", table.every(columns), "conservative"))

    def value_of_group(self, node: int, table: Table) -> Value:
        """What an aggregate owes to."""
        self._grouped = True
        try:
            return self.value(node, table)
        finally:
            self._grouped = False

    # --- parts ------------------------------------------------------------------------------

    def _values(self, nodes: Iterable[Any], table: Table) -> list[Value]:
        return [self.value(getattr(node, "node", node), table) for node in nodes]

    @staticmethod
    def _made(*values: Value, relation: Relation = "TRANSFORMATION") -> Value:
        return Value(united(*[through(relation, value.origins) for value in values]))

    @staticmethod
    def _also(value: Value, relation: Relation, table: Table, *decisive: Value) -> Value:
        """`value`, and others that decide it."""
        deciding = [table.decided(relation, each.origins) for each in decisive]
        return value._replace(origins=united(value.origins, *deciding))

    def _column(self, view: Any, table: Table) -> Value:
        return Value(table.columns.get(view.name, {}), table.fields.get(view.name))

    def _constant(self, view: Any, _table: Table) -> Value:
        series = type(view.value).__name__ == "PySeries"
        found = self._literal(view.value)
        if not found:
            return Value({}, foreign=series and view.value.len() > 1)
        return Value(_owed_to(found))

    # --- what combines them -----------------------------------------------------------------

    def _binary(self, view: Any, table: Table) -> Value:
        # A long sum leans to the left: following it by recursion would go too deep.
        found = []
        while True:
            found.append(self.value(view.right, table))
            try:
                left = self._view(view.left)
            except HIDDEN:
                left = None
            if type(left).__name__ != "BinaryExpr":
                return self._made(*found, self.value(view.left, table))
            view = left

    def _aggregate(self, view: Any, table: Table) -> Value:
        values = self._values(view.arguments, table)
        if view.name == "count" and view.options:
            return _NOTHING  # how many there are, whatever they are
        if view.name == "item":
            return values[0]  # the only one there is, as it is
        return self._made(*values, relation="AGGREGATION")

    def _function(self, view: Any, table: Table) -> Value:
        data = view.function_data
        kind, *details = data if isinstance(data, tuple) else (data,)
        name = kind if isinstance(kind, str) else repr(kind)
        made = self._of_function(name, details, view, table)
        for setting, relation in settings_of(name, details):
            if found := self._literal(setting):
                owed = through(relation, _owed_to(found))
                made = made._replace(origins=united(made.origins, owed))
        return made

    def _of_function(self, name: str, details: list[Any], view: Any, table: Table) -> Value:
        place = self._place
        if name.startswith("StructFunction."):
            return self._of_struct(name, details, view, table)
        values = self._values(view.input, table)
        if name == "as_struct":
            return self._struct_of(place, values)
        if name == "value_counts":
            counted = table.decided("GROUP_BY", values[0].origins)
            own = united(values[0].origins, counted)
            return Value(own, {"*": own, str(details[2]): counted})
        if name in _SAME:
            return self._also(Value(values[0].origins), "FILTER", table, *values[1:])
        if name in _CHOOSING:
            chosen = values[0]
            for relation in _CHOOSING[name]:
                chosen = self._also(chosen, relation, table, values[0])
            return self._also(chosen, "FILTER", table, *values[1:])
        if name in _CHOOSING_BY:
            chosen = values[0]
            for relation in _CHOOSING_BY[name]:
                chosen = self._also(chosen, relation, table, *values[1:])
            return chosen if name == "top_k_by" else self._made(chosen, relation="AGGREGATION")
        if name.startswith("RollingFunctionBy."):
            rolled = self._made(values[0], relation="AGGREGATION")
            return self._also(rolled, "WINDOW", table, *values[1:])
        if name in _RANKS:
            return self._also(_NOTHING, "WINDOW", table, *values)
        if name in _AGGREGATING or name.startswith(_ROLLING):
            return self._made(*values, relation="AGGREGATION")
        if name == "fill_null" and self._is_rank_of_sql(view):
            return values[0]
        if (given := of_arguments(name)) != "TRANSFORMATION":
            among = self._made(*values[1:], relation=given)
            return Value(united(self._made(values[0]).origins, among.origins))
        return self._made(*values, relation=of_method(name))

    def _window(self, view: Any, table: Table) -> Value:
        value = self.value(view.function, table)
        origins = dict(value.origins)
        parted = self._values(view.partition_by, table)
        order = [] if view.order_by is None else [self.value(view.order_by, table)]
        by = {(entity, column) for each in (*parted, *order) for entity, column, _ in each.origins}
        inherited = table.every(self.store.columns(view.function) & set(table.columns))
        # SQL's frames of rows are spelled as positions among rows in that order.
        spelled = [
            (entity, column, relation)
            for entity, column, relation in origins
            if relation in ("FILTER", "CONDITIONAL")
            and (entity, column) in by
            and (entity, column, relation) not in inherited
        ]
        for source in spelled:
            del origins[source]
        if spelled and self._gathers(view.function):
            # The last of the rows so far: of a running sum, or of the values themselves.
            origins = through("AGGREGATION", origins)
        # what chose among values by a key is spelled as frames are: then the key counts as a value
        by_key: Relation = "WINDOW" if spelled else "PARTITION"
        value = self._also(Value(origins), by_key, table, *parted)
        return self._also(value, "WINDOW", table, *order) if order else value

    def _gathers(self, node: int) -> bool:
        try:
            return type(self._view(node)).__name__ == "Gather"
        except HIDDEN:
            return False

    def _rolling(self, view: Any, table: Table) -> Value:
        value = self.value(view.function, table)
        return self._also(value, "WINDOW", table, self.value(view.index_column, table))

    def _choice(self, view: Any, table: Table) -> Value:
        chosen = self.value(view.truthy, table)
        if self._is_sum_of_sql(view):
            return chosen
        both = united(chosen.origins, self.value(view.falsy, table).origins)
        return self._also(Value(both), "CONDITIONAL", table, self.value(view.predicate, table))

    def _is_sum_of_sql(self, view: Any) -> bool:
        """SQL's sum of nothing is null; polars spells that ``when(x.count() > 0)``."""
        try:
            condition, truthy = self._view(view.predicate), self._view(view.truthy)
            if type(condition).__name__ != "BinaryExpr" or type(truthy).__name__ != "Agg":
                return False
            counted, zero = self._view(condition.left), self._view(condition.right)
            falsy = self._view(view.falsy)
            if type(falsy).__name__ == "Cast":
                falsy = self._view(falsy.expr)
        except HIDDEN:
            return False
        return (
            type(counted).__name__ == "Agg"
            and (counted.name, truthy.name) == ("count", "sum")
            and type(zero).__name__ == type(falsy).__name__ == "Literal"
            and (zero.value, falsy.value) == (0, None)
        )

    def _is_rank_of_sql(self, view: Any) -> bool:
        """SQL ranks nulls last; polars spells that ``x.rank().fill_null(x.count() + 1)``."""
        try:
            ranked, filled = [self._view(getattr(each, "node", each)) for each in view.input]
            while type(ranked).__name__ == "Cast":
                ranked = self._view(ranked.expr)
            if type(ranked).__name__ != "Function" or type(filled).__name__ != "BinaryExpr":
                return False
            counted = self._view(filled.left)
            while type(counted).__name__ == "Cast":
                counted = self._view(counted.expr)
            if type(counted).__name__ != "Agg" or counted.name != "count":
                return False
            return bool(ranked.function_data[0] == "rank")
        except HIDDEN:
            return False

    def _filter(self, view: Any, table: Table) -> Value:
        value = self.value(view.input, table)
        by = self.value(view.by, table)
        if self._grouped and self._pivots(view.by):
            self.across = united(self.across, table.decided("GROUP_BY", by.origins))
            return self._also(value, "GROUP_BY", table, by)
        return self._also(value, "FILTER", table, by)

    def _pivots(self, condition: int) -> bool:
        """A pivot is spelled as one aggregate for each value of the column that goes across."""
        try:
            view = self._view(condition)
        except HIDDEN:
            return False
        if type(view).__name__ != "BinaryExpr":
            return False
        if repr(view.op) in AND:
            return self._pivots(view.left) and self._pivots(view.right)
        return repr(view.op) == "Operator.EqValidity"

    def _sort(self, view: Any, table: Table) -> Value:
        value = self.value(view.expr, table)
        return self._also(value, "SORT", table, value)

    def _sort_by(self, view: Any, table: Table) -> Value:
        return self._also(
            self.value(view.expr, table), "SORT", table, *self._values(view.by, table)
        )

    def _gather(self, view: Any, table: Table) -> Value:
        value = self.value(view.expr, table)
        # Of values that come from nowhere, such as counted ones, it says which goes where.
        relation: Relation = "FILTER" if value.origins else "CONDITIONAL"
        return self._also(value, relation, table, self.value(view.idx, table))

    def _slice(self, view: Any, table: Table) -> Value:
        value = self.value(view.input, table)
        ends = self._values((view.offset, view.length), table)
        return self._also(value, "FILTER", table, *ends)

    # --- structs ----------------------------------------------------------------------------

    def _struct_of(self, place: int, values: list[Value]) -> Value:
        before = self._traverser.get_node()
        self._traverser.set_node(self.frame)
        names = [field.name for field in self._traverser.get_dtype(place).fields]
        self._traverser.set_node(before)
        fields = None
        if len(names) == len(values):
            made = [value.origins for value in values]
            fields = dict(zip(names, made, strict=True))
        return self._made(*values)._replace(fields=fields)

    def _of_struct(self, name: str, details: list[Any], view: Any, table: Table) -> Value:
        struct = self.value(getattr(view.input[0], "node", view.input[0]), table)
        fields = struct.fields
        if name == "StructFunction.FieldByName":
            return Value(field_of(struct, str(details[0])))
        renamed: dict[str, Origins] | None = None
        if fields is not None and "*" not in fields:
            if name == "StructFunction.RenameFields" and len(details[0]) == len(fields):
                renamed = dict(zip(details[0], fields.values(), strict=True))
            elif name == "StructFunction.PrefixFields":
                renamed = {f"{details[0]}{field}": made for field, made in fields.items()}
            elif name == "StructFunction.SuffixFields":
                renamed = {f"{field}{details[0]}": made for field, made in fields.items()}
        return self._made(struct)._replace(fields=renamed)

    def _struct_eval(self, view: Any, table: Table) -> Value:
        struct = self.value(getattr(view.expr, "node", view.expr), table)
        outer, self._struct = self._struct, struct
        try:
            parts = self._values(view.evaluation, table)
        finally:
            self._struct = outer
        fields = None
        if struct.fields is not None and "*" not in struct.fields:
            names = [str(part.output_name) for part in view.evaluation]
            made = [part.origins for part in parts]
            fields = {**struct.fields, **dict(zip(names, made, strict=True))}
        return self._made(struct, *parts)._replace(fields=fields)

    # --- what the view does not show --------------------------------------------------------

    def _hidden(self, node: int, what: str, table: Table) -> Value:
        """All columns below; a function of one column can't owe to another."""
        if what == "field":
            return self._made(self._struct)
        inputs = self.store.below(node)
        columns = named_by(inputs)
        constants = [self._constant(v, table) for v in inputs if type(v).__name__ == "Literal"]
        evidence: Evidence = "observed"
        if len(columns) > 1 and not what.startswith(_EVALUATING):
            evidence = "conservative"
        origins = united(table.every(columns), *[constant.origins for constant in constants])
        made = through("TRANSFORMATION", origins, evidence)
        enclosed = [anything_of(each) for each in self._functions(columns)]
        return Value(united(made, *enclosed))


def _owed_to(found: Iterable[tuple[Node, Evidence]]) -> Origins:
    return {
        (node.entity, column, "IDENTITY"): sure
        for node, sure in found
        for column in node.columns[-1:] or ("*",)
    }


def _below(expressions: Expressions, view: Any, table: Table) -> Value:
    return expressions._made(expressions.value(view.expr, table))


_READERS: dict[str, Callable[[Expressions, Any, Table], Value]] = {
    "Column": Expressions._column,
    "Literal": Expressions._constant,
    "Len": lambda _expressions, _view, _table: _NOTHING,
    "Alias": lambda expressions, view, table: expressions.value(view.expr, table),
    "Cast": _below,
    "Explode": _below,
    "BinaryExpr": Expressions._binary,
    "Function": Expressions._function,
    "Agg": Expressions._aggregate,
    "Window": Expressions._window,
    "Rolling": Expressions._rolling,
    "Ternary": Expressions._choice,
    "Filter": Expressions._filter,
    "Sort": Expressions._sort,
    "SortBy": Expressions._sort_by,
    "Gather": Expressions._gather,
    "Slice": Expressions._slice,
    "StructEval": Expressions._struct_eval,
}
