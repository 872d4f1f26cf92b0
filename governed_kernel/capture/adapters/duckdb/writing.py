"""Relations that are written, to files and tables, and tables changed through them."""

from __future__ import annotations

from typing import Any

from governed_kernel.capture.adapters.duckdb.changes import apply
from governed_kernel.capture.adapters.duckdb.objects import caller
from governed_kernel.capture.adapters.duckdb.plans import (
    Plan,
    announce_all,
    plan_of,
    remember_writes,
    report,
)
from governed_kernel.capture.adapters.duckdb.queries import Lazy, given, say
from governed_kernel.capture.adapters.duckdb.relations import WHOLE, parents_of, source_of
from governed_kernel.capture.adapters.duckdb.results import executing
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe_native
from governed_kernel.capture.steps import Step

__all__ = ["arm"]

WRITERS = {
    **dict.fromkeys(("to_parquet", "write_parquet", "to_csv", "write_csv"), "COPY {0} TO {1}"),
    **dict.fromkeys(("create", "to_table"), "CREATE TABLE {1} AS FROM {0}"),
    "insert_into": "INSERT INTO {1} FROM {0}",
}
"""Method → the statement that does the same with a relation and a name."""


def _before_writing(observation: Observation, call: Call) -> None:
    executing(observation, call)
    args, kwargs = call.arguments
    parents = parents_of(observation, call)
    place = next((kwargs[name] for name in ("file_name", "table_name") if name in kwargs), None)
    place = args[1] if len(args) > 1 else place
    if not parents or not isinstance(parents[0].extra, Lazy) or place is None:
        return
    file = call.target.name.startswith(("to_csv", "to_parquet", "write_"))
    target = "'" + str(place).replace("'", "''") + "'" if file else str(place)
    sql = WRITERS[call.target.name].format('"@0"', target)
    step = Step(observation, Observed(call, None))
    bound = {"@0": source_of(parents[0])}
    known = parents[0].extra.known
    plan = plan_of(observation, step, known, known.connection, sql, caller(), bound)
    announce_all(observation, call, say(observation, known, plan.claims))
    call.note = plan


def _written(observation: Observation, observed: Observed) -> None:
    plan = observed.call.note
    parents = parents_of(observation, observed.call)
    if not isinstance(plan, Plan) or not parents:
        return
    extra = parents[0].extra
    report(observation, observed.call, extra.text if isinstance(extra, Lazy) else "")
    remember_writes(plan.known, plan.claims)
    for lineage in plan.lineages:
        apply(observation, observed, plan, lineage)


def _before_changing(observation: Observation, call: Call) -> None:
    """``update`` and ``insert`` of a relation that is a table."""
    args, kwargs = call.arguments
    parents = parents_of(observation, call)
    if not parents or not isinstance(parents[0].extra, Lazy):
        return
    table = args[0].sql_query().removeprefix(WHOLE)
    if call.target.name == "insert":
        sql = f"INSERT INTO {table} VALUES (NULL)"  # noqa: S608 - read, never executed
    else:
        assigned, condition = given(call, "set", 1), kwargs.get("condition")
        if not isinstance(assigned, dict):
            return  # the call is going to say so itself
        parts = ", ".join(f'"{name}" = {_written_as(value)}' for name, value in assigned.items())
        where = "" if condition is None else f" WHERE {_written_as(condition)}"
        sql = f"UPDATE {table} SET {parts}{where}"  # noqa: S608 - read, never executed
    step, known = Step(observation, Observed(call, None)), parents[0].extra.known
    plan = plan_of(observation, step, known, known.connection, sql, None)
    announce_all(observation, call, plan.claims)
    call.note = plan


def _written_as(value: Any) -> str:
    """An expression of DuckDB's as it is written; every other value is a constant."""
    return str(value) if type(value).__name__ == "Expression" else "NULL"


def arm(observation: Observation, relation: type) -> None:
    """Observe what leaves relations behind."""
    befores = {**dict.fromkeys(WRITERS, _before_writing)}
    befores |= {"insert": _before_changing, "update": _before_changing}
    for name, before in befores.items():
        label = f"DuckDBPyRelation.{name}"
        observe_native(
            observation, "duckdb", [relation], name, _written, label=label, before=before
        )
