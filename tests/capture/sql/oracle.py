"""DuckDB itself as a witness of lineage: what changes when a column changes is an origin of it.

Each column of each table is changed in turn (other values, other rows of the same values), the
query runs again, and the output columns that changed must be said to owe to it. That finds what
is missing, never what is too much; the latter a person has to judge.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

from governed_kernel.capture.sql import lineage_of

__all__ = ["changed_columns", "missing_origins", "schemas_of"]


def schemas_of(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """Tables and their columns."""
    found: dict[str, tuple[str, ...]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal "
        "ORDER BY table_name, column_index"
    ).fetchall():
        found[table] = (*found.get(table, ()), column)
    return found


def missing_origins(
    connection: duckdb.DuckDBPyConnection, query: str, rounds: int = 2
) -> list[str]:
    """What the lineage of `query` doesn't tell, as ``OUTPUT <- TABLE.COLUMN``."""
    schemas = schemas_of(connection)
    (lineage,) = lineage_of(query, "duckdb", schemas)
    assert not lineage.reason, lineage.reason
    before = connection.execute(query)
    names = [column[0] for column in before.description]
    columns = lineage.bind(names)
    assert len(columns) == len(names), (names, [made.name for made in lineage.columns])
    first = _by_column(before)
    wrong: dict[str, None] = {}
    for table, column in _used(schemas, lineage.reads):
        told = [
            any(o.table.name[-1].lower() == table and o.column.lower() == column for o in c.origins)
            for c in columns
        ]
        for seed in range(rounds):
            for after in _results_when_changed(connection, query, table, column, seed):
                for place, name in enumerate(first):
                    if after.get(name, first[name]) != first[name] and not told[place]:
                        wrong[f"{name} <- {table}.{column}"] = None
    return list(wrong)


def changed_columns(
    connection: duckdb.DuckDBPyConnection, query: str, table: str, column: str, rounds: int = 1
) -> set[str]:
    """The columns of a query's result that change when one column of a table does."""
    first = _by_column(connection.execute(query))
    return {
        name
        for seed in range(rounds)
        for after in _results_when_changed(connection, query, table, column, seed)
        for name in first
        if after.get(name, first[name]) != first[name]
    }


def _used(schemas: Mapping[str, Sequence[str]], reads: Sequence[Any]) -> Iterator[tuple[str, str]]:
    names = {read.name[-1].lower() for read in reads if read.name}
    for table in names & set(schemas):
        for column in schemas[table]:
            yield table, column.lower()


def _by_column(result: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Each column's values without their order: of equal sort keys any order is right."""
    rows = result.fetchall()
    found: dict[str, list[str]] = {}
    for place, column in enumerate(result.description):
        # Of two columns with one name the second is another: names may come and go (PIVOT).
        name = column[0] if column[0] not in found else f"{column[0]}:{place}"
        found[name] = sorted(repr(row[place]) for row in rows)
    return found


def _results_when_changed(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    table: str,
    column: str,
    seed: int,
) -> Iterator[dict[str, list[str]]]:
    chance = random.Random(f"{table}.{column}.{seed}")
    values = connection.execute(f'SELECT rowid, "{column}" FROM "{table}"').fetchall()
    shuffled = [value for _, value in values]
    chance.shuffle(shuffled)
    pool = [value for value in shuffled if value is not None] or [None]
    drawn = [chance.choice(pool) for _ in values]
    for new in (shuffled, drawn, [pool[0]] * len(values)):
        connection.execute("BEGIN")
        try:
            connection.execute(
                "CREATE TEMP TABLE changed AS "
                "SELECT unnest($1::BIGINT[]) AS id, unnest($2::VARCHAR[]) AS value",
                [[row[0] for row in values], [None if v is None else str(v) for v in new]],
            )
            connection.execute(
                f'UPDATE "{table}" SET "{column}" = changed.value '
                f'FROM changed WHERE "{table}".rowid = changed.id'
            )
            yield _by_column(connection.execute(query))
        except duckdb.Error:
            continue
        finally:
            connection.execute("ROLLBACK")
