"""What the names in a statement stand for: tables, views, files, macros, the user's variables.

DuckDB itself is asked, and cheaply: ``connection.table(name)`` binds a name in 4 µs, disturbs no
result that waits to be fetched, and sees what a transaction has not committed. The order is
DuckDB's own: tables and views, then Python's variables, then files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any, NamedTuple
from urllib.parse import unquote

from governed_kernel.capture.adapters.duckdb.addresses import attached_uri, is_remote, postgres_uri
from governed_kernel.capture.adapters.duckdb.files import (
    FILE_FUNCTIONS,
    is_file_name,
    matching,
    uri_of,
)
from governed_kernel.capture.adapters.duckdb.instances import Connected, Key
from governed_kernel.capture.adapters.duckdb.objects import Seen, seen, variable
from governed_kernel.capture.adapters.duckdb.places import (
    catalogs,
    definition_of,
    elsewhere,
    is_there,
    key_of,
    quoted,
    relation_named,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Known, Macro, Schemas, Table, placed
from governed_kernel.capture.sql.steps import table_uri
from governed_kernel.capture.steps import Step
from governed_kernel.capture.uris import sqlite_uri
from governed_kernel.lineage.events import Operation, ResourceKind

__all__ = ["Catalog", "Claim", "Source", "bound_by_duckdb", "database_claim", "file_claim"]


class Claim(NamedTuple):
    """An access that a statement makes."""

    operation: Operation
    kind: ResourceKind
    uri: str
    path: str
    """What policy is asked about."""


class Source(NamedTuple):
    """What a table of a statement really is."""

    seen: Seen | None = None
    """Something in memory."""
    uris: tuple[str, ...] = ()
    """Files, or one table of a database outside."""
    kind: str = "file"
    claims: tuple[Claim, ...] = ()
    extra: Any = None


class Catalog(Schemas):
    """Answers for one statement, and remembers what it answered.

    Parameters
    ----------
    frame : frame, optional
        Where the statement was called; its variables may be tables.
    exact : bool
        Ask DuckDB for the columns of files as well, which reads their beginnings.
    bound : mapping, optional
        Names that stand for things by themselves: the relations that a relation was made of.
    """

    def __init__(
        self,
        observation: Observation,
        step: Step,
        known: Connected,
        connection: Any,
        frame: FrameType | None,
        *,
        exact: bool = False,
        bound: Mapping[str, Source] | None = None,
    ) -> None:
        self.observation = observation
        self.step = step
        self.known = known
        self.connection = connection
        self.frame = frame
        self.exact = exact
        self.bound = bound or {}
        self.sources: dict[Table, Source] = {}
        self.answers: dict[Table, Known | None] = {}

    # --- Schemas ----------------------------------------------------------------------------

    def table(self, table: Table) -> Known | None:
        """What is known of a table; and what it is comes into `sources`."""
        if table not in self.answers:
            if table.function == "copy":
                quoted = table.name[0].replace("'", "''")
                self.answers[table] = self._files(table, [table.name[0]], f"'{quoted}'")
            elif table.function:
                self.answers[table] = self._function(table)
            else:
                self.answers[table] = self._named(table)
        return self.answers[table]

    def macro(self, name: str) -> Macro | None:
        """A macro of the database."""
        instance = self.known.instance
        if instance.macros is None:
            instance.macros = {}
            if instance.version or instance.uri:
                instance.macros = self._macros()
        return instance.macros.get(name.lower())

    def encloses(self, name: str) -> bool:
        """Whether a Python function of the database has data within reach."""
        return bool(self.known.instance.functions.get(name.lower()))

    def _macros(self) -> dict[str, Macro]:
        rows = self.connection.cursor().execute(
            "SELECT function_name, parameters, macro_definition FROM duckdb_functions() "
            "WHERE NOT internal AND macro_definition IS NOT NULL"
        )
        return {
            name.lower(): Macro(tuple(parameters), definition)
            for name, parameters, definition in rows.fetchall()
        }

    # --- names ------------------------------------------------------------------------------

    def _named(self, table: Table) -> Known | None:
        if len(table.name) == 1 and (bound := self.bound.get(table.name[0])) is not None:
            self.sources[table] = bound
            return Known(bound.seen.columns if bound.seen is not None else None)
        name = table.name[0]
        if len(table.name) == 1 and is_file_name(name) and not self._in_database(table):
            return self._files(table, [name], f"'{name}'")
        if self.known.instance.views:
            key = key_of(table.name, self.known, self.connection)
            if definition := self.known.instance.views.get(key):
                # Binding it would read the beginnings of its files.
                return Known(None, self._as_there(definition, key))
        relation = bound_by_duckdb(table.name, self.known, self.connection)
        if relation is not None:
            return self._in_catalog(table, relation)
        if table.name[:-1] in (("main",), ("temp",), ("temp", "main")):
            alone = table._replace(name=table.name[-1:])
            known = self._named(alone)
            if alone in self.sources:
                self.sources[table] = self.sources[alone]
                return known
        if len(table.name) > 1 or elsewhere(self.known, self.connection):
            key = key_of(table.name, self.known, self.connection)
            if definition := definition_of(key, self.known, self.connection):
                return Known(None, self._as_there(definition, key))
        thing = variable(self.frame, table.name[-1])
        return None if thing is None else self._variable(table, thing)

    def _in_database(self, table: Table) -> bool:
        """Whether a name that looks like a file's is a table's nevertheless."""
        return (*key_of(table.name, self.known, self.connection)[:2], table.name[0].lower()) in (
            self.known.instance.tables
        )

    def _in_catalog(self, table: Table, relation: Any) -> Known | None:
        columns = tuple(relation.columns)
        name = table.name[-1].lower()
        if len(table.name) == 1 and name in self.known.registered:
            reference, node = self.known.registered[name]
            thing = reference() if reference is not None else None
            if thing is not None:
                return self._variable(table, thing)
            if node is not None:
                return self._memory(table, node, columns)
        if len(table.name) == 1 and name in self.known.relations:
            return self._relation(table, self.known.relations[name])
        key = key_of(table.name, self.known, self.connection)
        # Views, and tables of other schemas, come as queries.
        if relation.type != "TABLE_RELATION":
            definition = definition_of(key, self.known, self.connection)
            if definition:
                return Known(columns, self._as_there(definition, key))
        return self._table(table, key, columns)

    def _table(self, table: Table, key: Key, columns: tuple[str, ...]) -> Known:
        """A table of this database: outside the process, or in its memory."""
        uri = catalogs(self.known, self.connection).get(key[0], "")
        generated = self.known.instance.generated.get(key, ())
        if uri:
            self.sources[table] = database_table(uri, key)
            return Known(columns, generated=generated)
        tables = self.known.instance.tables
        node = tables.get(key)
        if node is None or node.columns != columns:
            node = tables[key] = Node(self.observation.new_entity(), "table", columns)
        return self._memory(table, node, columns)._replace(generated=generated)

    def _memory(self, table: Table, node: Node, columns: tuple[str, ...]) -> Known:
        cells = {column: ((node, column),) for column in columns}
        self.sources[table] = Source(Seen(columns, cells), kind="table")
        return Known(columns)

    def _as_there(self, definition: str, key: Key) -> str:
        """A view's query with the names that its own schema has, which is looked through first."""
        known, connection = self.known, self.connection
        if key[0].startswith("temp#") or (key[1] == "main" and not elsewhere(known, connection)):
            return definition
        place = key[:2]
        return placed(definition, place, lambda name: is_there((*place, name), known, connection))

    def _variable(self, table: Table, thing: Any) -> Known | None:
        node = self.observation.registry.get(thing)
        if node is not None and node.kind == "relation":
            return self._relation(table, node)
        found = seen(self.observation, self.step, thing)
        if found is None:
            # If DuckDB can read it (a stream of Arrow's), its columns are what it says.
            self.sources[table] = Source(kind=type(thing).__name__.lower())
            return Known()
        claims = tuple(self._files_of_dataset(thing))
        self.sources[table] = Source(found, kind="frame", claims=claims)
        return Known(found.columns)

    def _relation(self, table: Table, node: Node) -> Known:
        """Another relation: what it reads is read now."""
        from governed_kernel.capture.adapters.duckdb.late import by_now

        node = by_now(self.observation, self.step.observed, node)
        cells = {column: ((node, column),) for column in node.columns}
        claims = tuple(getattr(node.extra, "claims", ()))
        self.sources[table] = Source(Seen(node.columns, cells), kind="relation", claims=claims)
        return Known(node.columns)

    def _files_of_dataset(self, thing: Any) -> Iterator[Claim]:
        """A dataset of pyarrow's is files that are read when DuckDB asks for them."""
        files = getattr(thing, "files", None)
        if type(thing).__module__.startswith("pyarrow") and isinstance(files, list):
            for path in files:
                yield file_claim(str(path))

    # --- files and functions ----------------------------------------------------------------

    def _function(self, table: Table) -> Known | None:
        name, arguments = table.function, table.arguments
        if name in ("sqlite_scan", "sqlite_scanner", "sqlite_query") and arguments:
            return self._scanned(table, sqlite_uri(arguments[0]), arguments[1:])
        if name.startswith(("postgres_scan", "postgres_query", "mysql_query", "mysql_scan")):
            if arguments:
                kind = "mysql" if name.startswith("mysql") else "postgres"
                address = catalogs(self.known, self.connection).get(arguments[0].lower())
                uri = address or attached_uri(arguments[0], kind) or postgres_uri(arguments[0])
                return self._scanned(table, uri, () if "query" in name else arguments[1:])
            return None
        if name in FILE_FUNCTIONS or (arguments and is_file_name(arguments[0])):
            patterns = arguments if name != "st_read" else arguments[:1]
            return self._files(table, list(patterns), table.text, table.columns)
        return Known(table.columns or None)

    def _scanned(self, table: Table, uri: str | None, names: tuple[str, ...]) -> Known | None:
        if uri is None:
            return None
        target = table_uri(uri, names) if names else uri
        self.sources[table] = Source(None, (target,), "table", (database_claim("read", target),))
        return Known(None)

    def _files(
        self, table: Table, patterns: list[str], text: str, columns: tuple[str, ...] = ()
    ) -> Known:
        paths = [path for pattern in patterns for path in matching(pattern, self.connection)]
        claims = tuple(dict.fromkeys(file_claim(path) for path in paths))
        self.sources[table] = Source(None, tuple(claim.uri for claim in claims), "file", claims)
        if columns or not self.exact or any(claim.kind == "http" for claim in claims):
            return Known(columns or None)
        return Known(self._columns_of(text))

    def _columns_of(self, text: str) -> tuple[str, ...] | None:
        import duckdb

        try:
            return tuple(self.connection.cursor().sql(f"FROM {text}").columns)
        except duckdb.Error:
            return None


def bound_by_duckdb(name: tuple[str, ...], known: Connected, connection: Any) -> Any:
    """The relation of a table or a view, or of a file; None where there is none of that name."""
    import duckdb

    # Asking for what is not there is dear: DuckDB looks for similar names.
    absent = known.instance.absent
    if name in absent:
        return None
    try:
        for spelling in _spellings(name, known, connection):
            if (found := relation_named(connection, spelling)) is not None:
                return found
    except duckdb.Error:
        return None
    if all(not uri or uri.startswith("duckdb:") for uri in catalogs(known, connection).values()):
        absent.add(name)
    return None


def _spellings(name: tuple[str, ...], known: Connected, connection: Any) -> Iterator[str]:
    """How ``connection.table`` may know a table.

    A single name is taken as it is, for a view as well, and found in ``main`` alone; several must
    be a table's. It doesn't look for the schema of an attached database, which is ``public`` in
    some.
    """
    places = catalogs(known, connection)
    if len(name) == 1 and elsewhere(known, connection):
        key = key_of(name, known, connection)
        yield name[0] if key[0].startswith("temp#") else quoted(key)
    else:
        yield name[0] if len(name) == 1 else quoted(name)
    if len(name) < 3 and len(places) > 1:
        catalog, schema, _ = key_of(name, known, connection)
        if places.get(catalog, "").startswith("postgresql") and schema == "main":
            schema = "public"
        yield quoted((catalog, schema, name[-1]))


def file_claim(path: str, operation: Operation = "read") -> Claim:
    """The access to one file, here or elsewhere."""
    uri = uri_of(path)
    if is_remote(path):
        return Claim(operation, "http", uri, uri)
    local = os.path.expanduser(path.removeprefix("file://"))  # noqa: PTH111 - many at once
    return Claim(operation, "file", uri, os.path.realpath(local))


def database_claim(operation: Operation, uri: str) -> Claim:
    """The access to a database, or to a table behind ``#``."""
    local = uri.startswith(("duckdb:///", "sqlite:///"))
    place = unquote(uri.partition("#")[0].partition("://")[2]) if local else uri
    return Claim(operation, "sql", uri, place)


def database_table(uri: str, key: Key) -> Source:
    """A table of a database outside the process."""
    target = table_uri(uri, key[1:])
    return Source(None, (target,), "table", (database_claim("read", target),))
