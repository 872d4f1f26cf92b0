"""ADBC: connections and statements of its drivers for SQLite and PostgreSQL."""

from __future__ import annotations

import weakref
from types import ModuleType
from typing import Any, NamedTuple

from governed_kernel.capture.adapters.psycopg import postgresql_uri
from governed_kernel.capture.exchanges import hook
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.queries import Queries
from governed_kernel.capture.uris import sqlite_uri, url_uri, what_decides
from governed_kernel.lineage.events import Operation

__all__ = ["arm"]

_DIALECTS = {"adbc_driver_postgresql.dbapi": "postgres", "adbc_driver_sqlite.dbapi": "sqlite"}


class _Database(NamedTuple):
    uri: str
    dialect: str


class _Connections:
    """Where the connections that were made lead."""

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.queries = Queries.of(observation)
        self._known: weakref.WeakKeyDictionary[Any, _Database] = weakref.WeakKeyDictionary()

    @classmethod
    def of(cls, observation: Observation) -> _Connections:
        """The one that the manager and all drivers share."""
        found = observation.__dict__.get("_adbc")
        if found is None:
            found = observation.__dict__["_adbc"] = cls(observation)
        return found

    def connects(self, uri: str, dialect: str) -> _Database | None:
        """Before a connection is made."""
        observation = self.observation
        address = _sqlite(uri) if dialect == "sqlite" else _postgresql(uri)
        if observation.state.busy or not address:
            return None
        with observation.at_work():
            decision = observation.decide("connect", what_decides(address))
            observation.access("connect", "sql", address, "adbc", decision)
        return _Database(address, dialect)

    def connected(self, database: _Database, connection: Any) -> None:
        """After it was made."""
        if connection is not None:
            self._known[connection] = database

    def executes(self, values: tuple[Any, ...]) -> None:
        """Before ``Cursor.…(operation, …)``; plans of Substrait are not text."""
        database = self._known.get(values[0]._conn)
        if database is not None and isinstance(values[1], str):
            self.queries.execute(database.uri, values[1], database.dialect, "adbc")

    def ingests(self, values: tuple[Any, ...]) -> None:
        """Before ``Cursor.adbc_ingest(table_name, …)``."""
        observation, database = self.observation, self._known.get(values[0]._conn)
        if database is None or observation.state.busy:
            return
        operation: Operation = "write"
        uri = f"{database.uri}#{values[1]}"
        with observation.at_work():
            decision = observation.decide(operation, what_decides(uri))
            observation.access(operation, "sql", uri, "adbc", decision, "adbc_ingest")


def _sqlite(uri: str | None) -> str | None:
    return sqlite_uri(uri.removeprefix("sqlite:") if uri and uri.startswith("sqlite:/") else uri)


def _postgresql(uri: str) -> str:
    if "://" in uri:
        return url_uri(uri.replace("postgres://", "postgresql://", 1))
    given = dict(part.split("=", 1) for part in uri.split() if "=" in part)
    return postgresql_uri(given.get("host", ""), given.get("port", ""), given.get("dbname", ""))


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe the manager, or one driver."""
    connections = _Connections.of(observation)
    dialect = _DIALECTS.get(name)
    if dialect is not None:

        def connects(values: tuple[Any, ...]) -> _Database | None:
            return connections.connects(values[0], dialect)

        hook(
            observation,
            module,
            "connect",
            "adbc.connect",
            enter=connects,
            leave=connections.connected,
        )
        return
    for method in ("_prepare_execute", "executescript", "adbc_execute_partitions"):
        hook(observation, module.Cursor, method, "adbc.execute", enter=connections.executes)
    hook(observation, module.Cursor, "adbc_ingest", "adbc.ingest", enter=connections.ingests)
