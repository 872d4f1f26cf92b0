"""Reads SQL text with sqlglot, quietly, and remembers what it has read."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable

from sqlglot import exp, parse, tokenize
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

__all__ = ["NotReadable", "numbered", "ordinals", "placed", "tree_of", "trees_of"]

_MOST = 200
_LONGEST = 100_000
_lock = threading.Lock()
_read: OrderedDict[tuple[str, str], list[exp.Expression] | str] = OrderedDict()


def _begin_in_child() -> None:
    """A forked child has only the thread that forked: what another one held is free here."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_begin_in_child)


class NotReadable(Exception):
    """sqlglot can't read a text; the message is its own."""


def trees_of(sql: str, dialect: str) -> list[exp.Expression]:
    """The statements of `sql`; they are shared, so nobody may change them.

    Raises
    ------
    NotReadable
        It is no SQL of that dialect as far as sqlglot knows it.
    """
    key = (sql, dialect)
    with _lock:
        found = _read.get(key)
        if found is None:
            found = _read[key] = _parse(sql, dialect)
            if len(_read) > _MOST:
                _read.popitem(last=False)
        else:
            _read.move_to_end(key)
    if isinstance(found, str):
        raise NotReadable(found)
    return found


def tree_of(sql: str, dialect: str) -> exp.Expression:
    """The one statement of `sql`.

    Raises
    ------
    NotReadable
        As `trees_of`, and for more than one statement.
    """
    trees = trees_of(sql, dialect)
    if len(trees) != 1:
        raise NotReadable(f"{len(trees)} statements where there should be one")
    return trees[0]


def numbered(sql: str, dialect: str) -> str:
    """``?`` as ``$1``, ``$2`` … in the order of the text; as it is where nothing is to be done."""
    if "?" not in sql or len(sql) > _LONGEST:
        return sql
    try:
        tokens = tokenize(sql, dialect=dialect)
    except SqlglotError:
        return sql
    marks = [token for token in tokens if token.token_type == TokenType.PLACEHOLDER]
    parts, end = [], 0
    for number, mark in enumerate(marks, 1):
        parts += [sql[end : mark.start], f"${number}"]
        end = mark.end + 1
    return "".join(parts) + sql[end:]


_BY_PLACE = (exp.Group, exp.Cube, exp.Rollup, exp.GroupingSets, exp.Ordered, exp.Distinct)
"""Where a bare number is the place of a column among the outputs."""


def ordinals(sql: str, dialect: str) -> frozenset[str]:
    """Names of the parameters that stand where a number would be the place of a column."""
    try:
        trees = trees_of(sql, dialect)
    except NotReadable:
        return frozenset()
    found = set()
    for node in (each for tree in trees for each in tree.find_all(exp.Placeholder)):
        around = node.parent
        while isinstance(around, (exp.Tuple, exp.Paren)):
            around = around.parent
        if isinstance(around, _BY_PLACE):
            found.add(node.name)
    return frozenset(found)


def placed(sql: str, place: tuple[str, str], is_there: Callable[[str], bool]) -> str:
    """A view's statement of DuckDB with `place` before the bare names that `is_there` knows."""
    try:
        tree = tree_of(sql, "duckdb").copy()
    except NotReadable:
        return sql
    own = {made.alias.lower() for made in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        bare = isinstance(table.this, exp.Identifier) and not table.db
        if bare and table.name.lower() not in own and is_there(table.name.lower()):
            table.set("catalog", exp.to_identifier(place[0], quoted=True))
            table.set("db", exp.to_identifier(place[1], quoted=True))
    return tree.sql(dialect="duckdb")


def _parse(sql: str, dialect: str) -> list[exp.Expression] | str:
    if len(sql) > _LONGEST:
        return "longer than what is worth reading"
    logger = logging.getLogger("sqlglot")
    before = logger.disabled
    # Its warnings are for who called it; nobody did.
    logger.disabled = True
    try:
        try:
            trees = parse(sql, dialect=dialect)
        except SqlglotError:
            if (turned := _select_first(sql, dialect)) is None:
                raise
            trees = parse(turned, dialect=dialect)
        return [tree for tree in trees if isinstance(tree, exp.Expression)]
    except (SqlglotError, RecursionError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        logger.disabled = before


_AFTER_SELECT = {
    TokenType.WHERE,
    TokenType.GROUP_BY,
    TokenType.HAVING,
    TokenType.WINDOW,
    TokenType.QUALIFY,
    TokenType.ORDER_BY,
    TokenType.LIMIT,
    TokenType.OFFSET,
    TokenType.USING,
    TokenType.UNION,
    TokenType.EXCEPT,
    TokenType.INTERSECT,
    TokenType.SEMICOLON,
}


def _select_first(sql: str, dialect: str) -> str | None:
    """``FROM … SELECT …`` with its clauses turned, where sqlglot can't read it as it is."""
    depth, select, rest = 0, None, len(sql)
    tokens = tokenize(sql, dialect=dialect)
    if dialect != "duckdb" or not tokens or tokens[0].token_type != TokenType.FROM:
        return None
    for token in tokens:
        kind = token.token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        if depth:
            continue
        if select is None and kind == TokenType.SELECT:
            select = token.start
        elif select is not None and kind in _AFTER_SELECT:
            rest = token.start
            break
    if select is None:
        return None
    return f"{sql[select:rest]} {sql[tokens[0].start : select]} {sql[rest:]}"
