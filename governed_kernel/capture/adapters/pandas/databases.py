"""Databases: ``read_sql`` and ``to_sql``, by the URI of what the connection leads to."""

from __future__ import annotations

from typing import Any

import pandas as pd

from governed_kernel.capture.adapters.pandas.subjects import Work, look, size
from governed_kernel.capture.adapters.sqlite_tables import RESULT, known_as
from governed_kernel.capture.connections import database_uri
from governed_kernel.capture.formatted import formatted_with
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql.databases import columns_asked, dialect_of
from governed_kernel.capture.sql.steps import owe_query
from governed_kernel.capture.transfers import complete
from governed_kernel.capture.uris import what_decides
from governed_kernel.lineage.events import Operation

__all__ = ["arm"]


def _before(operation: Operation) -> Any:
    def before(observation: Observation, call: Call) -> None:
        uri = database_uri(call.target.bind(call.arguments).get("con"))
        if uri is None or (call.outer is not None and call.outer.claimed(operation, uri)):
            return
        decision = observation.decide(operation, what_decides(uri))
        if not decision.allowed:
            observation.access(operation, "sql", uri, call.target.title, decision)
        call.claims[operation, uri] = decision, "sql"

    return before


def _read(observation: Observation, observed: Observed) -> None:
    statement = observed["sql"] if observed["table_name"] is None else observed["table_name"]
    uri = complete(observation, observed.call, str(statement))
    output = look(observed.result)
    if type(observed["con"]).__name__ == "DuckDBPyConnection" and output is not None:
        from governed_kernel.capture.adapters.duckdb.results import hand_on

        hand_on(observation, observed, observed["con"])
    if output is None:
        return
    work = Work(observation, observed)
    if uri is None:
        _of_memory(work, output)
        return
    if str(statement).isidentifier():
        table = work.external(f"{uri}#{statement}", output[1], "table")
        work.same(table)
    else:
        con = observed["con"]
        asked = columns_asked(con)
        owe_query(work, uri, str(statement), output[1], dialect_of(con), asked)
        for by in formatted_with(observation, str(statement)):
            columns = by.columns or ("*",)
            work.product(output[1], by, columns, "TRANSFORMATION", "conservative")
    work.finish(observed.result, *output, rows_out=size(observed.result), patient=True)


def _of_memory(work: Work, output: tuple[str, tuple[str, ...]]) -> None:
    """A frame of a database in memory owes to what the query gave that came last."""
    doings = work.observation.doings
    steps = doings[-1].works if doings else []
    if steps and steps[-1].output.kind == RESULT:
        node, names = steps[-1].output, output[1]
        if len(node.columns) == len(names):
            work.pairs(node, zip(names, node.columns, strict=True))
        else:
            work.product(names, node, node.columns, "TRANSFORMATION", "conservative")
        observed = work.observed
        work.finish(observed.result, *output, rows_out=size(observed.result), patient=True)


def _write(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    work = Work(observation, observed)
    node = work.of(observed.subject)
    if node is None:
        return
    table: Node | None = Node(f"{uri}#{observed['name']}", "table", node.columns)
    if uri is None:
        table = known_as(observation, observed["name"], node.columns)
    if table is not None:
        work.same(node)
        rows = size(observed.subject)
        work.record([(table, observed["name"])], rows, rows)


def arm(observation: Observation) -> None:
    """Observe SQL."""
    for name in ("read_sql", "read_sql_query", "read_sql_table"):
        before = _before("read")
        observe(observation, "pandas", pd, name, _read, before=before, io=True)
    for owner in (pd.DataFrame, pd.Series):
        before = _before("write")
        label = "pandas.to_sql"
        observe(observation, "pandas", owner, "to_sql", _write, label=label, before=before, io=True)
