"""What an expression owes to: values directly, conditions, windows and orders indirectly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from governed_kernel.capture.sql.model import (
    NONE,
    VALUE,
    VARIABLE,
    Column,
    Origin,
    Origins,
    enclosed_by,
    parameter,
    through,
    variable,
)
from governed_kernel.capture.sql.scopes import Scope
from governed_kernel.lineage.events import Relation

if TYPE_CHECKING:
    from governed_kernel.capture.sql.reading import Reading

__all__ = ["has_aggregate", "is_aggregate", "name_parts", "value_of"]

# fmt: off
_AGGREGATES = frozenset((
    "arbitrary", "arg_max_null", "arg_max_nulls_last", "arg_min_null", "arg_min_nulls_last",
    "bitstring_agg", "count_star", "entropy", "favg", "fsum", "histogram", "histogram_exact",
    "kahan_sum", "kurtosis_pop", "mad", "mean", "product", "reservoir_quantile", "sem",
    "sum_no_overflow", "sumkahan", "group_concat", "total", "json_group_array",
    "json_group_object", "array_agg", "json_agg", "jsonb_agg", "string_agg",
))
# fmt: on
"""Aggregates that sqlglot has no class for."""

_GATHERING = (exp.ArrayAgg, exp.GroupConcat, exp.JSONArrayAgg, exp.JSONObjectAgg)
"""Aggregates that hold each of their values: who has one knows which rows there are."""
_CHOOSING = (exp.FirstValue, exp.LastValue, exp.NthValue)
"""Functions of windows that are what `first` and `last` are of groups."""
_POSITIONS = (exp.RowNumber, exp.CumeDist, exp.Rank, exp.DenseRank, exp.PercentRank, exp.Ntile)


def is_aggregate(node: exp.Expression) -> bool:
    """Whether a call makes one value of many rows."""
    if isinstance(node, exp.Anonymous):
        return str(node.this).lower() in _AGGREGATES
    # What is only ever a window's function counts as an aggregate to sqlglot.
    return isinstance(node, exp.AggFunc) and not isinstance(
        node, (*_POSITIONS, *_CHOOSING, exp.Lag, exp.Lead)
    )


def has_aggregate(node: exp.Expression) -> bool:
    """Whether an expression aggregates the rows of its own query."""
    if isinstance(node, (exp.Query, exp.Subquery)):
        return False
    if isinstance(node, exp.Window):
        # The function belongs to the window, what it is computed from may be an aggregate.
        inner = node.this.this if isinstance(node.this, exp.Filter) else node.this
        parts = [*_children(inner), *node.args.get("partition_by", []), node.args.get("order")]
        return any(has_aggregate(part) for part in parts if part is not None)
    return is_aggregate(node) or any(has_aggregate(child) for child in _children(node))


def name_parts(node: exp.Column) -> list[str]:
    """The parts of a column's name, outermost first."""
    return [part.name for part in node.parts]


def _children(node: exp.Expression) -> Iterable[exp.Expression]:
    for value in node.args.values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, exp.Expression):
                yield child


def value_of(node: exp.Expression, scope: Scope, reading: Reading) -> Column:
    """The origins of an expression's value; none for what is the same in every row."""
    rule: Any = _RULES.get(type(node))
    if rule is not None:
        found: Column = rule(node, scope, reading)
        return found
    if isinstance(node, (exp.Query, exp.Table)):
        return _subquery(node, scope, reading)
    if is_aggregate(node):
        return Column("", _aggregate(node, scope, reading))
    if isinstance(node, exp.Anonymous):
        if str(node.this).lower() == VARIABLE and isinstance(node.expressions[0], exp.Literal):
            return Column("", frozenset([Origin(variable(node.expressions[0].name), VALUE)]))
        macro = reading.macro(str(node.this))
        if macro is not None:
            return value_of(reading.expanded(macro, node), scope, reading)
        if reading.schemas.encloses(str(node.this)):
            enclosed = Origin(enclosed_by(str(node.this)), VALUE, "TRANSFORMATION", "conservative")
            return Column("", _parts(node, scope, reading) | {enclosed})
    return Column("", _parts(node, scope, reading))


def origins_of(node: exp.Expression | None, scope: Scope, reading: Reading) -> Origins:
    """Only the origins."""
    return NONE if node is None else value_of(node, scope, reading).origins


def all_of(nodes: Iterable[exp.Expression | None], scope: Scope, reading: Reading) -> Origins:
    """The origins of several expressions together."""
    return NONE.union(*[origins_of(node, scope, reading) for node in nodes])


def _parts(
    node: exp.Expression, scope: Scope, reading: Reading, relation: Relation = "TRANSFORMATION"
) -> Origins:
    """A function, an operator: its arguments, changed."""
    return through(relation, all_of(_children(node), scope, reading))


def _column(node: exp.Column, scope: Scope, reading: Reading) -> Column:
    parts = name_parts(node)
    if isinstance(node.this, exp.Star):
        return Column("", NONE.union(*[made.origins for made in scope.every(parts[:-1])]))
    found = scope.find(parts)
    if found is None:
        reading.unresolved.add(".".join(parts))
        return Column(parts[-1])
    return found


def _inner(node: exp.Expression, scope: Scope, reading: Reading) -> Column:
    return value_of(node.this, scope, reading)


def _nothing(node: exp.Expression, scope: Scope, reading: Reading) -> Column:  # noqa: ARG001
    return Column("")


def _placeholder(
    node: exp.Placeholder,
    scope: Scope,  # noqa: ARG001 - as every rule
    reading: Reading,  # noqa: ARG001
) -> Column:
    """``$name``: whoever gave the value may know what it is; ``?`` has no name unless numbered."""
    if not node.name:
        return Column("")
    return Column("", frozenset([Origin(parameter(node.name), VALUE)]))


def _case(node: exp.Case, scope: Scope, reading: Reading) -> Column:
    """The branches give the value, the conditions choose between them."""
    ifs = node.args.get("ifs", [])
    branches = [branch.args.get("true") for branch in ifs]
    conditions = [node.this, *[branch.this for branch in ifs]]
    values = all_of([*branches, node.args.get("default")], scope, reading)
    return Column("", values | through("CONDITIONAL", all_of(conditions, scope, reading)))


def _if(node: exp.If, scope: Scope, reading: Reading) -> Column:
    values = all_of([node.args.get("true"), node.args.get("false")], scope, reading)
    return Column("", values | through("CONDITIONAL", origins_of(node.this, scope, reading)))


def _filtered(node: exp.Filter, scope: Scope, reading: Reading) -> Column:
    """``sum(x) FILTER (WHERE …)``: the filter is this column's alone."""
    condition = origins_of(node.expression.this, scope.ungrouped or scope, reading)
    return Column("", origins_of(node.this, scope, reading) | through("FILTER", condition))


def _aggregate(node: exp.Expression, scope: Scope, reading: Reading) -> Origins:
    """One value of many rows; ``arg_max(a, b)`` chooses by b, ``any_value(a)`` not at all.

    Its arguments are those of the single rows, which no group has decided about yet.
    """
    grouped, scope = scope.grouped, scope.ungrouped or scope
    if isinstance(node, exp.AnyValue):
        found = all_of(_children(node), scope, reading)
    elif isinstance(node, (exp.ArgMax, exp.ArgMin)):
        chosen = through("AGGREGATION", origins_of(node.this, scope, reading))
        found = chosen | through("CONDITIONAL", origins_of(node.expression, scope, reading))
    else:
        found = _parts(node, scope, reading, "AGGREGATION")
    return found | grouped


def _ordered(node: exp.Order, scope: Scope, reading: Reading) -> Column:
    """``list(a ORDER BY b)``: an order inside an aggregate."""
    by = through("SORT", all_of(node.expressions, scope, reading))
    return Column("", origins_of(node.this, scope, reading) | by)


def _within_group(node: exp.WithinGroup, scope: Scope, reading: Reading) -> Column:
    """``percentile_cont(0.5) WITHIN GROUP (ORDER BY a)``: the order names the values."""
    ordered = all_of(node.expression.expressions, scope.ungrouped or scope, reading)
    function = origins_of(node.this, scope, reading)
    if function:
        return Column("", function | through("SORT", ordered))
    return Column("", through("AGGREGATION", ordered) | scope.grouped)


def _window(node: exp.Window, scope: Scope, reading: Reading) -> Column:
    """A value for each row from the rows of its window; `capture.relations` says by what."""
    named = _window_parts(node, scope)
    function, filtered = node.this, NONE
    if isinstance(function, exp.Filter):
        filtered = through("FILTER", origins_of(function.expression.this, scope, reading))
        function = function.this
    if isinstance(function, (exp.IgnoreNulls, exp.RespectNulls)):
        function = function.this
    parts = [key for part in named for key in part.args.get("partition_by") or []]
    ordered = [part.args["order"] for part in named if part.args.get("order") is not None]
    keys = [key.this for order in ordered for key in order.expressions]
    if isinstance(function, _POSITIONS):
        values, keys = NONE, [*keys, *_children(function)]
    else:
        aggregates = is_aggregate(function) or isinstance(function, _CHOOSING)
        relation: Relation = "AGGREGATION" if aggregates else "TRANSFORMATION"
        values = _parts(function, scope, reading, relation)
    parted = through("PARTITION", all_of(parts, scope, reading))
    ordering = through("WINDOW", all_of(keys, scope, reading))
    return Column("", values | filtered | parted | ordering)


def _window_parts(node: exp.Window, scope: Scope) -> list[exp.Window]:
    """The window itself and those that it is named after."""
    parts, seen = [node], set[str]()
    while True:
        part = parts[-1]
        name = part.args.get("alias") or part.args.get("first")
        text = name.name if isinstance(name, exp.Expression) else ""
        found = scope.window(text) if text and text not in seen else None
        if found is None or found is part:
            return parts
        seen.add(text)
        parts.append(found)


def _subquery(node: exp.Expression, scope: Scope, reading: Reading) -> Column:
    """A query as a value: the one column it gives."""
    if node.find(*_GATHERING):
        relation = reading.relation(node, scope.values())
        return Column("", through(_MEMBERSHIP, relation.everything()))
    relation = reading.relation(node, scope)
    if len(relation.columns) == 1:
        return relation.columns[0]
    return Column("", relation.everything())


_MEMBERSHIP: Relation = "TRANSFORMATION AND MEMBERSHIP"


def _exists(node: exp.Exists, scope: Scope, reading: Reading) -> Column:
    """Whether there are rows: only what decides them matters."""
    return Column("", through(_MEMBERSHIP, reading.relation(node.this, scope.values()).rows))


def _in(node: exp.In, scope: Scope, reading: Reading) -> Column:
    """Whether a value is among those of a query."""
    query = node.args.get("query")
    if query is None:
        return Column("", _parts(node, scope, reading))
    value = through("TRANSFORMATION", origins_of(node.this, scope, reading))
    return Column("", value | _among(query, scope, reading))


def _any(node: exp.Any | exp.All, scope: Scope, reading: Reading) -> Column:
    """``= any (select …)``, ``> all (select …)``."""
    inner: exp.Expression = node.this
    if isinstance(inner, exp.Query):
        return Column("", _among(inner, scope, reading))
    return value_of(inner, scope, reading)


def _array(node: exp.Array, scope: Scope, reading: Reading) -> Column:
    """``array(select …)`` holds all that the query gives."""
    parts: list[exp.Expression] = node.expressions
    if not any(isinstance(part, exp.Query) for part in parts):
        return Column("", _parts(node, scope, reading))
    return Column("", NONE.union(*[_among(part, scope, reading) for part in parts]))


def _among(query: exp.Expression, scope: Scope, reading: Reading) -> Origins:
    """The values of a query, when it is asked which there are.

    What decided about the rows around the query has nothing to do with that.
    """
    return through(_MEMBERSHIP, _subquery(query, scope.values(), reading).origins)


def _lambda(node: exp.Lambda, scope: Scope, reading: Reading) -> Column:
    names = frozenset(part.name.lower() for part in node.expressions)
    return value_of(node.this, _with_local(scope, names), reading)


def _comprehension(node: exp.Comprehension, scope: Scope, reading: Reading) -> Column:
    names = frozenset({node.expression.name.lower()})
    inside = _with_local(scope, names)
    parts = [origins_of(node.args.get("iterator"), scope, reading)]
    parts.append(all_of([node.this, node.args.get("condition")], inside, reading))
    return Column("", through("TRANSFORMATION", NONE.union(*parts)))


def _with_local(scope: Scope, names: frozenset[str]) -> Scope:
    return Scope(parent=scope, rows=scope.rows, local=names)


def _struct(node: exp.Struct, scope: Scope, reading: Reading) -> Column:
    """``{'a': x}``: each field keeps its own origins."""
    fields: dict[str, Column] = {}
    for place, part in enumerate(node.expressions):
        if isinstance(part, exp.PropertyEQ):
            fields[part.this.name.lower()] = value_of(part.expression, scope, reading)
        else:
            fields[part.output_name.lower() or f"v{place + 1}"] = value_of(part, scope, reading)
    everything = NONE.union(*[made.origins for made in fields.values()])
    return Column("", through("TRANSFORMATION", everything), fields)


def _field(node: exp.Expression, scope: Scope, reading: Reading) -> Column:
    """``s['a']``, ``struct_extract(s, 'a')``, ``(s).a``: a field, if its making was seen."""
    whole = value_of(node.this, scope, reading)
    keys: Sequence[exp.Expression] = node.expressions or [node.expression]
    key = keys[0] if len(keys) == 1 else None
    if isinstance(key, exp.Identifier) or (isinstance(key, exp.Literal) and key.is_string):
        inner = whole.fields.get(key.name.lower()) if whole.fields is not None else None
        if inner is not None:
            return inner
    if isinstance(key, exp.Identifier):
        return Column("", through("TRANSFORMATION", whole.origins))
    rest = all_of(keys, scope, reading)
    return Column("", through("TRANSFORMATION", whole.origins | rest))


def _position(node: exp.PositionalColumn, scope: Scope, reading: Reading) -> Column:  # noqa: ARG001
    """``#1``: a column of FROM by its place."""
    made = list(scope.every())
    place = int(node.this.name) - 1
    return made[place] if 0 <= place < len(made) else Column("")


_RULES: dict[type, Any] = {
    exp.Column: _column,
    exp.Alias: _inner,
    exp.Paren: _inner,
    exp.Literal: _nothing,
    exp.Null: _nothing,
    exp.Boolean: _nothing,
    exp.Star: _nothing,
    exp.DataType: _nothing,
    exp.Identifier: _nothing,
    exp.Placeholder: _placeholder,
    exp.Parameter: _nothing,
    exp.Var: _nothing,
    exp.Case: _case,
    exp.If: _if,
    exp.Filter: _filtered,
    exp.Order: _ordered,
    exp.Ordered: _inner,
    exp.IgnoreNulls: _inner,
    exp.RespectNulls: _inner,
    exp.WithinGroup: _within_group,
    exp.Window: _window,
    exp.Subquery: _subquery,
    exp.Exists: _exists,
    exp.In: _in,
    exp.Any: _any,
    exp.Array: _array,
    exp.All: _any,
    exp.Lambda: _lambda,
    exp.Comprehension: _comprehension,
    exp.Struct: _struct,
    exp.Bracket: _field,
    exp.Dot: _field,
    exp.StructExtract: _field,
    exp.PositionalColumn: _position,
}
