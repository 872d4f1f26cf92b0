"""SQLAlchemy: statements on their way to a driver, by its own events.

sqlite3 and psycopg tell of what they execute, so for them SQLAlchemy lends only its name; for every
other driver the statement is reported here.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.connections import database_uri
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.queries import Queries

__all__ = ["arm"]

_TOLD_BELOW = ("pysqlite", "aiosqlite", "psycopg", "psycopg_async")
_DIALECTS = {
    "postgresql": "postgres",
    "mariadb": "mysql",
    "mssql": "tsql",
    "awsathena": "athena",
}
"""Where sqlglot has another name for a dialect."""


def arm(observation: Observation, _name: str, _module: ModuleType) -> None:
    """Listen to all engines, as soon as there are events of engines."""
    from sqlalchemy import event
    from sqlalchemy.engine.base import Engine

    state, queries = observation.state, Queries.of(observation)

    def before(connection: Any, _: Any, statement: str, *__: Any) -> None:
        if state.busy:
            return
        dialect = connection.engine.dialect
        if dialect.driver in _TOLD_BELOW:
            state.client = state.client or "sqlalchemy"
            return
        with observation.guarded("sqlalchemy"):
            uri = database_uri(connection)
        if uri is not None:
            queries.execute(uri, statement, _DIALECTS.get(dialect.name, dialect.name), "sqlalchemy")

    def after(*_: Any) -> None:
        if state.client == "sqlalchemy":
            state.client = ""

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    event.listen(Engine, "handle_error", after)
    observation.at_end.append(after)
