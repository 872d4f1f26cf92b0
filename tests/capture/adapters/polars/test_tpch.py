"""TPC-H's queries in polars' expressions and in its SQL: held to what a person says of them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import duckdb
import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record
from tests.capture.tpch import EXPECTED, QUERIES, Origins, agreement, tables

PROGRAMS: dict[int, str] = {
    int(name[1:]): program
    for name, program in tomllib.loads(Path(__file__).with_name("tpch.toml").read_text()).items()
}
START = """
import polars as pl
from datetime import date
from polars import col
"""
EQUAL = (
    ("c_custkey", "o_custkey"),
    ("l_orderkey", "o_orderkey"),
    ("l_suppkey", "s_suppkey", "ps_suppkey"),
    ("p_partkey", "l_partkey", "ps_partkey"),
    ("n_nationkey", "c_nationkey", "s_nationkey"),
    ("n_regionkey", "r_regionkey"),
)
"""Keys that the joins make equal: values may be said to come from either."""
DIRECT = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")
WAYS = ("eager", "lazy", "sql")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recording]:
    made = {}
    for way in WAYS:
        folder = tmp_path_factory.mktemp(way)
        with duckdb.connect() as connection:
            tables(connection)
            names = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
            for name in names:
                connection.execute(f"COPY {name} TO '{folder}/{name}.parquet'")
        reader = "read_parquet" if way == "eager" else "scan_parquet"
        read = "\n".join(f"{name} = pl.{reader}('{name}.parquet')" for name in names)
        programs = PROGRAMS
        if way == "sql":
            texts = {number: sql.strip().rstrip(";") for number, sql in QUERIES.items()}
            programs = {number: f"made = pl.sql({sql!r})" for number, sql in texts.items()}
        cells = [START] + [
            f"{read}\n{program}\nmade.lazy().sink_parquet('q{number}.parquet')"
            for number, program in sorted(programs.items())
        ]
        made[way] = record(folder, cells)
    return made


def said(recording: Recording, cell: int, number: int) -> Origins:
    """What the record says of a query's columns."""
    assert not recording.errors[cell - 1], recording.errors[cell - 1]
    assert not recording.of(ObserverLost, cell)
    steps = recording.of(Transformation, cell)
    written = f"file://{recording.folder}/q{number}.parquet"
    (names,) = [each.columns for step in steps for each in step.outputs if each.entity == written]
    found: Origins = {}
    for name in names:
        origins = origins_of(steps, written, name)
        assert {evidence for *_, evidence in origins} <= {"observed"}
        found[name] = {
            (f"{Path(source).stem}.{column}", relation) for source, column, relation, _ in origins
        }
    return found


def by_one_name(origins: Origins) -> Origins:
    """Values of keys that are equal go by the first of their names."""
    first = {name: names[0] for names in EQUAL for name in names}
    return {
        column: {
            (first.get(name.partition(".")[2], name) if word in DIRECT else name, word)
            for name, word in found
        }
        for column, found in origins.items()
    }


@pytest.mark.parametrize("number", PROGRAMS)
@pytest.mark.parametrize("way", ["eager", "lazy"])
def test_expressions_owe_to_what_a_person_says_of_the_query(
    recordings: dict[str, Recording], way: str, number: int
) -> None:
    found = said(recordings[way], sorted(PROGRAMS).index(number) + 2, number)
    assert by_one_name(agreement(found)) == by_one_name(agreement(EXPECTED[number]))


@pytest.mark.parametrize("number", EXPECTED)
def test_sql_owes_to_what_a_person_says_of_the_query(
    recordings: dict[str, Recording], number: int
) -> None:
    found = said(recordings["sql"], sorted(QUERIES).index(number) + 2, number)
    expected = EXPECTED[number]
    if number == 18:  # polars gives the sum another name
        expected = dict(zip(found, expected.values(), strict=True))
    assert by_one_name(agreement(found)) == by_one_name(agreement(expected))


@pytest.mark.parametrize("number", sorted(set(QUERIES) - set(EXPECTED)))
def test_sql_is_followed_where_nobody_has_said_anything_yet(
    recordings: dict[str, Recording], number: int
) -> None:
    found = said(recordings["sql"], sorted(QUERIES).index(number) + 2, number)
    assert all(found.values())


def test_every_query_that_a_person_has_worked_out_is_written_in_expressions() -> None:
    assert sorted(PROGRAMS) == sorted(EXPECTED)
