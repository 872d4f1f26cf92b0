"""What a statement is going to do: read it, find out what its names are, ask whether it may."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote

from governed_kernel.capture.adapters.duckdb.addresses import attached_uri
from governed_kernel.capture.adapters.duckdb.catalog import (
    Catalog,
    Claim,
    Source,
    database_claim,
    file_claim,
)
from governed_kernel.capture.adapters.duckdb.extensions import extension_claims
from governed_kernel.capture.adapters.duckdb.files import kept_files
from governed_kernel.capture.adapters.duckdb.instances import Connected
from governed_kernel.capture.adapters.duckdb.objects import Seen
from governed_kernel.capture.adapters.duckdb.places import catalogs, key_of
from governed_kernel.capture.adapters.duckdb.texts import united, with_computed
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Known, Lineage, Table, lineage_of, without_secrets
from governed_kernel.capture.sql.model import EVERY, VALUE, enclosed_by, parameter, variable
from governed_kernel.capture.sql.steps import table_uri
from governed_kernel.capture.steps import Step
from governed_kernel.capture.untold import untold, untold_value
from governed_kernel.lineage.events import Operation

__all__ = ["Plan", "announce_all", "plan_of", "remember_writes", "report"]

_MOST_READINGS = 500
_MOST_DETAILS = 20
_MOST_VALUES = 1_000
_SHAPED = re.compile(r"(?i)\s*(select|with|from|insert|update|delete)\b")
_FUNCTION = re.compile(r"(?i)\b(read_\w+|\w+_scan|columns|copy)\s*\(")
_VALUES = re.compile(r"(?i)\bvalues\b(?!.*\bselect\b)")
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d[\d.]*\b")
_COMPARED = re.compile(r"([=<>]\s*)(?:'(?:[^']|'')*'|\d[\d.]*\b)")
_COMMIT = re.compile(r"(?i)^\s*(commit|end)\b")
_LOADED = re.compile(r"(?i)\bFROM '((?:[^']|'')+)'")


@dataclass
class Plan:
    """What was found out before a call."""

    sql: str
    known: Connected
    connection: Any
    lineages: tuple[Lineage, ...] = ()
    sources: dict[Table, Source] = field(default_factory=dict)
    shape: str = ""
    """The statement without the values that it compares with."""
    claims: tuple[Claim, ...] = ()
    """What is accessed at once."""
    unknown: frozenset[Table] = frozenset()
    """Tables that nobody found, though DuckDB may."""
    existing: tuple[Table, ...] = ()
    """Tables to be made only if they are not there, which are there."""
    begun: int = field(default_factory=time.time_ns)


def plan_of(
    observation: Observation,
    step: Step,
    known: Connected,
    connection: Any,
    sql: str,
    frame: FrameType | None,
    bound: Mapping[str, Source] | None = None,
    given: Any = None,
    *,
    repeated: bool = False,
    is_users: bool = False,
    taken: Sequence[tuple[Any, Node]] = (),
) -> Plan:
    """Read a statement, with the values `given` for its parameters, and resolve its names.

    Where it is carried out for each of a list of rows (`repeated`), these are `given`. Of the
    user's own text (`is_users`), what was put into it is looked for; of one that DuckDB made of a
    relation's method, the numbers that this has `taken`.
    """
    catalog = Catalog(observation, step, known, connection, frame, bound=bound)
    values = _values(observation, given, repeated=repeated)
    text, shape = sql, shape_of(sql)
    if values:
        from governed_kernel.capture.sql.parsing import numbered  # brings sqlglot

        text = shape = numbered(sql, "duckdb")
    replaced, computed = with_computed(observation, text, is_users=is_users, taken=taken)
    lineages = _read(text, shape, known, catalog)
    if computed:
        lineages = united(lineages, _read(replaced, replaced, known, catalog), computed)
        shape += replaced
        values |= computed
    if any(_is_unsure(each) for each in lineages) and _has_files(catalog):
        # Only what the files' columns are called can settle it.
        catalog = Catalog(observation, step, known, connection, frame, exact=True, bound=bound)
        lineages = lineage_of(text, "duckdb", catalog)
        if computed:
            lineages = united(lineages, lineage_of(replaced, "duckdb", catalog), computed)
    made = _executed(lineages, known, catalog)
    kept = {variable(name): _value(node) for name, node in known.variables.items()}
    kept |= {enclosed_by(name): _anything(n) for name, n in known.instance.functions.items() if n}
    plan = Plan(sql, known, connection, made, catalog.sources | values | kept, shape)
    plan.unknown = frozenset(table for table, found in catalog.answers.items() if found is None)
    for each in plan.lineages:
        if each.target is None:
            continue
        there = each.kind in (*_CHANGES, "export") or each.options.get("exists") == "yes"
        if there and catalog.table(each.target) is not None and each.options.get("exists"):
            plan.existing = (*plan.existing, each.target)
    if len(plan.lineages) == 1:
        for table, source in plan.sources.items():
            if source.kind == "file" and len(source.uris) > 1:
                plan.sources[table] = _pruned(source, sql, connection)
    plan.claims = tuple(dict.fromkeys(_claims(plan)))
    return plan


def _value(node: Node) -> Source:
    """A single value as a source."""
    return Source(Seen((VALUE,), {VALUE: ((node, (node.columns or (EVERY,))[0]),)}), kind="value")


def _anything(nodes: Iterable[Node]) -> Source:
    """All that a user's function may use."""
    cells = [(node, column) for node in nodes for column in node.columns or (EVERY,)]
    return Source(Seen((VALUE,), {VALUE: tuple(cells)}, "conservative"), kind="value")


def _values(observation: Observation, given: Any, *, repeated: bool) -> dict[Table, Source]:
    """What is known of the values that a statement gets: a mean, a date from a column."""
    if repeated and isinstance(given, (list, tuple)) and given:
        # Each row gives a value in each place.
        whole = _node_of(observation, given)
        first = given[0] if isinstance(given[0], (list, tuple, Mapping)) else ()
        if whole is not None:
            names = first if isinstance(first, Mapping) else range(1, len(first) + 1)
            return {parameter(str(name)): _value(whole) for name in names}
    if isinstance(given, Mapping):
        named = [(str(name), value) for name, value in given.items()]
    elif isinstance(given, (list, tuple)):
        named = [(str(place), value) for place, value in enumerate(given, 1)]
    else:
        return {}
    found = {}
    for name, value in named[:_MOST_VALUES]:
        node = _node_of(observation, value)
        if node is not None:
            found[parameter(name)] = _value(node)
    return found


def _node_of(observation: Observation, value: Any) -> Node | None:
    """What is known of a value; a name, where only its statement tells what it may be."""
    node = observation.scalars.get(value)
    if node is not None or isinstance(value, bool):
        return node
    if isinstance(value, (list, tuple, dict)) or type(value).__name__ == "ndarray":
        return untold(observation, value)
    is_single = isinstance(value, (int, float, str)) or type(value).__module__ == "numpy"
    return untold_value(observation, value) if is_single else None


def _pruned(source: Source, sql: str, connection: Any) -> Source:
    """A source of many files without those whose partition a condition excludes."""
    paths = [claim.path for claim in source.claims]
    kept = set(kept_files(paths, sql, connection))
    if len(kept) == len(paths):
        return source
    claims = tuple(claim for claim in source.claims if claim.path in kept)
    return source._replace(claims=claims, uris=tuple(claim.uri for claim in claims))


_REMOVALS = ("drop table", "drop view")
_CHANGES = ("insert", "update", "delete", "merge", "copy from", "alter")


def _read(sql: str, shape: str, known: Connected, catalog: Catalog) -> tuple[Lineage, ...]:
    """The lineage of a statement; from memory, if its names mean what they meant last time."""
    readings = known.instance.readings
    before: tuple[dict[Table, Known | None], int, tuple[Lineage, ...]] | None = readings.get(shape)
    if before is not None:
        answers, version, lineages = before
        same = version == known.instance.version
        if same and all(catalog.table(table) == answer for table, answer in answers.items()):
            return lineages
    lineages = lineage_of(sql, "duckdb", catalog)
    if len(readings) >= _MOST_READINGS:
        readings.clear()
    readings[shape] = dict(catalog.answers), known.instance.version, lineages
    return lineages


def shape_of(sql: str) -> str:
    """A statement without the values that it compares with, or puts into a table.

    They change nothing for its columns, and a loop writes others each time.
    """
    if _SHAPED.match(sql) is None or _FUNCTION.search(sql) is not None:
        return sql
    inserted = _VALUES.search(sql)
    if inserted is not None:
        return sql[: inserted.end()] + _LITERAL.sub("?", sql[inserted.end() :])
    return _COMPARED.sub(r"\1?", sql)


def _is_unsure(lineage: Lineage) -> bool:
    if lineage.uncertain or lineage.reason:
        return True
    if lineage.kind == "copy to" and any(made.name == EVERY for made in lineage.columns):
        return True  # nobody will say what the columns were called
    return any(
        origin.evidence == "conservative"
        # All columns of a file decide something: it matters which there are.
        or (origin.column == EVERY and origin.relation != "IDENTITY")
        for made in lineage.columns
        for origin in made.origins
    )


def _has_files(catalog: Catalog) -> bool:
    return any(
        source.kind == "file" and answer is not None and answer.columns is None
        for table, source in catalog.sources.items()
        if (answer := catalog.answers.get(table)) is not None
    )


def _executed(
    lineages: tuple[Lineage, ...], known: Connected, catalog: Catalog
) -> tuple[Lineage, ...]:
    """With prepared statements in the places where they are carried out."""
    found: list[Lineage] = []
    for each in lineages:
        if each.kind == "prepare":
            known.prepared[each.options["name"].lower()] = each.options["statement"]
        statement = known.prepared.get(each.options.get("name", "").lower())
        if each.kind == "execute" and statement is not None:
            found += lineage_of(statement, "duckdb", catalog)
        else:
            found.append(each)
    return tuple(found)


# --- accesses --------------------------------------------------------------------------------


_NO_WRITES = ("select", "describe", "explain", "explain analyze", "execute", "prepare", "unknown")
_QUIET = (
    *_NO_WRITES,
    "set",
    "set variable",
    "use",
    "load",
    "install",
    "attach",
    "detach",
    "copy to",
    "export",
)


def _claims(plan: Plan) -> Iterable[Claim]:
    known = plan.known
    for each in plan.lineages:
        for table in each.reads:
            if (source := plan.sources.get(table)) is not None:
                yield from source.claims
        if each.kind == "transaction":
            if _COMMIT.match(each.sql):
                yield from (database_claim("write", uri) for uri in sorted(known.pending))
            continue
        found = list(_of_target(each, plan))
        if not found and each.target is None and each.kind not in _QUIET and known.instance.uri:
            # A sequence, a checkpoint, whatever: it is in the database that was opened.
            found = [database_claim("write", known.instance.uri)]
        yield from found


def remember_writes(known: Connected, claims: Iterable[Claim]) -> None:
    """Databases that were written will be once more: by a commit, a checkpoint, when they close."""
    for operation, kind, uri, _ in claims:
        if operation in ("write", "delete") and kind == "sql":
            database = uri.partition("#")[0]
            known.instance.written.add(database)
            if known.before is not None:
                known.pending.add(database)


def _of_target(lineage: Lineage, plan: Plan) -> Iterable[Claim]:
    target, known, connection = lineage.target, plan.known, plan.connection
    if target is None:
        return
    if lineage.kind == "copy to":
        if target.name[0]:
            yield file_claim(target.name[0], "write")
    elif lineage.kind == "attach":
        uri = attached_uri(target.name[0], lineage.options.get("type", ""))
        if uri is not None:
            yield database_claim("connect", uri)
    elif lineage.kind in ("load", "install"):
        yield from extension_claims(connection, target.name[0], lineage)
    elif lineage.kind == "import":
        yield from _imported(target.name[0])
    elif lineage.kind == "export":
        return  # which files, is known when they are there
    elif lineage.kind in ("create schema", "drop schema"):
        place = target.name[0] if len(target.name) > 1 else ""
        if uri := catalogs(known, connection).get(place.lower(), known.instance.uri):
            yield database_claim("write", uri)
    elif lineage.kind.startswith(("create", "drop", *_CHANGES)):
        made = lineage.kind.startswith("create")
        key = key_of(target.name, known, connection, made=made)
        uri = catalogs(known, connection).get(key[0], "")
        if uri and lineage.options.get("temporary") != "yes":
            operation: Operation = "delete" if lineage.kind in _REMOVALS else "write"
            yield database_claim(operation, table_uri(uri, key[1:]))


def _imported(folder: str) -> Iterable[Claim]:
    """The scripts of an exported database, and the files that they load."""
    for name in ("schema.sql", "load.sql"):
        yield file_claim(f"{folder}/{name}")
    try:
        script = Path(folder, "load.sql").read_text()
    except OSError:
        return
    for path in _LOADED.findall(script):
        yield file_claim(path.replace("''", "'"))


def announce_all(observation: Observation, call: Call, claims: Iterable[Claim]) -> None:
    """Ask a decision for each access that nobody around this call reports.

    Raises
    ------
    PolicyDenied
        Policy forbids one; the attempt is on record.
    """
    for operation, kind, uri, path in claims:
        if call.outer is not None and call.outer.claimed(operation, uri) is not None:
            continue
        decision = observation.decide(operation, path)
        if not decision.allowed:
            observation.access(operation, kind, uri, call.target.title, decision)
        call.claims[operation, uri] = decision, kind
        if operation in ("read", "connect") and (kind == "http" or _may_be_there(path)):
            # If the call fails after all, its beginning may have been read.
            call.opened.add((operation, uri))


def report(observation: Observation, call: Call, sql: str) -> None:
    """After the call: put on record what was announced, with the statement."""
    detail = without_secrets(sql) if call.claims and sql else ""
    for number, ((operation, uri), (decision, kind)) in enumerate(call.claims.items()):
        if operation == "write" and kind == "file" and _is_folder(uri):
            continue  # the files in it were written
        text = detail if number < _MOST_DETAILS else ""
        observation.access(operation, kind, uri, call.target.title, decision, text)
        if observation.doings:
            # Its steps speak of the tables inside.
            observation.doings[-1].explained.add(uri)


def _may_be_there(path: str) -> bool:
    return not path.startswith("/") or os.path.exists(path)  # noqa: PTH110


def _is_folder(uri: str) -> bool:
    return uri.startswith("file:///") and os.path.isdir(unquote(uri[7:]))  # noqa: PTH112
