"""Accesses by polars: in the cell that reads, by the call that the user made."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from governed_kernel.lineage.events import Access, ObserverLost, Transformation
from tests.capture.recording import Recording, record

CELLS = {
    "start": """
import polars as pl
frame = pl.read_csv("cases.csv")
for number in range(3):
    frame.with_columns(n=pl.lit(number)).write_parquet(f"parts_{number}.parquet")
""",
    "scan": "lazy = pl.scan_parquet('parts_*.parquet')",
    "collect": "made = lazy.filter(pl.col('n') > 0).collect()",
    "columns": "names = lazy.columns, lazy.collect_schema(), lazy.head(1).collect_schema()",
    "sink": "lazy.select('k').sink_csv('sunk.csv')",
    "sink later": """
later = lazy.select('k').sink_ndjson('later.ndjson', lazy=True)
""",
    "now": "pl.collect_all([later, frame.lazy().sink_csv('both.csv', lazy=True)])",
    "partitions": "frame.lazy().sink_parquet(pl.PartitionBy('hive', key='k'), mkdir=True)",
    "read partitions": "made = pl.read_parquet('hive/')",
    "several": "made = pl.scan_csv(['cases.csv', 'other.csv']).collect()",
    "feather": """
frame.write_ipc('a.arrow')
made = pl.scan_ipc('*.arrow').collect()
""",
    "rows": "frame.write_json('a.json'); made = pl.read_json('a.json')",
    "lines": "made = pl.scan_ndjson('later.ndjson').collect()",
    "avro": "frame.write_avro('a.avro'); made = pl.read_avro('a.avro')",
    "handles": """
with open('cases.csv', 'rb') as handle:
    made = pl.read_csv(handle)
made.write_csv('handle.csv')
""",
    "buffers": """
import io
made = pl.read_csv(io.BytesIO(b'a\\n1'))
text = made.write_csv()
made.write_parquet(io.BytesIO())
""",
    "missing": "pl.read_csv('missing.csv')",
    "wrong": "pl.scan_csv('cases.csv').select('missing').collect()",
    "database": """
import sqlite3
connection = sqlite3.connect('cases.db')
connection.execute('create table cases (k)')
made = pl.read_database('select k from cases', connection)
""",
    "background": "made = lazy.collect(background=True).fetch_blocking()",
    "asynchronous": """
import asyncio
async def wait():
    return await lazy.select('k').collect_async()
made = asyncio.run(wait())
made.write_csv('waited.csv')
""",
    "dataset": """
import pyarrow.dataset
made = pl.scan_pyarrow_dataset(pyarrow.dataset.dataset('parts_1.parquet')).collect()
""",
}
PARTS = [f"parts_{number}.parquet" for number in range(3)]


def reads(files: list[str], via: str) -> list[tuple[str, str, str]]:
    return [("read", file, f"polars.{via}") for file in files]


def writes(files: list[str], via: str) -> list[tuple[str, str, str]]:
    return [("write", file, f"polars.{via}") for file in files]


EXPECTED = {
    "scan": [],
    "collect": reads(PARTS, "LazyFrame.collect"),
    "columns": reads(PARTS, "LazyFrame.collect_schema"),
    "sink": [*reads(PARTS, "LazyFrame.sink_csv"), *writes(["sunk.csv"], "LazyFrame.sink_csv")],
    "sink later": [],
    "now": [
        *reads(PARTS, "collect_all"),
        *writes(["later.ndjson", "both.csv"], "collect_all"),
    ],
    "partitions": writes(
        ["hive/k=1/00000000.parquet", "hive/k=2/00000000.parquet"], "LazyFrame.sink_parquet"
    ),
    "read partitions": reads(
        ["hive/k=1/00000000.parquet", "hive/k=2/00000000.parquet"], "read_parquet"
    ),
    "several": reads(["cases.csv", "other.csv"], "LazyFrame.collect"),
    "feather": [
        *writes(["a.arrow"], "write_ipc"),
        *reads(["a.arrow"], "LazyFrame.collect"),
    ],
    "rows": [*writes(["a.json"], "write_json"), *reads(["a.json"], "read_json")],
    "lines": reads(["later.ndjson"], "LazyFrame.collect"),
    "avro": [*writes(["a.avro"], "write_avro"), *reads(["a.avro"], "read_avro")],
    "handles": [
        ("read", "cases.csv", "audit:open"),
        *reads(["cases.csv"], "read_csv"),
        *writes(["handle.csv"], "write_csv"),
    ],
    "buffers": [],
    "missing": [],
    "wrong": reads(["cases.csv"], "LazyFrame.collect"),
    "background": reads(PARTS, "LazyFrame.collect"),
    "asynchronous": [
        *reads(PARTS, "LazyFrame.collect_async"),
        *writes(["waited.csv"], "write_csv"),
    ],
}
FAILING = ("missing", "wrong")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("files")
    for name in ("cases.csv", "other.csv"):
        (folder / name).write_text("k,v\n1,3\n1,4\n2,5\n")
    return record(folder, CELLS.values())


def number_of(name: str) -> int:
    return list(CELLS).index(name) + 1


@pytest.mark.parametrize("name", EXPECTED)
def test_a_cell_has_the_accesses_that_it_makes(recording: Recording, name: str) -> None:
    assert bool(recording.errors[number_of(name) - 1]) is (name in FAILING)
    assert recording.accesses(number_of(name)) == EXPECTED[name]


def test_no_observer_failed(recording: Recording) -> None:
    lost = recording.of(ObserverLost)
    assert not lost, [(each.observer, recording.texts[each.error]) for each in lost]


def test_a_statement_is_on_record_with_its_tables(recording: Recording) -> None:
    accesses = recording.of(Access, number_of("database"))
    (access,) = [each for each in accesses if each.via == "polars.read_database"]
    assert access.uri == f"sqlite://{recording.folder}/cases.db#cases"
    assert recording.texts[access.detail] == "select k from cases"


def test_the_files_of_a_dataset_are_read_where_its_plan_is_run(recording: Recording) -> None:
    expected = ("read", "parts_1.parquet", "polars.LazyFrame.collect")
    assert expected in recording.accesses(number_of("dataset"))


def test_each_part_that_was_written_is_an_output(recording: Recording) -> None:
    (step,) = [
        step
        for step in recording.of(Transformation, number_of("partitions"))
        if step.library == "polars"
    ]
    root = f"file://{recording.folder}/"
    assert [each.entity.removeprefix(root) for each in step.outputs] == [
        "hive/k=1/00000000.parquet",
        "hive/k=2/00000000.parquet",
    ]


def test_a_frame_that_was_waited_for_is_the_one_its_plan_made(recording: Recording) -> None:
    steps = recording.of(Transformation, number_of("asynchronous"))
    made = [each.entity for step in steps for each in step.outputs]
    (written,) = [step for step in steps if step.operation == "polars.write_csv"]
    assert written.inputs[0].entity in made


@pytest.mark.parametrize(
    "program",
    [
        "pl.read_csv('forbidden/cases.csv')",
        "pl.scan_csv('forbidden/cases.csv')",
        "pl.scan_parquet('forbidden/*.parquet').collect()",
        "pl.DataFrame({'a': [1]}).write_csv('forbidden/new.csv')",
        "pl.LazyFrame({'a': [1]}).sink_parquet('forbidden/new.parquet')",
        "pl.read_parquet('forbidden/*.parquet')",
        "pl.DataFrame({'a': [1]}).write_excel('forbidden/new.xlsx')",
    ],
)
def test_what_policy_forbids_is_refused_and_on_record(tmp_path: Path, program: str) -> None:
    folder = tmp_path / "forbidden"
    folder.mkdir()
    frame = pl.DataFrame({"a": [1]})
    frame.write_csv(folder / "cases.csv")
    frame.write_parquet(folder / "cases.parquet")
    done = record(tmp_path, ["import polars as pl", program])
    assert "PolicyDenied" in done.errors[1]
    (access,) = done.of(Access, 2)
    assert (access.decision, access.uri.startswith(f"file://{folder}/")) == ("denied", True)
    assert len(list(folder.iterdir())) == 2


def test_what_is_far_away_is_gone_to_once_and_only_by_polars(tmp_path: Path) -> None:
    program = """
calls = []
def credentials():
    calls.append(1)
    raise AssertionError
try:
    pl.scan_parquet("s3://bucket/cases.parquet", storage_options={"aws_region": "eu-west-1"},
                    credential_provider=credentials).collect()
except Exception:
    print(len(calls))
"""
    cells = ["import polars as pl", program]
    observed, plain = record(tmp_path, cells), record(tmp_path, cells, observed=False)
    assert observed.output[1] == plain.output[1] != ""
    expected = [("read", "s3://bucket/cases.parquet", "polars.LazyFrame.collect")]
    assert [each for each in observed.accesses(2) if each[2].startswith("polars")] == expected
