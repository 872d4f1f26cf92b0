"""Connections: made, copied, fed with Python's objects, extended with code."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from governed_kernel.capture.adapters.duckdb.addresses import duckdb_uri
from governed_kernel.capture.adapters.duckdb.catalog import Source, database_claim
from governed_kernel.capture.adapters.duckdb.changes import apply
from governed_kernel.capture.adapters.duckdb.extensions import claims_of
from governed_kernel.capture.adapters.duckdb.instances import connected, is_last, new_instance
from governed_kernel.capture.adapters.duckdb.objects import seen
from governed_kernel.capture.adapters.duckdb.plans import (
    Plan,
    announce_all,
    plan_of,
    remember_writes,
    report,
)
from governed_kernel.capture.adapters.duckdb.queries import connection_of, given
from governed_kernel.capture.enclosed import nodes_within
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe_native
from governed_kernel.capture.steps import Step

__all__ = ["arm"]


def _before_connecting(observation: Observation, call: Call) -> None:
    uri = duckdb_uri(given(call, "database", 0))
    call.note = uri or ""
    if uri is not None:
        announce_all(observation, call, [database_claim("connect", uri)])


def _connecting(observation: Observation, observed: Observed) -> None:
    report(observation, observed.call, "")
    # Under one name there is one database, in memory as well.
    database = given(observed.call, "database", 0)
    named = isinstance(database, str) and len(database) > len(":memory:")
    name = database if named and database.startswith(":memory:") else ""
    made = connected(observed.result, new_instance(observed.call.note or name))
    if not observed.call.note:
        made.instance.uri = ""


def _copying(*, method: bool) -> Any:
    def rule(_: Observation, observed: Observed) -> None:
        known = connected(connection_of(observed.call, method=method))
        connected(observed.result, known.instance)

    return rule


# --- objects under a name --------------------------------------------------------------------


def _registering(*, method: bool) -> Any:
    def rule(observation: Observation, observed: Observed) -> None:
        known = connected(connection_of(observed.call, method=method))
        name = str(given(observed.call, "view_name", int(method))).lower()
        known.instance.absent.clear()
        thing = given(observed.call, "python_object", int(method) + 1)
        if observed.target.name == "unregister":
            known.registered.pop(name, None)
            return
        try:
            reference: Any = weakref.ref(thing)
        except TypeError:
            reference = _Strong(thing)
        known.registered[name] = reference, observation.registry.get(thing)
        known.relations.pop(name, None)

    return rule


class _Strong:
    """Stands in for a weak reference to what admits none; DuckDB holds it as well."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def __call__(self) -> Any:
        return self._thing


def _before_appending(*, method: bool) -> Any:
    def before(observation: Observation, call: Call) -> None:
        connection = connection_of(call, method=method)
        known = connected(connection)
        name = str(given(call, "table_name", int(method)))
        frame = given(call, "df", int(method) + 1)
        step = Step(observation, Observed(call, None))
        found = seen(observation, step, frame)
        if found is None:
            return
        by = " BY NAME" if given(call, "by_name", int(method) + 2) else ""
        sql = f'INSERT INTO {name}{by} FROM "@frame"'
        bound = {"@frame": Source(found, kind="frame")}
        plan = plan_of(observation, step, known, connection, sql, None, bound)
        announce_all(observation, call, plan.claims)
        call.note = plan

    return before


def _applied(observation: Observation, observed: Observed) -> None:
    plan = observed.call.note
    if isinstance(plan, Plan):
        report(observation, observed.call, "")
        remember_writes(plan.known, plan.claims)
        for lineage in plan.lineages:
            apply(observation, observed, plan, lineage)


# --- code and transactions -------------------------------------------------------------------


def _defining(*, method: bool) -> Any:
    """A Python function gets a name: queries that call it may use what it has within reach."""

    def rule(observation: Observation, observed: Observed) -> None:
        known = connected(connection_of(observed.call, method=method))
        name = str(given(observed.call, "name", int(method))).lower()
        known.instance.functions.pop(name, None)
        known.instance.readings.clear()
        if observed.target.name == "create_function":
            found = nodes_within(observation, given(observed.call, "function", int(method) + 1))
            known.instance.functions[name] = tuple(found)

    return rule


def _before_extension(*, method: bool) -> Any:
    def before(observation: Observation, call: Call) -> None:
        connection = connection_of(call, method=method)
        kind = "load" if call.target.name == "load_extension" else "install"
        name = str(given(call, "extension", int(method)))
        source = call.arguments[1].get("repository") or call.arguments[1].get("repository_url")
        announce_all(observation, call, claims_of(connection, name, kind, source or ""))

    return before


def _reported(observation: Observation, observed: Observed) -> None:
    report(observation, observed.call, "")


def _before_transaction(*, method: bool) -> Any:
    def before(observation: Observation, call: Call) -> None:
        connection = connection_of(call, method=method)
        known = connected(connection)
        step = Step(observation, Observed(call, None))
        plan = plan_of(observation, step, known, connection, call.target.name, None)
        announce_all(observation, call, plan.claims)
        call.note = plan

    return before


def _before_closing(*, method: bool) -> Any:
    """What was written is put in its place when a database is closed."""

    def before(observation: Observation, call: Call) -> None:
        known = connected(connection_of(call, method=method))
        known.is_closed = known.is_closed or call.target.name != "checkpoint"
        if known.is_closed and not is_last(known):
            return
        claims = [database_claim("write", uri) for uri in sorted(known.instance.written)]
        announce_all(observation, call, claims)
        known.instance.written.clear()

    return before


def arm(observation: Observation, modules: Sequence[Any], connection: type) -> None:
    """Observe connections."""

    def see(name: str, rule: Any, before: Any = None) -> None:
        label = f"DuckDBPyConnection.{name}"
        method_before = before(method=True) if before is not None else None
        module_before = before(method=False) if before is not None else None
        observe_native(
            observation,
            "duckdb",
            [connection],
            name,
            rule(method=True) if rule not in (_reported, _applied) else rule,
            label=label,
            before=method_before,
        )
        observe_native(
            observation,
            "duckdb",
            modules,
            name,
            rule(method=False) if rule not in (_reported, _applied) else rule,
            before=module_before,
        )

    observe_native(
        observation, "duckdb", modules, "connect", _connecting, before=_before_connecting
    )
    for name in ("cursor", "duplicate"):
        see(name, _copying)
    for name in ("register", "unregister"):
        see(name, _registering)
    for name in ("create_function", "remove_function"):
        see(name, _defining)
    see("append", _applied, _before_appending)
    for name in ("load_extension", "install_extension"):
        see(name, _reported, _before_extension)
    for name in ("begin", "commit", "rollback"):
        see(name, _applied, _before_transaction)
    for name in ("close", "checkpoint", "__exit__"):
        see(name, _reported, _before_closing)
