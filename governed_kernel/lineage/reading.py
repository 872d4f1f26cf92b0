"""What a person's SQL may do in a lake.

A file is opened so that DuckDB itself allows nothing but reading it. The lake's own files must stay
within reach, and with them DuckDB would also write there, or send SQL of anybody's to PostgreSQL:
so the statement is looked at before it is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import msgspec

from governed_kernel.errors import CheckFailed
from governed_kernel.lineage.binding import literal

__all__ = ["admit"]

_FUNCTIONS = {
    "unnest", "range", "generate_series", "duckdb_columns", "duckdb_views", "duckdb_tables",
    "duckdb_functions", "pragma_table_info",
}  # fmt: skip
_SCHEMAS = {"", "main", "base", "lake", "information_schema", "pg_catalog", "temp", "system"}


def admit(sql: str) -> None:
    """Let through one SELECT over tables and views of the lake.

    Raises
    ------
    CheckFailed
        It is something else.
    """
    with duckdb.connect() as parser:
        found = parser.execute(f"SELECT json_serialize_sql({literal(sql)}::VARCHAR)").fetchone()
    tree: Any = msgspec.json.decode(found[0]) if found else {"error": True}
    if tree.get("error"):
        raise _refused(str(tree.get("error_message", "it can't be read")))
    if len(tree["statements"]) != 1:
        raise _refused(f"there are {len(tree['statements'])} statements")
    for node in _nodes(tree):
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node.get("function", {}).get("function_name", "")).lower()
            if name not in _FUNCTIONS:
                raise _refused(f"{name}() reads something else than the lineage store")
        if node.get("type") == "BASE_TABLE":
            place = [str(node.get(key, "")).lower() for key in ("catalog_name", "schema_name")]
            if not set(place) <= _SCHEMAS or "/" in str(node.get("table_name")):
                raise _refused(f"{'.'.join(filter(None, place))} is no part of the lineage store")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in a tree of JSON."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield node
            pending += node.values()
        elif isinstance(node, list):
            pending += node


def _refused(why: str) -> CheckFailed:
    return CheckFailed(
        "the query failed",
        why=why,
        next="one SELECT over the views is possible, and nothing else; their columns are in "
        "'select * from duckdb_columns() where schema_name = ''main'''",
    )
