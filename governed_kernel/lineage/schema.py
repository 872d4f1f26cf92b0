"""The lineage store's tables: one a kind of session event, the graph, and what the ledger says.

Tables lie in the schema ``base`` and may change with `SCHEMA_VERSION`; whoever asks questions uses
the public views (`views`), which are a contract. The tables of session events follow from the
structs of `events`, so the vocabulary is written down once. There are no keys or sequences: numbers
are given in order of arrival, so that DuckDB's zone maps find a few edges among millions, and the
same schema fits DuckLake (`lake`), where whoever ingests only ever adds rows. Names have no order
that would help: a file finds them by indexes; a lake can have none, and reads them all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import duckdb
import msgspec
from msgspec import inspect

from governed_kernel.canonical import digest_bytes
from governed_kernel.lineage import events
from governed_kernel.lineage.belonging import INTERNAL_VIEWS
from governed_kernel.lineage.binding import literal
from governed_kernel.lineage.views import VIEWS

__all__ = [
    "EVENT_TABLES",
    "GRAPH_TABLES",
    "LEDGER_TABLES",
    "SCHEMA_VERSION",
    "EventTable",
    "create",
    "is_current",
    "mark",
    "mark_of",
    "quoted",
    "statements",
]

SCHEMA_VERSION = 4
"""Raised with every change of what a table or view means."""


@dataclass(frozen=True)
class EventTable:
    """One kind of session event as JSON in a journal and as a table.

    Attributes
    ----------
    name : str
        Of the table in the schema ``base``.
    json : dict of str to str
        The event's fields and their DuckDB types, as they are read.
    kept : tuple of str
        The fields that the table has.
    defaults : dict of str to str
        Fields that an event may leave out, and what they are then, as SQL.
    """

    name: str
    json: dict[str, str]
    kept: tuple[str, ...]
    defaults: dict[str, str]

    def column_type(self, field: str) -> str:
        """The DuckDB type of a kept field; moments are kept as UTC without a zone."""
        return self.json[field].replace("TIMESTAMPTZ", "TIMESTAMP")

    def value_of(self, field: str) -> str:
        """A field as it is kept, from a row in which moments are text and NULL is left out."""
        name = quoted(field)
        if self.json[field] == "TIMESTAMPTZ":  # nearly all end in Z, which takes a fraction
            return (
                f"CASE WHEN suffix({name}, 'Z') THEN {name}::TIMESTAMP "
                f"ELSE {name}::TIMESTAMPTZ::TIMESTAMP END AS {name}"
            )
        default = self.defaults.get(field)
        if default == "''" and self.name == "access":
            return f"nullif({name}, '') AS {name}"  # mostly empty, and NULL costs a tenth
        return name if default is None else f"coalesce({name}, {default}) AS {name}"

    def create(self, leading: str = "") -> str:
        """The statement that makes the table."""
        fields = ", ".join(f"{quoted(name)} {self.column_type(name)}" for name in self.kept)
        return (
            f"CREATE TABLE base.{self.name} ({leading}session_no INTEGER, record BIGINT, {fields})"
        )


def quoted(name: str) -> str:
    """An identifier as SQL takes it literally."""
    return '"' + name.replace('"', '""') + '"'


def _type_of(described: inspect.Type) -> str:
    """The DuckDB type that holds a field of an event."""
    if isinstance(described, inspect.ListType):
        return f"{_type_of(described.item_type)}[]"
    if isinstance(described, inspect.StructType):
        if described.array_like:  # positions instead of names; all of them text
            return "VARCHAR[]"
        fields = (f"{field.encode_name} {_type_of(field.type)}" for field in described.fields)
        return f"STRUCT({', '.join(fields)})"
    simple: dict[type[inspect.Type], str] = {
        inspect.IntType: "BIGINT",
        inspect.FloatType: "DOUBLE",
        inspect.BoolType: "BOOLEAN",
        inspect.DateTimeType: "TIMESTAMPTZ",
        inspect.DictType: "JSON",
        inspect.StrType: "VARCHAR",
        inspect.LiteralType: "VARCHAR",
    }
    return simple[type(described)]


def _event_tables(*kinds: type[msgspec.Struct]) -> dict[str, EventTable]:
    tables = {}
    for kind in kinds:
        described = inspect.type_info(kind)
        assert isinstance(described, inspect.StructType)
        fields = {field.encode_name: _type_of(field.type) for field in described.fields}
        del fields["schema"]
        defaults = {field.encode_name: _default_of(field) for field in described.fields}
        known = {name: default for name, default in defaults.items() if default}
        tag = str(described.tag)
        tables[tag] = EventTable(tag.replace("-", "_"), fields, tuple(fields), known)
    return tables


def _default_of(field: inspect.Field) -> str:
    """What a field that was left out is, as SQL; empty where it can't be."""
    if field.default_factory in (list, dict):
        return "'{}'" if field.default_factory is dict else "[]"
    if field.default is msgspec.NODEFAULT:
        return ""
    value = field.default
    return literal(value) if isinstance(value, str) else str(value).lower()


EVENT_TABLES = _event_tables(
    events.SessionStarted,
    events.CellStarted,
    events.CellEnded,
    events.Access,
    events.Digested,
    events.Derived,
    events.Transformation,
    events.Witnessed,
    events.ObserverLost,
    events.Completeness,
    events.SessionEnded,
)
"""Tag of a session event → its table. `JournalOpened` has none: it is the journal itself."""

GRAPH_TABLES = {
    # Those that the store knows, by the number that all their rows have in theirs (`numbering`).
    "workspaces": "workspace_no INTEGER, workspace_id VARCHAR, name VARCHAR, host VARCHAR",
    "journals": "session_no INTEGER, session_id VARCHAR, records BIGINT, size BIGINT, "
    "head VARCHAR, stored BIGINT, form VARCHAR, payload_size BIGINT, payload_mark VARCHAR",
    "payloads": "session_no INTEGER, digest VARCHAR, text VARCHAR",
    # Things in memory have positive numbers, resources outside it negative ones.
    "objects": "entity_no BIGINT, session_no INTEGER, entity VARCHAR, kind VARCHAR, "
    "name VARCHAR, columns VARCHAR[]",
    "resources": "entity_no BIGINT, uri VARCHAR, kind VARCHAR",
    # The tree of the resources' names: what lies in a folder is found step by step.
    "folders": "workspace_no INTEGER, folder VARCHAR, name VARCHAR",
    "uses": "transformation_no BIGINT, entity_no BIGINT",
    "makes": "transformation_no BIGINT, entity_no BIGINT",
    "reads": "transformation_no BIGINT, entity_no BIGINT, kind VARCHAR, session_no INTEGER, "
    "execution BIGINT, occurred_at TIMESTAMP, columns VARCHAR[]",
    "writes": "transformation_no BIGINT, entity_no BIGINT, kind VARCHAR, session_no INTEGER, "
    "execution BIGINT, occurred_at TIMESTAMP, columns VARCHAR[]",
    "column_edges": "transformation_no BIGINT, output_no BIGINT, output_column VARCHAR, "
    "input_no BIGINT, input_column VARCHAR, relation VARCHAR, evidence VARCHAR",
    # Which write a read saw: the link between sessions, and between cells by way of a file.
    "continuations": "read_no BIGINT, entity_no BIGINT, write_no BIGINT",
    # The same from one workspace into another: `source_no` is what was written there.
    "crossings": "read_no BIGINT, entity_no BIGINT, write_no BIGINT, source_no BIGINT",
    # Within a session: columns of written resources ← columns of read resources.
    "origins": "write_no BIGINT, output_no BIGINT, output_column VARCHAR, read_no BIGINT, "
    "input_no BIGINT, input_column VARCHAR, relation VARCHAR, evidence VARCHAR",
}

LEDGER_TABLES: dict[str, dict[str, str]] = {
    view.name: {column.name: column.type for column in view.columns}
    for view in VIEWS
    if view.from_ledger
}
"""Tables that the governance side fills: each view of the ledger, and the two below."""
LEDGER_TABLES["dataset_files"] = dict.fromkeys(("dataset", "version", "path", "sha256"), "VARCHAR")
LEDGER_TABLES["dataset_parents"] = dict.fromkeys(
    ("dataset", "version", "parent_dataset", "parent_version", "part"), "VARCHAR"
)


_INDEXES = ("resources (uri)", "folders (folder)", "access (uri)")
"""Names that questions begin with: found by equality, whatever else the store knows."""

_JOURNALS_OF_A_LAKE = f"""
CREATE TABLE base.journal_states (state_no BIGINT, {GRAPH_TABLES["journals"]});
CREATE VIEW base.journals AS SELECT * EXCLUDE (state_no) FROM base.journal_states
    QUALIFY row_number() OVER (PARTITION BY session_no ORDER BY state_no DESC) = 1
"""


def statements(*, lake: bool = False) -> list[str]:
    """Everything that makes tables, views and their comments in an empty database.

    Parameters
    ----------
    lake : bool
        For DuckLake, where who removes rows gets in the way of all who add some: so where a journal
        stands is added, never changed. There are no indexes, nor comments on views' columns.
    """
    made = ["CREATE SCHEMA base", "CREATE TABLE base.meta (key VARCHAR, value VARCHAR)"]
    made += [_create_event_table(tag, table) for tag, table in EVENT_TABLES.items()]
    for name, columns in GRAPH_TABLES.items():
        if lake and name == "journals":
            made += _JOURNALS_OF_A_LAKE.split(";")
        else:
            made.append(f"CREATE TABLE base.{name} ({columns})")
    for name, types in LEDGER_TABLES.items():
        listed = ", ".join(f"{quoted(column)} {kind}" for column, kind in types.items())
        made.append(f"CREATE TABLE base.{name} (workspace_no INTEGER, {listed})")
    if not lake:
        for place in _INDEXES:
            made.append(f"CREATE INDEX {place.partition(' ')[0]}_by_name ON base.{place}")
    made += [f"CREATE VIEW base.{name} AS {query}" for name, query in INTERNAL_VIEWS.items()]
    for view in VIEWS:
        made.append(f"CREATE VIEW {view.name} AS {view.query}")
        made.append(f"COMMENT ON VIEW {view.name} IS {literal(view.comment)}")
        if lake:
            continue
        made += [
            f"COMMENT ON COLUMN {view.name}.{quoted(column.name)} IS {literal(column.comment)}"
            for column in view.columns
        ]
    return made


@cache
def mark() -> str:
    """The schema's version and a digest of its statements: differing stores are rebuilt."""
    return f"{SCHEMA_VERSION}:{digest_bytes(chr(10).join(statements()).encode())}"


def create(
    connection: duckdb.DuckDBPyConnection, *, texts: bool = True, lake: bool = False
) -> None:
    """Make the schema in an empty database; `texts` says whether it will hold those."""
    connection.execute(";\n".join(statements(lake=lake)))
    connection.execute(f"INSERT INTO base.meta VALUES ('schema', {literal(_mark_with(texts))})")


def _create_event_table(tag: str, table: EventTable) -> str:
    kept: tuple[str, ...] = table.kept
    if tag == "digested":  # one row an access
        kept = tuple("access_id" if name == "access_ids" else name for name in kept)
        return replace(table, json={**table.json, "access_id": "BIGINT"}, kept=kept).create()
    if tag == "transformation":  # the graph tables have its edges
        fields = {**table.json, "inputs": "VARCHAR[]", "outputs": "VARCHAR[]"}
        kept = tuple(name for name in kept if name != "columns")
        return replace(table, json=fields, kept=kept).create("transformation_no BIGINT, ")
    return table.create()


def is_current(connection: duckdb.DuckDBPyConnection, *, texts: bool = True) -> bool:
    """Whether an open database is a lineage store of exactly this schema, with or without texts."""
    return mark_of(connection) == _mark_with(texts)


def mark_of(connection: duckdb.DuckDBPyConnection) -> str:
    """The schema that an open database says it has; empty when it is no lineage store."""
    try:
        found = connection.execute("SELECT value FROM base.meta WHERE key = 'schema'").fetchone()
    except duckdb.CatalogException:
        return ""
    return str(found[0]) if found else ""


def _mark_with(texts: bool) -> str:
    return mark() if texts else f"{mark()}:withheld"
