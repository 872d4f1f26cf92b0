"""TPC-H's queries, run: over views of files, over tables in memory, over the user's dataframes."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record
from tests.capture.tpch import EXPECTED, QUERIES, tables

NAMES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
STARTS = {
    "views of files": """
import duckdb
for name in NAMES:
    duckdb.sql(f"CREATE VIEW {name} AS FROM '{name}.parquet'")
""",
    "tables in memory": """
import duckdb
for name in NAMES:
    duckdb.sql(f"CREATE TABLE {name} AS FROM read_parquet('{name}.parquet')")
""",
    "dataframes": """
import duckdb
import pandas as pd, polars as pl
for place, name in enumerate(NAMES):
    read = pd.read_parquet if place % 2 else pl.read_parquet
    globals()[name] = read(f"{name}.parquet")
""",
}
ENDS = {
    "views of files": "duckdb.execute(f\"COPY ({query}) TO '{out}'\")",
    "tables in memory": "duckdb.sql(query).write_parquet(out)",
    "dataframes": "duckdb.sql(query).df().to_parquet(out)",
}


@pytest.fixture(scope="module", params=STARTS)
def recording(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Recording:
    folder = tmp_path_factory.mktemp("tpch")
    with duckdb.connect() as connection:
        tables(connection)
        for name in NAMES:
            connection.execute(f"COPY {name} TO '{folder}/{name}.parquet'")
    way = request.param
    cells = [f"NAMES = {NAMES!r}\n{STARTS[way]}"]
    for number, query in QUERIES.items():
        text = query.strip().rstrip(";")
        cells.append(f"query, out = {text!r}, 'q{number}.parquet'\n{ENDS[way]}")
    return record(folder, cells)


def test_every_query_is_observed_and_none_is_conservative(recording: Recording) -> None:
    assert recording.errors == [""] * (len(QUERIES) + 1)
    lost = recording.of(ObserverLost)
    assert not lost, [recording.texts[each.error] for each in lost]
    steps = [step for step in recording.of(Transformation) if step.library == "duckdb"]
    edges = [edge for step in steps for edge in step.columns]
    assert {edge.evidence for edge in edges} == {"observed"}


@pytest.mark.parametrize("number", EXPECTED)
def test_the_columns_of_a_written_result_owe_to_those_of_the_files(
    recording: Recording, number: int
) -> None:
    steps = recording.of(Transformation)
    folder = f"file://{recording.folder}/"
    out = f"{folder}q{number}.parquet"
    found = {
        column: {
            (f"{Path(source).stem}.{name}", relation)
            for source, name, relation, _ in origins_of(steps, out, column)
        }
        for column in EXPECTED[number]
    }
    assert found == EXPECTED[number]
