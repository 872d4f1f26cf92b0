"""psycopg 3: connections and statements, of clients that wait and of those that don't.

Both go through the same generators, which can be observed when they start. libpq connects in
native code, so the connection is told of here as well.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any
from urllib.parse import quote

from governed_kernel.capture.exchanges import hook
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.queries import Queries

__all__ = ["arm", "postgresql_uri"]

_STATEMENTS = (
    "_execute_gen",
    "_executemany_gen_pipeline",
    "_executemany_gen_no_pipeline",
    "_stream_send_gen",
    "_start_copy_gen",
)
_PORT = "5432"


def postgresql_uri(host: str, port: str, database: str) -> str:
    """``postgresql://host:port/database``; a folder with a socket stands quoted for a host."""
    if host.startswith(("/", "@")):
        host = quote(host, safe="")
    elif ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"postgresql://{host or 'localhost'}:{port or _PORT}/{quote(database, safe='')}"


def _text(query: Any, cursor: Any) -> str:
    if isinstance(query, bytes):
        return query.decode(errors="replace")
    return query if isinstance(query, str) else str(query.as_string(cursor))


def _connecting(observation: Observation, conninfo: str) -> None:
    """Report each address that libpq may try; usually there is one."""
    from psycopg.conninfo import conninfo_to_dict

    if observation.state.busy:
        return
    with observation.at_work():
        given = {name: str(value) for name, value in conninfo_to_dict(conninfo).items()}
        host = given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST", "")
        port = given.get("port") or os.environ.get("PGPORT", _PORT)
        user = given.get("user") or os.environ.get("PGUSER", "")
        database = given.get("dbname") or os.environ.get("PGDATABASE", user)
        hosts, ports = host.split(","), port.split(",")
        for place, each in enumerate(hosts):
            number = ports[place] if len(ports) == len(hosts) else ports[0]
            uri = postgresql_uri(each, number, database)
            decision = observation.decide("connect", uri)
            via = observation.state.client or "psycopg"
            observation.access("connect", "sql", uri, via, decision)
            if each.startswith("/"):
                address = f"unix://{quote(each)}/.s.PGSQL.{number}"
                observation.access("connect", "socket", address, via, decision)


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe one of psycopg's modules."""
    queries = Queries.of(observation)

    def connects(values: tuple[Any, ...]) -> None:
        _connecting(observation, values[1])

    def executes(values: tuple[Any, ...]) -> None:
        cursor, query = values[:2]
        about = cursor._conn.info
        uri = postgresql_uri(about.host, str(about.port), about.dbname)
        queries.execute(uri, _text(query, cursor), "postgres", "psycopg")

    if name == "psycopg._connection_base":
        hook(observation, module.BaseConnection, "_connect_gen", "psycopg.connect", enter=connects)
    elif name == "psycopg._server_cursor_base":
        owner = module.ServerCursorMixin
        hook(observation, owner, "_declare_gen", "psycopg.execute", enter=executes)
    else:
        for method in _STATEMENTS:
            hook(observation, module.BaseCursor, method, "psycopg.execute", enter=executes)
