"""FROM: tables, files, functions and queries, and how they are joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from sqlglot import exp

from governed_kernel.capture.sql.expressions import all_of, name_parts, value_of
from governed_kernel.capture.sql.model import EVERY, NONE, Column, Origins, Table, column, through
from governed_kernel.capture.sql.parsing import NotReadable, tree_of
from governed_kernel.capture.sql.reading import Reading
from governed_kernel.capture.sql.scopes import Binding, Relation, Scope

__all__ = ["conjuncts", "from_clause", "is_join_predicate", "table_named"]

_WITHOUT_DATA = ("duckdb_", "pragma_", "sqlite_master", "information_schema")
_MADE_HERE = {"range", "generate_series", "glob", "repeat", "repeat_row", "sniff_csv"}
"""Functions whose rows come from no data, or tell only of names."""


def from_clause(
    first: exp.Expression | None,
    joins: Iterable[exp.Expression],
    parent: Scope | None,
    reading: Reading,
) -> Scope:
    """The names that a FROM clause gives, with what its joins decide."""
    if first is None:
        return Scope(parent=parent)
    scope = _item(first, None, parent, reading)
    for join in joins:
        _join(scope, join, reading)
    return scope


def table_named(node: exp.Table) -> Table:
    """The table that a reference names."""
    return Table(tuple(part.name for part in node.parts))


# --- one item --------------------------------------------------------------------------------


def _item(
    node: exp.Expression, left: Scope | None, parent: Scope | None, reading: Reading
) -> Scope:
    """One item of FROM, with the joins and pivots that hang on it."""
    around = Scope(bindings=left.bindings, parent=parent) if left is not None else parent
    name, names = _alias(node)
    if isinstance(node, exp.Lateral):
        node = node.this
    if isinstance(node, exp.Unnest):
        relation = _unnested(node, around, reading)
        name = name or ("unnest",)
    elif isinstance(node, exp.Table):
        relation, default = _table(node, around, reading)
        name = name or default
    else:
        relation = reading.relation(node, around)
        inner = node.this if isinstance(node, exp.Subquery) else None
        if isinstance(inner, exp.Table) and not name:
            # Parentheses around joins: the names inside stay.
            scope = from_clause(inner, [], around, reading)
            scope.parent = parent
            return _after(node, scope, reading)
    relation = relation.renamed(names)
    scope = Scope(bindings=[Binding(name, relation)], parent=parent, rows=relation.rows)
    return _after(node, scope, reading)


def _after(node: exp.Expression, scope: Scope, reading: Reading) -> Scope:
    from governed_kernel.capture.sql.shapes import reshaped

    for pivot in node.args.get("pivots") or []:
        relation = reshaped(pivot, scope, reading)
        name, names = _alias(pivot)
        relation = relation.renamed(names)
        scope = Scope([Binding(name, relation)], scope.parent, relation.rows)
    for join in node.args.get("joins") or []:
        _join(scope, join, reading)
    return scope


def _alias(node: exp.Expression) -> tuple[tuple[str, ...], list[str]]:
    alias = node.args.get("alias")
    if isinstance(alias, exp.TableAlias):
        names = [part.name for part in alias.args.get("columns") or []]
        return ((alias.name.lower(),) if alias.name else ()), names
    if isinstance(alias, exp.Identifier):
        return (alias.name.lower(),), []
    return (), []


def _table(
    node: exp.Table, around: Scope | None, reading: Reading
) -> tuple[Relation, tuple[str, ...]]:
    function = node.this
    if isinstance(function, exp.Func):
        return _function(function, around, reading)
    table = table_named(node)
    if len(table.name) == 1 and around is not None:
        found = around.cte(table.name[0])
        if found is not None:
            return found, (table.name[0].lower(),)
    if any(part.lower().startswith(_WITHOUT_DATA) for part in table.name):
        return Relation((Column(EVERY),)), (table.name[-1].lower(),)
    return reading.table(table), _called(table)


def _called(table: Table) -> tuple[str, ...]:
    """The name that a table has without an alias; a file's is that without its ending."""
    if len(table.name) == 1 and ("/" in table.name[0] or "." in table.name[0]):
        return (PurePosixPath(table.name[0]).name.partition(".")[0].lower(),)
    return tuple(part.lower() for part in table.name)


def _unnested(node: exp.Unnest, around: Scope | None, reading: Reading) -> Relation:
    values = all_of(node.expressions, around or Scope(), reading)
    return Relation((Column("unnest", through("TRANSFORMATION", values)),))


# --- table functions -------------------------------------------------------------------------


def _function(
    node: exp.Func, around: Scope | None, reading: Reading
) -> tuple[Relation, tuple[str, ...]]:
    name = str(node.this) if isinstance(node, exp.Anonymous) else node.sql_name()
    name = name.lower()
    called = (name,)
    if isinstance(node, exp.Anonymous):
        macro = reading.macro(name)
        if macro is not None:
            return reading.relation(reading.expanded(macro, node), around), called
    if name == "query" and (text := _texts(node)):
        try:
            return reading.relation(tree_of(text[0], reading.dialect), around), called
        except NotReadable:
            return Relation((Column(EVERY),)), called
    if name == "query_table" and (text := _texts(node)):
        parts = [reading.table(Table(tuple(each.split(".")))) for each in text]
        return parts[0] if len(parts) == 1 else _stacked(parts), called
    if name in _MADE_HERE or name.startswith(_WITHOUT_DATA):
        names = (name,) if name in ("range", "generate_series") else (EVERY,)
        return Relation(tuple([Column(each) for each in names])), called
    written = node.sql(dialect=reading.dialect)
    table = Table((), name, tuple(_texts(node)), _given_columns(node), written)
    relation = reading.table(table)
    given = all_of(_positional(node), around or Scope(), reading)
    if given:
        # A function of columns: what it makes of them may be anything.
        relation = Relation(
            tuple(
                [
                    column(made.name, made.origins | through("TRANSFORMATION", given))
                    for made in relation.columns
                ]
            )
        )
    return relation, called


def _stacked(parts: list[Relation]) -> Relation:
    columns = list(parts[0].columns)
    for part in parts[1:]:
        columns = [
            column(one.name, one.origins | two.origins)
            for one, two in zip(columns, part.columns, strict=False)
        ]
    return Relation(tuple(columns))


def _positional(node: exp.Func) -> Iterator[exp.Expression]:
    for value in node.args.values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, exp.Expression) and not _is_option(child):
                yield child


def _is_option(node: exp.Expression) -> bool:
    while isinstance(node, exp.Paren):
        node = node.this
    return isinstance(node, (exp.EQ, exp.PropertyEQ, exp.Kwarg))


def _texts(node: exp.Func) -> list[str]:
    """Text literals among the arguments without a name, those of a list as well."""
    found = []
    for child in _positional(node):
        parts = child.expressions if isinstance(child, (exp.Array, exp.Tuple)) else [child]
        found += [part.name for part in parts if isinstance(part, exp.Literal) and part.is_string]
    return found


def _given_columns(node: exp.Func) -> tuple[str, ...]:
    """Columns that options such as ``columns={…}`` or ``names=[…]`` name."""
    for child in node.find_all(exp.EQ, exp.PropertyEQ):
        name, value = child.this.name.lower(), child.expression
        if name == "columns" and isinstance(value, exp.Struct):
            return tuple(part.this.name for part in value.expressions)
        if name in ("names", "column_names") and isinstance(value, exp.Array):
            return tuple(part.name for part in value.expressions)
    return ()


# --- joins -----------------------------------------------------------------------------------


def _join(scope: Scope, join: exp.Expression, reading: Reading) -> None:
    """Put one more item beside those of `scope`."""
    item = join.this if isinstance(join, exp.Join) else join
    right = _item(item, scope, scope.parent, reading)
    if isinstance(item, exp.Lateral) and _may_be_empty(item) and not join.args.get("side"):
        # It is made for each row: a row for which it has none is not there.
        scope.decide(through("JOIN", right.rows))
    if not isinstance(join, exp.Join):
        _beside(scope, right, {})
        return
    method, side, kind = (str(join.args.get(k) or "").upper() for k in ("method", "side", "kind"))
    names = [part.name for part in join.args.get("using") or []]
    if method == "NATURAL":
        ours = {made.name.lower() for made in scope.every()}
        names = [made.name for made in right.every() if made.name.lower() in ours]
    keys, merged = _using(names, scope, right, side)
    half = kind in ("SEMI", "ANTI") or side in ("SEMI", "ANTI")
    if half:
        both = Scope([*scope.bindings, *right.bindings], scope.parent)
    else:
        _beside(scope, right, merged)
        both = scope
    if (on := join.args.get("on")) is not None:
        keys |= value_of(on, both, reading).origins
    scope.decide(through("JOIN", keys))


def _may_be_empty(item: exp.Lateral) -> bool:
    """Whether a lateral query may have no rows: aggregates of all rows always make one."""
    query = item.this.unnest() if isinstance(item.this, exp.Subquery) else item.this
    if not isinstance(query, exp.Select) or query.args.get("group") or query.args.get("having"):
        return True
    return not any(each.find(exp.AggFunc) for each in query.expressions)


def _using(
    names: list[str], left: Scope, right: Scope, side: str
) -> tuple[Origins, dict[str, Column]]:
    """Keys of USING decide, and are one column: of the side that always has the row."""
    keys, merged = NONE, {}
    for name in names:
        ours, theirs = left.find([name]), right.find([name])
        if ours is None or theirs is None:
            continue
        keys |= ours.origins | theirs.origins
        if side == "FULL":
            merged[name.lower()] = column(ours.name, ours.origins | theirs.origins)
        else:
            kept = theirs if side == "RIGHT" else ours
            merged[name.lower()] = column(ours.name, kept.origins, kept)
    return keys, merged


def _beside(scope: Scope, right: Scope, merged: dict[str, Column]) -> None:
    scope.bindings = [*scope.bindings, *right.bindings]
    scope.rows |= right.rows
    scope.merged = {**scope.merged, **right.merged, **merged}


def conjuncts(node: exp.Expression) -> Iterator[exp.Expression]:
    """The conditions that all have to hold; those that every branch of an OR has come as well."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        yield from conjuncts(node.this)
        yield from conjuncts(node.expression)
        return
    yield node
    if isinstance(node, exp.Or):
        first, *others = [list(conjuncts(branch)) for branch in _branches(node)]
        for predicate in first:
            if isinstance(predicate, exp.EQ) and all(predicate in branch for branch in others):
                yield predicate


def _branches(node: exp.Expression) -> Iterator[exp.Expression]:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Or):
        yield from _branches(node.this)
        yield from _branches(node.expression)
    else:
        yield node


def is_join_predicate(node: exp.Expression, scope: Scope) -> bool:
    """Whether a condition says that columns of two tables here are equal."""
    if not isinstance(node, exp.EQ) or len(scope.bindings) < 2:
        return False
    owners = []
    for side in (node.this, node.expression):
        if side.find(exp.Query) is not None:
            return False
        places = {scope.owner(name_parts(found)) for found in side.find_all(exp.Column)}
        if len(places) != 1 or None in places:
            return False
        owners.append(places.pop())
    return owners[0] != owners[1]
