"""Computed numbers that an expression takes as a setting: what comes out owes to what they do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record

BEGIN = """
import polars as pl
frame = pl.read_csv("t.csv")
"""
DECIDES = {
    "rolling_mean({n})": "WINDOW",
    "rolling_max(window_size={n}, min_samples=1)": "WINDOW",
    "ewm_mean(span={n})": "WINDOW",
    "gather_every({n})": "FILTER",
    "top_k({n})": "FILTER",
    "bottom_k({n})": "FILTER",
    "sample(n={n})": "FILTER",
    "head({n})": "FILTER",
    "round({n})": "AGGREGATION",
    "round_sig_figs({n})": "AGGREGATION",
    "cut([{n}, {n} + 3])": "AGGREGATION",
    "qcut({n})": "AGGREGATION",
    "hist(bin_count={n})": "AGGREGATION",
    "shift({n})": "AGGREGATION",
    "fill_null(strategy='forward', limit={n})": "AGGREGATION",
}
EARLIER = "n = int(frame['b'].max()) // 4"
HONEST = {"a constant": "n = 2", "how many rows there are": "n = frame.height // 6"}


def recorded(folder: Path, before: str) -> Recording:
    """One cell for each use of a number that the cell `before` has given a name."""
    rows = [f"{i * 1.5},{(i * 7) % 10 + 0.5}" for i in range(1, 13)]
    (folder / "t.csv").write_text("\n".join(["a,b", *rows]))
    uses = [
        f"frame.select(pl.col('a').{use.format(n='n')}.alias('a')).write_parquet('{place}.parquet')"
        for place, use in enumerate(DECIDES)
    ]
    done = record(folder, [BEGIN, before, *uses])
    assert not any(done.errors), done.errors
    assert done.of(ObserverLost) == []
    return done


def relations_to_b(done: Recording) -> Mapping[str, set[str]]:
    """By which relations each use's column owes to ``b``."""
    steps = done.of(Transformation)
    root = f"file://{done.folder}/"
    return {
        use: {
            relation
            for _, column, relation, _ in origins_of(steps, f"{root}{place}.parquet", "a")
            if column == "b"
        }
        for place, use in enumerate(DECIDES)
    }


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    return relations_to_b(recorded(tmp_path_factory.mktemp("computed"), EARLIER))


@pytest.mark.parametrize("use", DECIDES)
def test_a_setting_that_was_computed_of_a_column_brings_it_in(
    computed: Mapping[str, set[str]], use: str
) -> None:
    assert computed[use] == {DECIDES[use]}


@pytest.mark.parametrize("what", HONEST)
def test_a_setting_that_is_of_no_value_brings_in_nothing(tmp_path: Path, what: str) -> None:
    assert relations_to_b(recorded(tmp_path, HONEST[what])) == {use: set() for use in DECIDES}


def test_of_two_settings_that_are_equal_the_one_of_another_method_is_no_origin(
    tmp_path: Path,
) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1.25,8\n2.5,9\n3.75,4\n")
    cell = "frame.select(pl.col('a').round(n).alias('x'), pl.col('a').rolling_mean(2).alias('y'))"
    done = record(tmp_path, [BEGIN, EARLIER, f"{cell}.write_parquet('out.parquet')"])
    assert not any(done.errors), done.errors
    uri, steps = f"file://{done.folder}/out.parquet", done.of(Transformation)
    found = {name: {c for _, c, *_ in origins_of(steps, uri, name)} for name in ("x", "y")}
    assert found == {"x": {"a", "b"}, "y": {"a"}}
