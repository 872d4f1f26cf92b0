"""What a lineage store says, whatever numbers it gave: to hold one store against another.

Two stores made of the same journals in another order number sessions, transformations and
entities otherwise. Here each number is replaced by what it stands for, so that equal contents are
equal rows. Views, and tables that do not belong there, are part of the contents.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from governed_kernel.lineage.binding import literal
from governed_kernel.lineage.numbering import of_resource, of_session, of_thing
from governed_kernel.lineage.schema import EVENT_TABLES, GRAPH_TABLES, LEDGER_TABLES, quoted

__all__ = ["Contents", "contents", "contents_of", "first_difference"]

Contents = dict[str, tuple[int, int, int]]
"""Table → number of rows, and two sums over their hashes: alike for equal rows in any order."""

_CATALOG = "what there is"
_OF_WORKSPACE = {"workspace_no"}
_OF_SESSION = {"session_no"}
_OF_TRANSFORMATION = {"transformation_no", "read_no", "write_no"}
_OF_ENTITY = {"entity_no", "output_no", "input_no", "source_no"}
_DEFINED = {"transformation": "transformation_no", "objects": "entity_no", "resources": "entity_no",
            "workspaces": "workspace_no"}  # fmt: skip
"""Table → the number that it gives itself."""

_MEANINGS = """
WITH w AS (SELECT workspace_no AS no, workspace_id AS key FROM {0}.base.workspaces),
s AS (SELECT session_no AS no, session_id AS key FROM {0}.base.journals),
t AS (SELECT transformation_no AS no, s.key || ' ' || record AS key
      FROM {0}.base.transformation JOIN s ON s.no = session_no),
e AS (SELECT entity_no AS no, s.key || ' ' || entity AS key
      FROM {0}.base.objects JOIN s ON s.no = session_no
      UNION ALL SELECT entity_no, uri FROM {0}.base.resources)
"""
_THINGS = """
SELECT to_json({{kind: kind, name: name, said: said}}) AS said FROM (
    SELECT 'view' AS kind, view_name AS name, sql AS said FROM duckdb_views()
    WHERE database_name = '{0}' AND NOT internal
    UNION ALL SELECT 'table', schema_name || '.' || table_name, sql FROM duckdb_tables()
    WHERE database_name = '{0}' AND NOT internal
    UNION ALL SELECT 'macro', function_name, macro_definition FROM duckdb_functions()
    WHERE database_name = '{0}' AND NOT internal
    UNION ALL SELECT 'type', type_name, NULL FROM duckdb_types()
    WHERE database_name = '{0}' AND NOT internal
    UNION ALL SELECT 'index', index_name, sql FROM duckdb_indexes() WHERE database_name = '{0}')
"""


def contents(path: Path) -> Contents:
    """What the store at `path` says."""
    with duckdb.connect() as connection:
        _attach(connection, path, "one")
        return {
            name: _sums(connection, query) for name, query in _queries(connection, "one").items()
        }


def contents_of(
    connection: duckdb.DuckDBPyConnection, database: str, workspace_no: int
) -> Contents:
    """What an attached store, a file or a lake, says of one workspace alone.

    Links from one workspace into another are left out: another store may know fewer of these.
    """
    tables = {table.name: list(table.kept) for table in EVENT_TABLES.values()}
    tables |= {name: [] for name in (*GRAPH_TABLES, *LEDGER_TABLES)}
    found = {}
    for name in sorted(tables.keys() - {"workspaces", "crossings"}):
        columns = [
            row[0]
            for row in connection.execute(
                f"DESCRIBE SELECT * FROM {database}.base.{quoted(name)}"
            ).fetchall()
        ]
        own = _whose(columns)
        query = f"{_rows(database, name, columns)} WHERE {own} = {workspace_no}"
        found[name] = _sums(connection, query)
    return found


def _whose(columns: list[str]) -> str:
    """The workspace's number from a row ``x`` of a table with these columns."""
    if "workspace_no" in columns:
        return "x.workspace_no"
    if "session_no" in columns:
        return of_session("x.session_no")
    for name in ("transformation_no", "read_no", "write_no"):
        if name in columns:
            return of_thing(f"x.{name}")
    return of_resource("x.entity_no")


def first_difference(path: Path, other: Path, table: str) -> str:
    """A row of `table` that only one of two stores has, as JSON; empty when none differs."""
    with duckdb.connect() as connection:
        _attach(connection, path, "one")
        _attach(connection, other, "two")
        queries = [_queries(connection, name).get(table) for name in ("one", "two")]
        for mine, theirs in (queries, queries[::-1]):
            if mine is None:
                continue
            more = f" EXCEPT ALL (FROM ({theirs}))" if theirs else ""
            found = connection.execute(f"FROM ({mine}){more} ORDER BY ALL LIMIT 1").fetchone()
            if found:
                return str(found[0])
    return ""


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    connection.execute(f"ATTACH {literal(str(path))} AS {name} (READ_ONLY)")


def _queries(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, str]:
    """Table → a query that gives each of its rows as JSON without numbers of the store's own."""
    found = connection.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        f"WHERE database_name = {literal(database)} AND schema_name = 'base' AND NOT internal "
        "GROUP BY table_name"
    ).fetchall()
    queries = {name: _rows(database, name, columns) for name, columns in sorted(found)}
    return {**queries, _CATALOG: _THINGS.format(database)}


def _rows(database: str, table: str, columns: list[str]) -> str:
    said, joins = [], []
    for column in columns:
        name = quoted(column)
        if column == _DEFINED.get(table) or (table, column) == ("journals", "session_no"):
            continue
        meaning = _meaning(column)
        if meaning:
            joins.append(f"LEFT JOIN {meaning} AS {quoted('of ' + column)} "
                         f"ON {quoted('of ' + column)}.no = x.{name}")  # fmt: skip
        value = f"{quoted('of ' + column)}.key" if meaning else f"x.{name}"
        said.append(f"{name}: {value}")
    # Numbers of other workspaces, and the mark of their links, are this store's own.
    only = " WHERE x.key IN ('schema', 'ledger_head')" if table == "meta" else ""
    return (
        f"{_MEANINGS.format(database)} SELECT to_json({{{', '.join(said)}}}) AS said "
        f"FROM {database}.base.{quoted(table)} x {' '.join(joins)}{only}"
    )


def _meaning(column: str) -> str:
    """Which of the meanings a column's number has; empty for what is no such number."""
    kinds = (("w", _OF_WORKSPACE), ("s", _OF_SESSION), ("t", _OF_TRANSFORMATION))
    for name, columns in (*kinds, ("e", _OF_ENTITY)):
        if column in columns:
            return name
    return ""


def _sums(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, int, int]:
    row = connection.execute(
        "SELECT count(*), coalesce(sum(md5_number_lower(said::VARCHAR)), 0), "
        f"coalesce(sum(md5_number_upper(said::VARCHAR)), 0) FROM ({query})"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2])
