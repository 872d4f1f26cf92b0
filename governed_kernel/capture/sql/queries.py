"""A query's columns, clause by clause in the order in which a database carries them out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlglot import exp

from governed_kernel.capture.sql.expressions import all_of, has_aggregate, value_of
from governed_kernel.capture.sql.model import EVERY, NONE, Column, Origins, column, through
from governed_kernel.capture.sql.outputs import outputs_of
from governed_kernel.capture.sql.reading import Reading
from governed_kernel.capture.sql.scopes import Binding, Relation, Scope
from governed_kernel.capture.sql.shapes import reshaped
from governed_kernel.capture.sql.tables import conjuncts, from_clause, is_join_predicate
from governed_kernel.lineage.events import Relation as Word

__all__ = ["relation_of", "with_clause"]

_ROUNDS = 20
"""A recursive query is read again until it owes to nothing new."""
_FIGURES: tuple[str, ...] = (
    "min",
    "max",
    "approx_unique",
    "avg",
    "std",
    "q25",
    "q50",
    "q75",
    "count",
    "null_percentage",
)


def relation_of(node: exp.Expression, parent: Scope | None, reading: Reading) -> Relation:
    """What a query gives.

    Parameters
    ----------
    parent : Scope, optional
        The query around it, whose columns and WITH it may name.
    """
    if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):
        scope = from_clause(node.this, [], parent, reading)
        return Relation(tuple(scope.every()), scope.rows)
    outer = with_clause(node, parent, reading)
    if isinstance(node, exp.Subquery):
        return _ordered_and_limited(node, relation_of(node.this, outer, reading), outer, reading)
    if isinstance(node, exp.Select):
        return _select(node, outer, reading)
    if isinstance(node, exp.SetOperation):
        return _ordered_and_limited(node, _set_operation(node, outer, reading), outer, reading)
    if isinstance(node, exp.Pivot):
        scope = from_clause(node.this, [], outer, reading)
        return reshaped(node, scope, reading)
    if isinstance(node, exp.Values):
        return _values(node, outer, reading)
    if isinstance(node, exp.Table):
        scope = from_clause(node, [], outer, reading)
        return Relation(tuple(scope.every()), scope.rows)
    if isinstance(node, exp.Summarize):
        return _summary(node, outer, reading)
    return Relation((Column(EVERY),))


# --- WITH ------------------------------------------------------------------------------------


def with_clause(node: exp.Expression, parent: Scope | None, reading: Reading) -> Scope | None:
    """The scope of what WITH names, around a query or a statement."""
    clause = node.args.get("with_")
    if clause is None:
        return parent
    scope = Scope(parent=parent)
    for cte in clause.expressions:
        names = [part.name for part in cte.args["alias"].args.get("columns") or []]
        name = cte.alias.lower()
        if clause.args.get("recursive") and isinstance(cte.this, exp.SetOperation):
            scope.ctes[name] = _recursive(name, names, cte.this, scope, reading)
        else:
            scope.ctes[name] = relation_of(cte.this, scope, reading).renamed(names)
    return scope


def _recursive(
    name: str, names: list[str], node: exp.SetOperation, scope: Scope, reading: Reading
) -> Relation:
    """Begins with the first part, and takes the second until nothing is added."""
    known = relation_of(node.this, scope, reading).renamed(names)
    inner = Scope(parent=scope)
    for _ in range(_ROUNDS):
        inner.ctes[name] = known
        step = relation_of(node.expression, inner, reading)
        grown = _united(known, step, by_name=False)
        if node.args.get("distinct"):
            grown = grown.decided(through("FILTER", grown.everything()))
        if grown == known:
            break
        known = grown
    return known


# --- SELECT ----------------------------------------------------------------------------------


def _select(node: exp.Select, parent: Scope | None, reading: Reading) -> Relation:
    source = node.args.get("from_")
    joins = [*(node.args.get("joins") or []), *(node.args.get("laterals") or [])]
    scope = from_clause(source.this if source is not None else None, joins, parent, reading)
    scope.windows = {
        window.name.lower(): window for window in node.args.get("windows") or [] if window.name
    }
    _where(node.args.get("where"), scope, node, reading)
    _group(node, scope, reading)
    having = node.args.get("having")
    if having is not None:
        _name_outputs(node, scope, reading)
        scope.decide(through("FILTER", value_of(having.this, scope, reading).origins))
    columns = outputs_of(node, scope, reading)
    scope.aliases = {made.name.lower(): made for made in columns if made.name != EVERY}
    qualify = node.args.get("qualify")
    made = Relation(tuple(columns), scope.rows)
    if qualify is not None:
        by = through("FILTER", value_of(qualify.this, scope, reading).origins)
        scope.decide(by)
        made = made.decided(by)
    reading.doubts.extend(scope.doubts)
    made = _distinct(node, made, scope, reading)
    return _ordered_and_limited(node, made, scope, reading)


def _name_outputs(node: exp.Select, scope: Scope, reading: Reading) -> None:
    """Let clauses before SELECT use its aliases."""
    for expression in node.expressions:
        name = expression.alias.lower() if isinstance(expression, exp.Alias) else ""
        if name and name not in scope.aliases:
            scope.aliases[name] = value_of(expression, scope, reading)


def _where(where: exp.Where | None, scope: Scope, node: exp.Select, reading: Reading) -> None:
    """Conditions between two tables join them, all others filter."""
    if where is None:
        return
    if any(isinstance(item, exp.Alias) for item in node.expressions):
        _name_outputs(node, scope, reading)
    joining: list[exp.Expression] = []
    filtering: list[exp.Expression] = []
    for predicate in conjuncts(where.this):
        (joining if is_join_predicate(predicate, scope) else filtering).append(predicate)
    rest = [_without(joining, predicate) for predicate in filtering]
    scope.decide(through("JOIN", all_of(joining, scope, reading)))
    scope.decide(through("FILTER", all_of(rest, scope, reading)))
    scope.aliases.clear()


def _without(joining: list[exp.Expression], predicate: exp.Expression) -> exp.Expression:
    """A condition without what every branch of its OR joins by."""
    if not joining or not isinstance(predicate.unnest(), exp.Or):
        return predicate
    return predicate.transform(lambda node: exp.true() if node in joining else node)


def _group(node: exp.Select, scope: Scope, reading: Reading) -> None:
    group = node.args.get("group")
    if group is None:
        return
    keys = list(_keys(group))
    if group.args.get("all") or any(_is_word(key, "all") for key in keys):
        keys = [item for item in node.expressions if not has_aggregate(item)]
    origins: set[Origins] = set()
    for key in keys:
        place = _place(key)
        if place is not None:
            columns = outputs_of(node, scope, reading)
            origins.update(made.origins for made in columns[place : place + 1])
        else:
            if isinstance(key, exp.Column):
                _name_outputs(node, scope, reading)
            if isinstance(key, (exp.Star, exp.Columns, exp.Alias)):
                part = exp.Select(expressions=[key])
                origins.update(made.origins for made in outputs_of(part, scope, reading))
            else:
                origins.add(value_of(key, scope, reading).origins)
    scope.aliases.clear()
    scope.ungrouped = replace(scope, aliases={})
    scope.grouped = through("GROUP_BY", NONE.union(*origins))
    scope.decide(scope.grouped)


def _keys(group: exp.Group) -> Iterable[exp.Expression]:
    parts = list(group.expressions)
    for name in ("grouping_sets", "cube", "rollup"):
        given = group.args.get(name)
        parts += given if isinstance(given, list) else []
    while parts:
        part = parts.pop(0)
        if isinstance(part, (exp.GroupingSets, exp.Cube, exp.Rollup, exp.Tuple)):
            parts = [*part.expressions, *parts]
        elif isinstance(part, exp.Paren):
            parts = [part.this, *parts]
        else:
            yield part


def _distinct(node: exp.Select, made: Relation, scope: Scope, reading: Reading) -> Relation:
    distinct = node.args.get("distinct")
    if distinct is None:
        return made
    on = distinct.args.get("on")
    if on is None:
        return made.decided(through("FILTER", made.everything()))
    keys = on.expressions if isinstance(on, exp.Tuple) else [on]
    found = [_sort_key(key, made, scope, reading) for key in keys]
    return made.decided(through("FILTER", NONE.union(*found)))


# --- what comes last -------------------------------------------------------------------------


def _ordered_and_limited(
    node: exp.Expression, made: Relation, scope: Scope | None, reading: Reading
) -> Relation:
    outer = scope or Scope()
    order = node.args.get("order")
    if order is not None:
        inside = Scope(
            bindings=outer.bindings if isinstance(node, exp.Select) else [Binding((), made)],
            parent=outer,
            rows=made.rows,
            merged=outer.merged,
            ungrouped=outer.ungrouped,
            grouped=outer.grouped,
            aliases={item.name.lower(): item for item in made.columns if item.name != EVERY},
            alias_first=True,
        )
        keys = NONE.union(*[_sort_key(item, made, inside, reading) for item in order.expressions])
        made = made.decided(through("SORT", keys))
    for name in ("limit", "offset"):
        clause = node.args.get(name)
        number = clause.expression if clause is not None else None
        if isinstance(number, exp.Expression):
            made = made.decided(through("FILTER", value_of(number, outer, reading).origins))
    return made


def _sort_key(key: exp.Expression, made: Relation, scope: Scope, reading: Reading) -> Origins:
    """What an order is by: a place among the outputs, all of them, or an expression."""
    if isinstance(key, exp.Ordered):
        key = key.this
    place = _place(key)
    if place is not None:
        return made.columns[place].origins if 0 <= place < len(made.columns) else NONE
    if _is_word(key, "all") and scope.find(["all"]) is None:
        return made.everything()
    return value_of(key, scope, reading).origins


def _place(key: exp.Expression) -> int | None:
    if isinstance(key, exp.Literal) and not key.is_string and key.name.isdigit():
        return int(key.name) - 1
    return None


def _is_word(key: exp.Expression, word: str) -> bool:
    if isinstance(key, exp.Column) and isinstance(key.this, exp.Identifier):
        return not key.table and not key.this.quoted and key.name.lower() == word
    return isinstance(key, exp.Var) and key.name.lower() == word


# --- set operations, values, summaries -------------------------------------------------------


def _set_operation(node: exp.SetOperation, parent: Scope | None, reading: Reading) -> Relation:
    left = relation_of(node.this, parent, reading)
    right = relation_of(node.expression, parent, reading)
    if isinstance(node, exp.Union):
        made = _united(left, right, by_name=bool(node.args.get("by_name")))
        if node.args.get("distinct"):
            made = made.decided(through("FILTER", made.everything()))
        return made
    word: Word = "FILTER"
    rows = left.rows | right.rows
    by = through(word, left.everything() | right.everything() | rows)
    return left.decided(by)


def _united(left: Relation, right: Relation, *, by_name: bool) -> Relation:
    """Rows of the one under those of the other."""
    rows = left.rows | right.rows
    if by_name:
        columns = list(left.columns)
        names = {made.name.lower(): place for place, made in enumerate(columns)}
        for made in right.columns:
            place = names.get(made.name.lower())
            if place is None:
                columns.append(made)
            else:
                columns[place] = column(columns[place].name, columns[place].origins | made.origins)
        return Relation(tuple(columns), rows)
    if len(left.columns) != len(right.columns):
        # One side is not known: by name is what remains.
        known, other = (
            (right, left) if any(c.name == EVERY for c in left.columns) else (left, right)
        )
        stars = NONE.union(*[made.origins for made in other.columns])
        blurred = through("IDENTITY", stars, "conservative")
        columns = [column(made.name, made.origins | blurred) for made in known.columns]
        return Relation(tuple(columns), rows)
    pairs = zip(left.columns, right.columns, strict=True)
    return Relation(
        tuple([column(one.name, one.origins | two.origins) for one, two in pairs]), rows
    )


def _values(node: exp.Values, parent: Scope | None, reading: Reading) -> Relation:
    scope = Scope(parent=parent)
    made: list[Origins] = []
    for row in node.expressions:
        parts = row.expressions if isinstance(row, exp.Tuple) else [row]
        for place, part in enumerate(parts):
            if place == len(made):
                made.append(NONE)
            made[place] |= value_of(part, scope, reading).origins
    alias = node.args.get("alias")
    names = [part.name for part in (alias.args.get("columns") or [])] if alias else []
    columns = [
        Column(names[place] if place < len(names) else f"col{place}", origins)
        for place, origins in enumerate(made)
    ]
    return Relation(tuple(columns))


def _summary(node: exp.Summarize, parent: Scope | None, reading: Reading) -> Relation:
    """``SUMMARIZE``: a row for each column, so each figure is of all of them."""
    inner = relation_of(node.this, parent, reading)
    figures = through("AGGREGATION", inner.everything())
    described = [Column("column_name", inner.rows), Column("column_type", inner.rows)]
    return Relation((*described, *[Column(name, figures) for name in _FIGURES]), inner.rows)
