"""``sql``, ``query``, ``execute``: statements as text, of a connection or of the module."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from governed_kernel.capture.adapters.duckdb.catalog import Claim, Source
from governed_kernel.capture.adapters.duckdb.changes import apply
from governed_kernel.capture.adapters.duckdb.instances import Connected, connected
from governed_kernel.capture.adapters.duckdb.objects import caller
from governed_kernel.capture.adapters.duckdb.places import search_path
from governed_kernel.capture.adapters.duckdb.plans import (
    Plan,
    announce_all,
    plan_of,
    remember_writes,
    report,
)
from governed_kernel.capture.adapters.duckdb.recording import record_query
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe_native
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Lineage, Table
from governed_kernel.capture.steps import MOST_WORKS, Step
from governed_kernel.capture.works import Work

__all__ = ["SCAN", "Lazy", "arm", "come_out", "connection_of", "given", "waiting"]


SCAN = re.compile(r"\b(?:pandas|arrow|polars|python)_scan(?:_dumb)?\([^()]*\)")
"""How DuckDB writes that it reads an object of Python's."""
_ROWS = ("fetchone", "fetchmany")
"""How a connection gives some rows of a result, as Python's values."""
_NAMED_SCAN = re.compile(rf"(\w+) AS \(SELECT \* FROM ({SCAN.pattern})\)")  # noqa: S608


class Lazy(NamedTuple):
    """What is known of a relation: it reads when it is carried out."""

    known: Connected
    claims: tuple[Claim, ...]
    text: str
    """Its query as DuckDB writes it."""
    ancestors: tuple[tuple[str, Node], ...] = ()
    """The relations that it was made of, by their queries."""
    rests: tuple[tuple[Table, tuple[str, ...]], ...] = ()
    """The tables that it reads, with what they were when it was looked at last."""
    named: tuple[tuple[str, Source], ...] = ()
    """Python's own things that its query names."""
    held: bool = False
    """It was carried out, and may hold rows since."""
    unreadable: bool = False
    """What it does is a function's, or nobody could read it."""


def connection_of(call: Call, *, method: bool) -> Any:
    """The connection that a call works on: its own, the one given, or the module's."""
    args, kwargs = call.arguments
    if method:
        return args[0]
    if kwargs.get("connection") is not None:
        return kwargs["connection"]
    import duckdb

    # Held, or each call would make another object for it.
    _default[:] = [duckdb.default_connection()]
    return _default[0]


_default: list[Any] = []
_BY_NAME = 1_000
"""No argument has that place: it is given by its name."""


def given(call: Call, name: str, place: int, default: Any = None) -> Any:
    """An argument, by its name or by its place (``self`` counts)."""
    args, kwargs = call.arguments
    return args[place] if place < len(args) else kwargs.get(name, default)


def _text(statement: Any) -> str:
    """The SQL of a text or of a ``duckdb.Statement``."""
    return statement if isinstance(statement, str) else str(getattr(statement, "query", ""))


def _before(*, method: bool) -> Any:
    def before(observation: Observation, call: Call) -> None:
        connection = connection_of(call, method=method)
        known = connected(connection)
        if known.moved:
            # Asked now, while no result waits: asking would take it away.
            known.path = None
            search_path(known, connection)
        sql = _text(given(call, "query", int(method)))
        step = Step(observation, Observed(call, None))
        name = "parameters" if call.target.name.startswith("execute") else "params"
        values = given(call, name, int(method) + 1 if name == "parameters" else _BY_NAME)
        rows = call.target.name == "executemany"
        plan = plan_of(
            observation,
            step,
            known,
            connection,
            sql,
            caller(),
            given=values,
            repeated=rows,
            is_users=True,
        )
        announce_all(observation, call, plan.claims)
        call.note = plan

    return before


def _related(observation: Observation, observed: Observed) -> None:
    """``sql`` and ``query``: the last statement may give a relation, which is yet to be read."""
    from governed_kernel.capture.adapters.duckdb.late import made_lazy

    result = observed.result
    last = _carried_out(observation, observed)
    if last is None or result is None:
        return
    plan, lineage = last
    names, known = result.columns, plan.known
    if not lineage.result:
        # An answer about names, settings, numbers of rows.
        node = Node(observation.new_entity(), "relation", tuple(names))
        observation.registry.put(result, node._replace(extra=Lazy(known, (), "")))
        return
    reads = [plan.sources[table] for table in lineage.reads if table in plan.sources]
    claims = tuple(dict.fromkeys(claim for source in reads for claim in source.claims))
    text = result.sql_query()
    for name, scan in _NAMED_SCAN.findall(text):
        if (source := plan.sources.get(Table((name,)))) is not None:
            known.instance.scans[scan] = source
    node = record_query(observation, observed, plan, lineage, result, "relation", names)
    lazy = Lazy(known, claims, text, unreadable=bool(lineage.reason))
    observation.registry.put(result, node._replace(extra=made_lazy(lazy, plan)))


def _executed(observation: Observation, observed: Observed) -> None:
    """``execute``: everything is carried out, and the last result waits to be fetched."""
    plan = observed.call.note
    if not isinstance(plan, Plan):
        return
    names = [column[0] for column in plan.connection.description or ()]
    plan.known.result = None
    last = _carried_out(observation, observed)
    if last is not None and last[1].result:
        made = record_query(observation, observed, *last, None, "result", names)
        plan.known.result = plan.known.instance.last = made
        come_out(observation, made)


def waiting(connection: Any, path: Sequence[str | int]) -> Node | None:
    """The result of an earlier statement that a connection is asked for now."""
    return connected(connection).result if path and path[0] in _ROWS else None


def come_out(observation: Observation, node: Node) -> None:
    """Note that a connection's result is in the statement's hands: ``execute(…).fetchone()[0]``.

    Its rows are fetched in loops, where a look at each would cost more than the row.
    """
    if not observation.doings:
        return
    doings = observation.doings[-1]
    doings.computed = True
    if len(doings.works) < MOST_WORKS:
        doings.works.append(Work((), node, ()))


def _carried_out(observation: Observation, observed: Observed) -> tuple[Plan, Lineage] | None:
    """Put accesses and changes on record; gives the last statement, whose result is there."""
    plan = observed.call.note
    if not isinstance(plan, Plan):
        return None
    report(observation, observed.call, plan.sql)
    say(observation, plan.known, plan.claims)
    remember_writes(plan.known, plan.claims)
    last = None
    for last in _one_by_one(observation, observed, plan):
        if not last[1].result:
            apply(observation, observed, *last)
    return last


def _one_by_one(
    observation: Observation, observed: Observed, plan: Plan
) -> Iterator[tuple[Plan, Lineage]]:
    """The statements; of several, each as it is read after those before it were carried out."""
    if len(plan.lineages) == 1:
        yield plan, plan.lineages[0]
        return
    for lineage in plan.lineages:
        step = Step(observation, observed)
        again = plan_of(observation, step, plan.known, plan.connection, lineage.sql, caller())
        again.begun = plan.begun
        for each in again.lineages:
            yield again, each


# --- accesses of a cell ----------------------------------------------------------------------


def say(observation: Observation, known: Connected, claims: Sequence[Claim]) -> list[Claim]:
    """Those accesses that this connection has not put on record in this cell yet."""
    execution = observation.cell().execution
    if known.said[0] != execution:
        known.said = execution, set()
    fresh = [claim for claim in claims if claim not in known.said[1]]
    known.said[1].update(fresh)
    return fresh


def arm(observation: Observation, modules: Sequence[Any], connection: type) -> None:
    """Observe statements."""
    for name, rule in (
        ("sql", _related),
        ("query", _related),
        ("from_query", _related),
        ("execute", _executed),
        ("executemany", _executed),
    ):
        label = f"DuckDBPyConnection.{name}"
        before = _before(method=True)
        observe_native(observation, "duckdb", [connection], name, rule, label=label, before=before)
        observe_native(observation, "duckdb", modules, name, rule, before=_before(method=False))
