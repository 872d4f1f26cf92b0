"""What a Python connection tells of its database: the SQL it speaks, the columns of a table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["columns_asked", "dialect_of"]

_DIALECTS = {
    "postgresql": "postgres",
    "psycopg": "postgres",
    "psycopg2": "postgres",
    "mariadb": "mysql",
    "pymysql": "mysql",
    "mssql": "tsql",
    "pyodbc": "tsql",
    "awsathena": "athena",
    "sqlite3": "sqlite",
}
"""Schemes and drivers → the name that sqlglot has for the dialect."""
_KNOWN = {"sqlite", "postgres", "mysql", "tsql", "duckdb", "oracle", "snowflake", "bigquery"}


def dialect_of(connection: Any) -> str:
    """The name that sqlglot has for the SQL of a connection, a cursor, an engine or a URL."""
    if isinstance(connection, str):
        name = connection.partition("://")[0].partition("+")[0].lower()
        return _named(name or "sqlite")
    if isinstance(connection, (sqlite3.Connection, sqlite3.Cursor)):
        return "sqlite"
    dialect = getattr(connection, "dialect", None) or getattr(
        getattr(connection, "engine", None), "dialect", None
    )
    name = getattr(dialect, "name", "") or type(connection).__module__.partition(".")[0]
    return _named(str(name).lower())


def _named(name: str) -> str:
    found = _DIALECTS.get(name, name)
    return found if found in _KNOWN else ""


def columns_asked(
    connection: Any,
) -> Callable[[tuple[str, ...]], Sequence[str] | None] | None:
    """A function that asks a database for a table's columns; None where it would be dear.

    It is asked only where names alone leave a doubt, and at most once a table.
    """
    if isinstance(connection, sqlite3.Cursor):
        connection = connection.connection
    if isinstance(connection, sqlite3.Connection):
        return lambda name: _of_sqlite(connection, name)
    if hasattr(connection, "dialect") and hasattr(connection, "connect"):
        return lambda name: _of_engine(connection, name)
    return None


def _of_sqlite(connection: sqlite3.Connection, name: tuple[str, ...]) -> Sequence[str] | None:
    schema = f'"{name[-2]}".' if len(name) > 1 else ""
    table = name[-1].replace('"', '""')
    rows = connection.execute(f'PRAGMA {schema}table_info("{table}")').fetchall()
    return [row[1] for row in rows] or None


def _of_engine(engine: Any, name: tuple[str, ...]) -> Sequence[str] | None:
    """By SQLAlchemy's own inspection, over a connection that it takes for that."""
    import sqlalchemy

    schema = name[-2] if len(name) > 1 else None
    found = sqlalchemy.inspect(engine).get_columns(name[-1], schema=schema)
    return [column["name"] for column in found] or None
