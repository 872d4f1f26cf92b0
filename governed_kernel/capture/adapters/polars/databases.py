"""Databases: ``read_database`` and ``write_database``, by the URI that a connection leads to."""

from __future__ import annotations

from typing import Any

import polars as pl
from polars import io
from polars._plr import PySQLContext

from governed_kernel.capture.adapters.polars.subjects import Work, look, size
from governed_kernel.capture.connections import database_uri
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql.databases import columns_asked, dialect_of
from governed_kernel.capture.sql.steps import owe_query
from governed_kernel.capture.transfers import complete
from governed_kernel.capture.uris import what_decides
from governed_kernel.lineage.events import Operation

__all__ = ["arm"]


def _before(operation: Operation, parameter: str) -> Any:
    def before(observation: Observation, call: Call) -> None:
        given = call.target.bind(call.arguments)
        database = database_uri(given.get(parameter))
        if database is None:
            return
        tables = tables_of(str(given.get("query"))) if operation == "read" else ()
        for uri in [f"{database}#{table}" for table in tables] or [database]:
            if call.outer is not None and call.outer.claimed(operation, uri):
                continue
            decision = observation.decide(operation, what_decides(database))
            if not decision.allowed:
                observation.access(operation, "sql", uri, call.target.title, decision)
            call.claims[operation, uri] = decision, "sql"

    return before


def tables_of(statement: str) -> list[str]:
    """The tables that a statement names, as polars' own parser understands it."""
    try:
        names = PySQLContext.table_identifiers(statement, include_schema=True, unique=True)
    except pl.exceptions.PolarsError:
        return []  # another dialect
    return [str(name) for name in names]


def _read(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call, str(observed["query"]))
    output = look(observed.result)
    con = observed["connection"] or observed["uri"]
    if type(con).__name__ == "DuckDBPyConnection" and output is not None:
        from governed_kernel.capture.adapters.duckdb.results import hand_on

        hand_on(observation, observed, con)
    if uri is None or output is None:
        return
    work = Work(observation, observed)
    sql, asked = str(observed["query"]), columns_asked(con)
    owe_query(work, uri.partition("#")[0], sql, output[1], dialect_of(con), asked)
    work.finish(observed.result, *output, rows_out=size(observed.result), patient=True)


def _write(observation: Observation, observed: Observed) -> None:
    uri, work = complete(observation, observed.call), Work(observation, observed)
    node, name = work.subject(), str(observed["table_name"])
    if uri is not None and node is not None:
        rows = size(observed.subject)
        work.same(node)
        work.record([(Node(f"{uri}#{name}", "table", node.columns), name)], rows, rows)


def arm(observation: Observation) -> None:
    """Observe SQL."""
    for name, parameter in (("read_database", "connection"), ("read_database_uri", "uri")):
        before = _before("read", parameter)
        observe(observation, "polars", io, name, _read, before=before, io=True)
    before = _before("write", "connection")
    label = "polars.write_database"
    observe(
        observation,
        "polars",
        pl.DataFrame,
        "write_database",
        _write,
        label=label,
        before=before,
        io=True,
    )
