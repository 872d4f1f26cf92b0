"""Edits of the lineage store's rows, as anybody with the file can make them."""

from __future__ import annotations

import random
from pathlib import Path

import duckdb

__all__ = ["BOOKKEEPING", "Edit", "drawn_edit"]

Edit = tuple[str, str, str]
"""Table, kind of edit, statement."""

BOOKKEEPING = ("meta", "journals")
"""What the next reader goes by when it brings the store up to date: an edit there is undone by it,
or shows in what it then brings in twice or not at all."""

_OTHER = {
    "VARCHAR": "coalesce({0}, '') || 'x'",
    "BIGINT": "coalesce({0}, 0) + 1",
    "INTEGER": "coalesce({0}, 0) + 1",
    "DOUBLE": "coalesce({0}, 0) + 1",
    "BOOLEAN": "NOT coalesce({0}, false)",
    "TIMESTAMP": "coalesce({0}, TIMESTAMP '2026-01-01') + INTERVAL 1 SECOND",
    "VARCHAR[]": "list_append(coalesce({0}, []), 'x')",
    "JSON": "'{{\"edited\": true}}'",
}


def drawn_edit(path: Path, draw: random.Random) -> Edit:
    """One edit of a row drawn at random, from a table drawn at random."""
    with duckdb.connect(path, read_only=True) as connection:
        found = connection.execute(
            "SELECT table_name, list(column_name ORDER BY column_index), "
            "list(data_type ORDER BY column_index) FROM duckdb_columns() "
            "WHERE schema_name = 'base' AND NOT internal AND table_name IN "
            "(SELECT table_name FROM duckdb_tables() WHERE schema_name = 'base') "
            "GROUP BY table_name ORDER BY table_name"
        ).fetchall()
        counted = {
            table: connection.execute(f'SELECT count(*) FROM base."{table}"').fetchone()
            for table, _, _ in found
        }
    tables = [
        (table, dict(zip(columns, types, strict=True)), rows[0])
        for table, columns, types in found
        if table not in BOOKKEEPING and (rows := counted[table]) and rows[0]
    ]
    table, types, rows = draw.choice(tables)
    return table, *_statement(table, types, rows, draw)


def _statement(
    table: str, types: dict[str, str], rows: int, draw: random.Random
) -> tuple[str, str]:
    row = draw.randrange(rows)
    this = f'rowid = (SELECT rowid FROM base."{table}" ORDER BY rowid LIMIT 1 OFFSET {row})'
    kind = draw.choice(("update", "update", "delete", "duplicate", "clear"))
    if kind == "delete":
        return kind, f'DELETE FROM base."{table}" WHERE {this}'
    if kind == "duplicate":
        return kind, f'INSERT INTO base."{table}" SELECT * FROM base."{table}" WHERE {this}'
    if kind == "clear":
        return kind, f'DELETE FROM base."{table}"'
    column = draw.choice(list(types))
    other = _OTHER.get(types[column], "NULL").format(f'"{column}"')
    return kind, f'UPDATE base."{table}" SET "{column}" = {other} WHERE {this}'
