"""The 22 queries of TPC-H: what a person says of them, and what DuckDB can show."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from governed_kernel.capture.sql import lineage_of
from tests.capture.tpch import EXPECTED, QUERIES, Origins, tables

from .oracle import missing_origins, schemas_of

DIRECT = {"IDENTITY", "TRANSFORMATION", "AGGREGATION"}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        tables(made)
        yield made


def said(connection: duckdb.DuckDBPyConnection, number: int) -> Origins:
    sql = QUERIES[number]
    (lineage,) = lineage_of(sql, "duckdb", schemas_of(connection))
    names = [column[0] for column in connection.execute(sql).description]
    assert not lineage.reason
    columns = lineage.bind(names)
    assert [made.name for made in columns] == names
    assert all(origin.evidence == "observed" for made in columns for origin in made.origins)
    return {
        made.name: {(f"{o.table.name[-1]}.{o.column}", o.relation) for o in made.origins}
        for made in columns
    }


@pytest.mark.parametrize("number", EXPECTED)
def test_a_query_has_exactly_the_origins_that_a_person_gives_it(
    connection: duckdb.DuckDBPyConnection, number: int
) -> None:
    assert said(connection, number) == EXPECTED[number]


@pytest.mark.parametrize("number", QUERIES)
def test_every_query_is_read_to_the_last_column(
    connection: duckdb.DuckDBPyConnection, number: int
) -> None:
    origins = said(connection, number)
    tables_told = {name.partition(".")[0] for found in origins.values() for name, _ in found}
    tables_read = {table.name[-1] for table in lineage_of(QUERIES[number])[0].reads}
    assert tables_told == tables_read
    assert any(word in DIRECT for found in origins.values() for _, word in found)
    assert all(found for found in origins.values())


@pytest.mark.slow
@pytest.mark.parametrize("number", QUERIES)
def test_what_changes_a_query_is_one_of_its_origins(
    connection: duckdb.DuckDBPyConnection, number: int
) -> None:
    assert not missing_origins(connection, QUERIES[number], rounds=1)


@pytest.mark.parametrize("number", QUERIES)
def test_unknown_tables_cost_nothing_of_what_is_known_of_tpch(
    connection: duckdb.DuckDBPyConnection, number: int
) -> None:
    """Its columns bear their table's prefix, but nobody told: names alone leave doubts only."""
    known = said(connection, number)
    (lineage,) = lineage_of(QUERIES[number])
    for made in lineage.columns:
        found = {f"{o.table.name[-1]}.{o.column}" for o in made.origins}
        assert {name for name, _ in known.get(made.name, set())} <= found
