"""The columns of SELECT: expressions, stars with their exceptions, and COLUMNS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from sqlglot import exp

from governed_kernel.capture.sql.expressions import name_parts, value_of
from governed_kernel.capture.sql.model import (
    DIRECT,
    EVERY,
    FUNCTION,
    NONE,
    PARAMETER,
    VARIABLE,
    Column,
    Origins,
    column,
    one_of_every,
    through,
)
from governed_kernel.capture.sql.reading import Reading
from governed_kernel.capture.sql.scopes import Scope

__all__ = ["columns_named", "outputs_of"]

_VALUES = (PARAMETER, VARIABLE, FUNCTION)
"""What stands for values that come from no row."""


def outputs_of(node: exp.Select, scope: Scope, reading: Reading) -> list[Column]:
    """The columns that SELECT gives, each with the rows it is there for."""
    inside = Scope(
        bindings=scope.bindings,
        parent=scope.parent,
        rows=scope.rows,
        merged=scope.merged,
        ctes=scope.ctes,
        windows=scope.windows,
        ungrouped=scope.ungrouped,
        grouped=scope.grouped,
        doubts=scope.doubts,
    )
    made: list[Column] = []
    for item in node.expressions:
        named = isinstance(
            item.this if isinstance(item, exp.Alias) else item, (exp.Column, exp.Star)
        )
        for found in _outputs(item, inside, reading):
            # A column by its name knows already what decided its rows.
            grounded = found if named else _grounded(found, scope.rows)
            made.append(grounded)
            if isinstance(item, exp.Alias):
                inside.aliases.setdefault(grounded.name.lower(), grounded)
    return made


def _grounded(made: Column, rows: Origins) -> Column:
    """With what decided the rows, which a column of its own values knows already."""
    for origin in made.origins:
        if origin.relation in DIRECT and origin.table.function not in _VALUES:
            return made
    return column(made.name, made.origins | rows, made)


def _outputs(item: exp.Expression, scope: Scope, reading: Reading) -> Iterable[Column]:
    plain = item.this if isinstance(item, exp.Alias) else item
    if isinstance(plain, exp.Star):
        return _star(plain, scope.every(), scope, reading)
    if isinstance(plain, exp.Column) and isinstance(plain.this, exp.Star):
        qualifier = name_parts(plain)[:-1]
        if scope.has(qualifier) or not _struct(qualifier, scope):
            return _star(plain.this, scope.every(qualifier), scope, reading)
        return _fields(_struct(qualifier, scope))
    if isinstance(plain, exp.Explode):
        whole = value_of(plain.this, scope, reading)
        if whole.fields:
            return _fields(whole)
    if (chosen := _chosen(plain)) is not None:
        return _each(item, chosen, scope, reading)
    found = value_of(plain, scope, reading)
    return [column(_name(item, reading), found.origins, found)]


def _name(item: exp.Expression, reading: Reading) -> str:
    return str(item.output_name) or item.sql(dialect=reading.dialect)


def _struct(parts: list[str], scope: Scope) -> Column | None:
    found = scope.find(parts)
    return found if found is not None and found.fields else None


def _fields(whole: Column | None) -> list[Column]:
    if whole is None or whole.fields is None:
        return []
    return [column(name, inner.origins, inner) for name, inner in whole.fields.items()]


def _star(
    star: exp.Star, columns: Iterable[Column], scope: Scope, reading: Reading
) -> list[Column]:
    """``* EXCLUDE (…) REPLACE (…) RENAME (…)``."""
    left_out = {part.name.lower() for part in _listed(star, "except_")}
    replaced = {part.alias.lower(): part for part in _listed(star, "replace")}
    renamed = {part.this.name.lower(): part.alias for part in _listed(star, "rename")}
    made = []
    for one in columns:
        name = one.name.lower()
        if name in left_out:
            continue
        if name in replaced:
            found = _grounded(value_of(replaced[name], scope, reading), scope.rows)
            one = column(one.name, found.origins, found)
        made.append(column(renamed.get(name, one.name), one.origins, one))
    stars = [one for one in made if one.name == EVERY]
    if stars and (replaced or renamed):
        known = {one.name.lower() for one in made}
        inside = []
        for name, part in replaced.items():
            if name not in known:
                found = _grounded(value_of(part, scope, reading), scope.rows)
                inside.append(column(renamed.get(name, part.alias), found.origins, found))
        for name, other in renamed.items():
            if name not in replaced and other.lower() not in known:
                inside.append(column(other, one_of_every(name, stars).origins))
        # Somewhere between the columns that nobody can name yet: their names will tell.
        place = made.index(stars[0]) + 1
        made[place:place] = [*inside, stars[0]] if inside else []
    return made


def _listed(star: exp.Star, name: str) -> list[exp.Expression]:
    given = star.args.get(name)
    if given is None:
        return []
    return list(given) if isinstance(given, list) else [given]


# --- COLUMNS('…') and * LIKE '…' -------------------------------------------------------------


def _chosen(node: exp.Expression) -> exp.Expression | None:
    """The part of an expression that stands for several columns."""
    if isinstance(node, (exp.Query, exp.Subquery)):
        return None
    if isinstance(node, exp.Columns):
        return node
    if isinstance(node, exp.Star):
        return None
    if isinstance(node, _PATTERNS) and isinstance(node.this, exp.Star):
        return node
    if isinstance(node, exp.Dot) and _is_columns(node.expression):
        return node
    for value in node.args.values():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, exp.Expression) and (found := _chosen(child)) is not None:
                return found
    return None


_PATTERNS = (exp.Like, exp.ILike, exp.Glob, exp.SimilarTo, exp.Not)


def _is_columns(node: object) -> bool:
    return isinstance(node, exp.Anonymous) and str(node.this).lower() == "columns"


def _each(
    item: exp.Expression, chosen: exp.Expression, scope: Scope, reading: Reading
) -> list[Column]:
    """An expression over COLUMNS once for each column that it names."""
    made = []
    each = columns_named(chosen, scope, reading)
    before = scope.ungrouped
    ungrouped = each if before is None else columns_named(chosen, before, reading)
    for one, alone in zip(each, ungrouped, strict=True):
        if item is chosen or (isinstance(item, exp.Alias) and item.this is chosen):
            made.append(one)
            continue
        mark = exp.Column(this=exp.to_identifier("@"))
        body = item.copy()
        for node in list(body.walk()):
            if node == chosen:
                if node is body:
                    body = mark
                else:
                    node.replace(mark.copy())
        inside = Scope(
            parent=scope,
            rows=scope.rows,
            aliases={"@": one},
            grouped=scope.grouped,
        )
        if before is not None:
            inside.ungrouped = Scope(parent=before, rows=before.rows, aliases={"@": alone})
        found = value_of(body, inside, reading)
        made.append(column(one.name, found.origins))
    return made


def columns_named(chosen: exp.Expression, scope: Scope, reading: Reading) -> list[Column]:
    """The columns that COLUMNS, or a star with a pattern, stands for."""
    columns = list(scope.every())
    if isinstance(chosen, exp.Dot):
        columns = list(scope.every([chosen.this.name]))
        chosen = exp.Columns(this=chosen.expression.expressions[0])
    if isinstance(chosen, exp.Columns):
        inner = chosen.this
        if isinstance(inner, exp.Star):
            return _star(inner, columns, scope, reading)
        if isinstance(inner, exp.Literal):
            return _matching(columns, _regular(inner.name))
        if isinstance(inner, (exp.Array, exp.Tuple, exp.Paren)):
            wanted = {part.name.lower() for part in inner.find_all(exp.Literal)}
            return _matching(columns, lambda name: name.lower() in wanted)
        if isinstance(inner, exp.Lambda):
            return _matching(columns, _pattern(inner.this))
        if inner.find(exp.Star) is not None:
            return _matching(columns, _pattern(inner))
        return _matching(columns, None)
    return _matching(columns, _pattern(chosen))


def _matching(columns: list[Column], fits: Callable[[str], bool] | None) -> list[Column]:
    """Those whose name fits; where that can't be told, all as one that may be any."""
    if fits is not None and all(one.name != EVERY for one in columns):
        return [one for one in columns if fits(one.name)]
    if fits is not None:
        return columns
    anything = through("IDENTITY", NONE.union(*[one.origins for one in columns]), "conservative")
    return [Column(EVERY, anything)]


def _regular(pattern: str) -> Callable[[str], bool] | None:
    try:
        compiled = re.compile(pattern)
    except re.error:
        return None
    return lambda name: compiled.search(name) is not None


def _pattern(node: exp.Expression) -> Callable[[str], bool] | None:
    """What a condition on names says, where it is a simple one."""
    if isinstance(node, exp.Paren):
        return _pattern(node.this)
    if isinstance(node, exp.Not):
        inner = _pattern(node.this)
        return None if inner is None else lambda name: not inner(name)
    if not isinstance(node, _PATTERNS) or not isinstance(node.expression, exp.Literal):
        return None
    text = node.expression.name
    if isinstance(node, exp.SimilarTo):
        return _regular(f"^(?:{text})$")
    words = {"*": ".*", "?": "."} if isinstance(node, exp.Glob) else {"%": ".*", "_": "."}
    body = "".join(words.get(letter, re.escape(letter)) for letter in text)
    flags = re.IGNORECASE if isinstance(node, exp.ILike) else 0
    compiled = re.compile(body, flags | re.DOTALL)
    return lambda name: compiled.fullmatch(name) is not None
