"""Statements that change what there is: tables, views, files, databases."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from governed_kernel.capture.adapters.duckdb.catalog import (
    Claim,
    bound_by_duckdb,
    file_claim,
)
from governed_kernel.capture.adapters.duckdb.files import common_folder, is_file_name
from governed_kernel.capture.adapters.duckdb.instances import Key
from governed_kernel.capture.adapters.duckdb.places import catalogs, key_of, told_path
from governed_kernel.capture.adapters.duckdb.plans import Plan, plan_of
from governed_kernel.capture.adapters.duckdb.recording import Flow, origins_from
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Column, Lineage, Table
from governed_kernel.capture.sql.model import VALUE
from governed_kernel.capture.sql.steps import table_uri
from governed_kernel.capture.steps import Step

__all__ = ["apply", "put_table", "written_files"]

_MOST_OUTPUTS = 200
_BEGIN = re.compile(r"(?i)^\s*(begin|start)\b")
_ROLLBACK = re.compile(r"(?i)^\s*(rollback|abort)\b")


def apply(observation: Observation, observed: Observed, plan: Plan, lineage: Lineage) -> None:
    """Put on record what a statement that has been carried out changed."""
    if lineage.kind not in ("insert", "update", "delete", "merge", "copy to", "copy from"):
        plan.known.instance.absent.clear()
    rule = _RULES.get(lineage.kind)
    if rule is not None and lineage.target not in plan.existing:
        rule(observation, observed, plan, lineage)


# --- tables ----------------------------------------------------------------------------------


def put_table(
    flow: Flow,
    key: Key,
    uri: str,
    names: Sequence[str],
    *,
    replaces: Node | None = None,
    anew: Collection[str] = (),
) -> None:
    """The table that a step leaves: outside the process, or a new thing in memory.

    Of the table that it `replaces` nothing is left in the columns that are made `anew`.
    """
    columns = tuple(names)
    instance = flow.plan.known.instance
    if replaces is not None:
        flow.same(replaces, tuple([column for column in columns if column not in anew]))
    if uri:
        flow.inherit(columns)
        flow.record([(Node(table_uri(uri, key[1:]), "table", columns), key[2])])
        return
    # Each change is one, also if the same is done again: the table is another afterwards.
    instance.tables[key] = flow.finish(None, "table", columns, patient=True, fresh=True)


def _target(plan: Plan, lineage: Lineage) -> tuple[Key, str]:
    """The target's full name and the URI of its database, empty in memory."""
    assert lineage.target is not None
    name = lineage.target.name
    made = lineage.kind.startswith("create")
    key = key_of(name, plan.known, plan.connection, made=made)
    if lineage.options.get("temporary") == "yes":
        key = (f"temp#{plan.known.number}", "main", name[-1].lower())
    return key, catalogs(plan.known, plan.connection).get(key[0], "")


def _names(plan: Plan, lineage: Lineage) -> tuple[str, ...]:
    """The columns that the target has now."""
    assert lineage.target is not None
    relation = bound_by_duckdb(lineage.target.name, plan.known, plan.connection)
    columns = [made.name for made in lineage.columns] if relation is None else relation.columns
    return tuple(columns)


def _flow(observation: Observation, observed: Observed, plan: Plan, operation: str) -> Flow:
    flow = Flow(observation, observed, plan)
    flow.operation = operation.upper()
    return flow


def _create_table(
    observation: Observation, observed: Observed, plan: Plan, lineage: Lineage
) -> None:
    key, uri = _target(plan, lineage)
    names = _names(plan, lineage)
    plan.known.instance.generated[key] = tuple(
        (name.removeprefix("generated "), text)
        for name, text in lineage.options.items()
        if name.startswith("generated ")
    )
    flow = _flow(observation, observed, plan, lineage.kind)
    _fill(flow, lineage, names)
    put_table(flow, key, uri, names)


def _fill(flow: Flow, lineage: Lineage, names: Sequence[str]) -> None:
    columns = () if lineage.reason else lineage.bind(names)
    if columns or not names:
        flow.owe(columns)
    else:
        flow.owe_anything(names)


def _create_view(
    observation: Observation,  # noqa: ARG001
    observed: Observed,  # noqa: ARG001
    plan: Plan,
    lineage: Lineage,
) -> None:
    key, _ = _target(plan, lineage)
    plan.known.instance.views[key] = lineage.sql
    plan.known.registered.pop(key[2], None)
    plan.known.relations.pop(key[2], None)


def _change_table(
    observation: Observation, observed: Observed, plan: Plan, lineage: Lineage
) -> None:
    """``INSERT``, ``UPDATE``, ``DELETE``, ``MERGE``, ``COPY FROM``: the table and what came in."""
    key, uri = _target(plan, lineage)
    names = _names(plan, lineage)
    flow = _flow(observation, observed, plan, lineage.kind)
    spelled = {name.lower(): name for name in names}
    if lineage.reason:
        flow.owe_anything(names)
    else:
        columns = lineage.columns
        if any(made.name == "*" for made in columns):
            columns = lineage.bind(names)
        flow.owe(
            [Column(spelled.get(made.name.lower(), made.name), made.origins) for made in columns],
            lineage.rows if lineage.kind in ("delete", "merge") else frozenset(),
            whole=False,
        )
    before = plan.known.instance.tables.get(key)
    if uri:
        # What it held before is still in it: itself as it was is an input.
        before = Node(table_uri(uri, key[1:]), "table", names)
    anew = set()
    if lineage.options.get("rows") == "every" and not lineage.reason:
        anew = {spelled.get(made.name.lower(), made.name) for made in lineage.columns}
    put_table(flow, key, uri, names, replaces=before if lineage.keeps else None, anew=anew)


def _alter(observation: Observation, observed: Observed, plan: Plan, lineage: Lineage) -> None:
    """Columns may have other names now, or the table itself."""
    key, uri = _target(plan, lineage)
    before = plan.known.instance.tables.pop(key, None)
    target = lineage.options.get("rename")
    if target is not None:
        key = (key[0], key[1], target.lower())
    if uri or before is None or lineage.target is None:
        return
    named = (*lineage.target.name[:-1], target or lineage.target.name[-1])
    changed = Lineage("alter", "", target=Table(named))
    names = _names(plan, changed)
    flow = _flow(observation, observed, plan, "ALTER TABLE")
    flow.same(before, names)
    renamed = [
        (new, old.removeprefix("rename "))
        for old, new in lineage.options.items()
        if old.startswith("rename ")
    ]
    flow.pairs(before, [pair for pair in renamed if pair[1] in before.columns])
    put_table(flow, key, uri, names)


def _drop(
    observation: Observation,  # noqa: ARG001
    observed: Observed,  # noqa: ARG001
    plan: Plan,
    lineage: Lineage,
) -> None:
    known = plan.known
    if lineage.kind == "drop schema":
        _drop_schema(plan, lineage)
    elif lineage.target is not None:
        key, _ = _target(plan, lineage)
        known.instance.tables.pop(key, None)
        known.instance.views.pop(key, None)
        known.registered.pop(key[2], None)
        known.relations.pop(key[2], None)
    if lineage.kind not in ("drop table", "drop view"):
        known.instance.changed()


def _drop_schema(plan: Plan, lineage: Lineage) -> None:
    """With CASCADE what is in it is gone as well."""
    assert lineage.target is not None
    name = [part for part in lineage.target.name if part]
    instance = plan.known.instance
    catalog, schema, _ = key_of((*name, ""), plan.known, plan.connection)
    for key in [key for key in (*instance.tables, *instance.views) if key[:2] == (catalog, schema)]:
        instance.tables.pop(key, None)
        instance.views.pop(key, None)


# --- files -----------------------------------------------------------------------------------


def written_files(path: str, since: int) -> list[str]:
    """The files that were written: the path itself, or what is new in a folder."""
    if not os.path.isdir(path):  # noqa: PTH112 - the same path as DuckDB's
        return [path]
    found = [
        os.path.join(folder, name)  # noqa: PTH118
        for folder, _, names in os.walk(path)
        for name in names
    ]
    # A file system may keep times less exactly than the clock.
    return sorted(each for each in found if os.stat(each).st_mtime_ns >= since - 2_000_000_000)  # noqa: PTH116


def _copy_to(observation: Observation, observed: Observed, plan: Plan, lineage: Lineage) -> None:
    assert lineage.target is not None
    path = lineage.target.name[0]
    claims = [file_claim(each, "write") for each in written_files(path, plan.begun)]
    _report_written(observation, observed, claims)
    names: tuple[str, ...] = tuple(made.name for made in lineage.columns)
    if any(not name.isidentifier() for name in names) and claims:
        names = _header(plan, path, claims) or names
    flow = _flow(observation, observed, plan, "COPY TO")
    _fill(flow, lineage, names)
    record_files(flow, [claim.uri for claim in claims], names)


def record_files(flow: Flow, uris: list[str], names: Sequence[str]) -> None:
    """A step into files; many files of one step are the folder that they lie in."""
    columns = tuple(names)
    flow.inherit(columns)
    if len(uris) > _MOST_OUTPUTS:
        flow.record([(Node(common_folder(uris), "folder", columns), "")])
    elif uris:
        flow.record([(Node(uri, "file", columns), "") for uri in uris])


def _report_written(observation: Observation, observed: Observed, claims: Sequence[Claim]) -> None:
    """Files of which only the folder was announced."""
    call = observed.call
    fresh = [claim for claim in claims if (claim.operation, claim.uri) not in call.claims]
    for operation, kind, uri, path in fresh:
        decision = observation.decide(operation, path)
        observation.access(operation, kind, uri, call.target.title, decision)
        if observation.doings:
            observation.doings[-1].explained.add(uri)


def _header(plan: Plan, path: str, claims: Sequence[Claim]) -> tuple[str, ...]:
    """What the columns of a written file are called, where the query gave them no name."""
    import duckdb

    place = claims[0].path if claims[0].kind == "file" else path
    if not is_file_name(place):
        return ()
    quoted = place.replace("'", "''")
    try:
        return tuple(plan.connection.cursor().sql(f"FROM '{quoted}'").columns)
    except duckdb.Error:
        return ()


def _export(observation: Observation, observed: Observed, plan: Plan, lineage: Lineage) -> None:
    assert lineage.target is not None
    paths = written_files(lineage.target.name[0], plan.begun)
    _report_written(observation, observed, [file_claim(path, "write") for path in paths])
    for path in paths:
        stem, _, ending = Path(path).name.partition(".")
        if ending in ("sql", ""):
            continue
        table = Table((stem,))
        step = Step(observation, observed)
        inner = plan_of(observation, step, plan.known, plan.connection, f'FROM "{stem}"', None)
        if table not in inner.sources:
            continue
        names = tuple(plan.connection.table(stem).columns)
        flow = _flow(observation, observed, inner, "EXPORT DATABASE")
        flow.owe(origins_from(table, names))
        record_files(flow, [file_claim(path).uri], names)


def _import(observation: Observation, observed: Observed, plan: Plan, lineage: Lineage) -> None:
    """The folder's own scripts say what was made, and from which files."""
    assert lineage.target is not None
    plan.known.instance.changed()
    folder = Path(lineage.target.name[0])
    for name in ("schema.sql", "load.sql"):
        for statement in filter(None, map(str.strip, (folder / name).read_text().split(";\n"))):
            step = Step(observation, observed)
            inner = plan_of(observation, step, plan.known, plan.connection, statement, None)
            for each in inner.lineages:
                apply(observation, observed, inner, each)


# --- databases and transactions --------------------------------------------------------------


def _other_place(
    observation: Observation,  # noqa: ARG001
    observed: Observed,  # noqa: ARG001
    plan: Plan,
    lineage: Lineage,
) -> None:
    """``ATTACH``, ``DETACH``, ``USE``, and what nobody reads: names may lead elsewhere."""
    plan.known.instance.changed()
    # Other statements of one text are read by what it says, the next call's by what DuckDB says.
    plan.known.path = told_path(lineage.sql, plan.known, plan.connection)
    plan.known.moved = True


def _setting(observation: Observation, observed: Observed, plan: Plan, lineage: Lineage) -> None:
    if "schema" in lineage.sql.lower() or "search_path" in lineage.sql.lower():
        _other_place(observation, observed, plan, lineage)


def _variable(observation: Observation, observed: Observed, plan: Plan, lineage: Lineage) -> None:
    """``SET VARIABLE name = (SELECT …)``: a value that ``getvariable`` gives again."""
    name = lineage.options["name"].lower()
    plan.known.variables.pop(name, None)
    if not lineage.columns and not lineage.reason:
        return  # it was reset
    flow = _flow(observation, observed, plan, lineage.kind)
    _fill(flow, lineage, (VALUE,))
    if flow.inputs:
        plan.known.variables[name] = flow.finish(None, "value", (VALUE,), fresh=True)


def _macro(
    observation: Observation,  # noqa: ARG001
    observed: Observed,  # noqa: ARG001
    plan: Plan,
    lineage: Lineage,  # noqa: ARG001
) -> None:
    plan.known.instance.changed()


def _transaction(
    observation: Observation,  # noqa: ARG001
    observed: Observed,  # noqa: ARG001
    plan: Plan,
    lineage: Lineage,
) -> None:
    """After ROLLBACK tables are what they were."""
    known = plan.known
    if _BEGIN.match(lineage.sql):
        known.before = dict(known.instance.tables)
    elif _ROLLBACK.match(lineage.sql) and known.before is not None:
        known.instance.tables = known.before
        known.before = None
        known.instance.views.clear()
        known.instance.changed()
    else:
        known.before = None
    if known.before is None:
        known.pending.clear()


_Rule = Callable[[Observation, Observed, Plan, Lineage], Any]
_RULES: dict[str, _Rule] = {
    "create table": _create_table,
    "create view": _create_view,
    "create macro": _macro,
    "insert": _change_table,
    "update": _change_table,
    "delete": _change_table,
    "merge": _change_table,
    "copy from": _change_table,
    "copy to": _copy_to,
    "alter": _alter,
    "drop table": _drop,
    "drop view": _drop,
    "drop schema": _drop,
    "drop macro": _drop,
    "export": _export,
    "import": _import,
    "attach": _other_place,
    "detach": _other_place,
    "use": _other_place,
    "set": _setting,
    "set variable": _variable,
    "other": _setting,
    "unknown": _other_place,
    "transaction": _transaction,
}
