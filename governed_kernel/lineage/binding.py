"""Values within DuckDB's statements, written as literals instead of bound.

To bind a value DuckDB imports pandas, to see whether it is one of its missing values: a third of a
second, in which most of our questions are asked and answered. So a store's connections write what
is plain into the statement; anything else is bound as ever. The statements are our own: a list
holds things of one kind, no parameter has a number, and none stands for a column to order by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, cast

import duckdb

__all__ = ["literal", "writing_literals"]

_LONGEST = 1_000
"""Longer lists are bound: to read them takes longer than to import pandas, in the end."""
_PARTS = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\?""")
"""What a question mark may stand in without being a parameter, and the parameter."""


def literal(text: str) -> str:
    """A text within a statement."""
    written = "'" + text.replace("'", "''").replace("\0", "' || chr(0) || '") + "'"
    return f"({written})" if "\0" in text else written


def writing_literals(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection that writes plain values into its statements."""
    return cast("duckdb.DuckDBPyConnection", _Connection(connection))


class _Connection:
    """Everything that `connection` is, but for how it takes values."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def __enter__(self) -> _Connection:
        self._connection.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._connection.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, query: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        if parameters is None:
            return self._connection.execute(query)
        written = _written(query, parameters)
        if written is None:
            return self._connection.execute(query, parameters)
        return self._connection.execute(written)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        return writing_literals(self._connection.cursor())


def _written(query: str, parameters: Any) -> str | None:
    """The statement with its values in it; None where it has to take them by itself."""
    if not isinstance(parameters, (list, tuple)):
        return None
    values = [_literal(value) for value in parameters]
    if None in values or sum(part.group() == "?" for part in _PARTS.finditer(query)) != len(values):
        return None
    left: Iterator[str] = iter(cast("list[str]", values))
    return _PARTS.sub(lambda part: next(left) if part.group() == "?" else part.group(), query)


def _literal(value: Any) -> str | None:
    """One value as SQL has it; None where that is not plain."""
    kind = type(value)
    if value is None:
        return "NULL"
    if kind is bool:
        return str(value).lower()
    if kind is int and -(2**127) <= value < 2**127:
        return f"({value})"
    if kind is str:
        return literal(value)
    if kind in (list, tuple):
        return _list(value)
    return None


def _list(values: Sequence[Any]) -> str | None:
    if len(values) > _LONGEST:
        return None
    inner = [_literal(value) for value in values]
    return None if None in inner else f"[{', '.join(cast('list[str]', inner))}]"
