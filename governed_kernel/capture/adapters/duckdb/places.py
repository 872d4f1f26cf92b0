"""Where the tables of a statement are: which catalog and schema a name without them leads to."""

from __future__ import annotations

import builtins
import re
import types
from collections.abc import Iterator
from typing import Any, TypeAlias

from governed_kernel.capture.adapters.duckdb.addresses import attached_uri
from governed_kernel.capture.adapters.duckdb.instances import Connected, Key

__all__ = [
    "catalogs",
    "definition_of",
    "elsewhere",
    "is_there",
    "key_of",
    "quoted",
    "relation_named",
    "search_path",
    "told_path",
]

Path: TypeAlias = tuple[tuple[str, str], ...]
"""Catalogs and schemas, in the order in which a bare name is looked for."""
_ENTRY = re.compile(r'("(?:[^"]|"")*"|[^,."]+)(\.|,|$)')


def _as_it_is(call: Any, name: Any) -> Any:
    return call(name)


# DuckDB looks for variables in the frame that calls it: this one has none that SQL could name.
_code = _as_it_is.__code__
_bare = types.FunctionType(
    _code.replace(co_varnames=("@call", "@name"), co_name="@bare"),
    {"__builtins__": vars(builtins)},
    "@bare",
)


def relation_named(connection: Any, name: str) -> Any:
    """The relation of what DuckDB knows by that name, None where there is nothing.

    Raises
    ------
    duckdb.Error
        It may be there, and can't be bound: a transaction is broken, a view's table is gone.
    """
    import duckdb

    try:
        return _bare(connection.table, name)
    except duckdb.CatalogException:
        return None


def quoted(name: tuple[str, ...]) -> str:
    """A full name as DuckDB reads it."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name)


def catalogs(known: Connected, connection: Any) -> dict[str, str]:
    """Name → URI of what is attached to an instance, asked of DuckDB; without the system's."""
    if known.instance.catalogs is None:
        rows = (
            connection.cursor()
            .execute("SELECT database_name, path, type FROM duckdb_databases() WHERE NOT internal")
            .fetchall()
        )
        known.instance.catalogs = {
            name.lower(): (attached_uri(path, kind) or "") if path else ""
            for name, path, kind in rows
        }
    return known.instance.catalogs


_MOVES = re.compile(
    r"(?is)^\s*(?:use|set\s+(?:session\s+|local\s+)?(?:schema|search_path)\s*(?:=|to\b))\s*(.+?)\s*;?\s*$"
)


def told_path(sql: str, known: Connected, connection: Any) -> Path | None:
    """The path that a statement sets; None for one that sets none, or leaves it open."""
    found = _MOVES.match(sql)
    if found is None:
        return None
    before = known.path[0][0] if known.path else ""
    catalog, names = before or next(iter(catalogs(known, connection)), ""), found[1].strip("'")
    places = [
        (schema, "main")
        if place == catalog and schema in catalogs(known, connection)
        else (place, schema)
        for place, schema in _entries(names.lower(), catalog)
    ]
    return tuple(dict.fromkeys([*places, (places[0][0], "main")])) if places else None


def search_path(known: Connected, connection: Any) -> Path:
    """Catalogs and schemas where a bare name is looked for, after those of the connection."""
    if known.path is None:
        names = catalogs(known, connection)
        if len(names) == 1 and not known.moved:
            known.path = ((next(iter(names)), "main"),)
        else:
            # A cursor begins with the defaults of the instance, so the connection itself is asked.
            asked = "SELECT current_database(), current_schema(), current_setting('search_path')"
            catalog, schema, path = connection.sql(asked).fetchone()
            found = [(catalog, schema), *_entries(path, catalog), (catalog, "main")]
            known.path = tuple(dict.fromkeys([(one.lower(), two.lower()) for one, two in found]))
        known.moved = False
    return known.path


def _entries(path: str, catalog: str) -> Iterator[tuple[str, str]]:
    """The parts of ``memory.sx,"my schema"``."""
    parts: list[str] = []
    for part, after in _ENTRY.findall(path):
        bare = part.strip()
        parts.append(bare[1:-1].replace('""', '"') if bare.startswith('"') else bare)
        if after != ".":
            yield (parts[-2] if len(parts) > 1 else catalog), parts[-1]
            parts = []


def elsewhere(known: Connected, connection: Any) -> bool:
    """Whether a bare name may be another schema's than ``main``."""
    return len(search_path(known, connection)) > 1 or known.path[0][1] != "main"  # type: ignore[index]


def key_of(name: tuple[str, ...], known: Connected, connection: Any, *, made: bool = False) -> Key:
    """The full name of a table; of one that is to be `made`, where it comes to be."""
    parts = [part.lower() for part in name]
    instance, path = known.instance, search_path(known, connection)
    temporary = (f"temp#{known.number}", "main", parts[-1])
    is_temporary = temporary in instance.tables or bool(instance.views.get(temporary))
    if len(parts) == 1:
        if is_temporary:
            return temporary
        places = [(*place, parts[0]) for place in path]
        if len(path) == 1 or made:
            return places[0]
        return next((key for key in places if is_there(key, known, connection)), places[0])
    if len(parts) == 2:
        if parts[0] in catalogs(known, connection):
            return parts[0], "main", parts[1]
        if parts[0] == "temp" or (parts[0] == "main" and is_temporary and not made):
            # What is temporary is in a schema of that name as well, and found first.
            return temporary
        return path[0][0], parts[0], parts[1]
    return (temporary[0] if parts[0] == "temp" else parts[0]), parts[1], parts[2]


def is_there(key: Key, known: Connected, connection: Any) -> bool:
    """Whether there is a table or a view of that full name."""
    import duckdb

    if key in known.instance.tables:
        return True
    try:
        table = relation_named(connection, quoted(key))
    except duckdb.Error:
        return False
    return table is not None or bool(definition_of(key, known, connection))


def definition_of(key: Key, known: Connected, connection: Any) -> str:
    """The statement that made a view; empty for what is none."""
    found = known.instance.views.get(key)
    if found is None:
        rows = connection.cursor().execute(
            "SELECT sql FROM duckdb_views() WHERE lower(database_name) = $1 "
            "AND lower(schema_name) = $2 AND lower(view_name) = $3",
            [key[0].partition("#")[0], key[1], key[2]],
        )
        row = rows.fetchone()
        found = known.instance.views[key] = row[0] if row is not None else ""
    return found
