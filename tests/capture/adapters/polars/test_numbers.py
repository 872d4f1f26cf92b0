"""Which of a plan's equal numbers was computed: the largest ``b`` is 3, and so are the literals."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record

BEGINS = """
n = other = condition = None
lf = pl.scan_parquet("t.parquet")
n = lf.select(pl.col("b").max()).collect().item()
"""
CASES = {
    "in a step before a literal": (
        "lf = lf.filter(pl.col('a') > n)\nlf = lf.filter(pl.col('a') != 3)",
        "conservative",
    ),
    "in a step of its own": (
        "other = lf.filter(pl.col('a') != 3)\nlf = lf.filter(pl.col('a') > n)",
        "inferred",
    ),
    "in an expression that was made before": (
        "condition = pl.col('a') > n\nother = lf.filter(pl.col('a') != 3)\n"
        "lf = lf.filter(condition & (pl.col('a') != 3))",
        "conservative",
    ),
    "in another plan alone": (
        "other = lf.filter(pl.col('a') > n)\nlf = lf.filter(pl.col('a') > 3)",
        "",
    ),
    "in an expression of another plan": (
        "condition = pl.col('a') > n\nother = lf.filter(condition)\n"
        "lf = lf.filter(pl.col('a') > 3)",
        "",
    ),
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder: Path = tmp_path_factory.mktemp("numbers")
    pl.DataFrame({"a": [1, 2, 5, 7], "b": [1, 3, 2, 1]}).write_parquet(folder / "t.parquet")
    cells = [
        f"{BEGINS}{does}\nlf.select('a').sink_parquet('{number}.parquet')"
        for number, (does, _) in enumerate(CASES.values(), 2)
    ]
    return record(folder, ["import polars as pl", *cells])


@pytest.mark.parametrize("name", CASES)
def test_a_computed_number_is_told_from_its_equals_by_the_frame_that_takes_it(
    recording: Recording, name: str
) -> None:
    number = [*CASES].index(name) + 2
    assert recording.errors[number - 1] == ""
    assert recording.of(ObserverLost, number) == []
    steps = recording.of(Transformation, number)
    found = origins_of(steps, f"file://{recording.folder}/{number}.parquet", "a")
    evidence = {how for _, column, _, how in found if column == "b"}
    assert evidence == ({CASES[name][1]} - {""})
