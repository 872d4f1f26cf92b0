"""Rows and columns of what is registered, whatever form the table has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]
import pandas as pd
import pytest

from governed_kernel.errors import UsageError
from governed_kernel.governance import frames, shape, tables

FRAME = pd.DataFrame({"patient": [f"p{n}" for n in range(7)], "size": range(7)})


def _folder(path: Path) -> None:
    path.mkdir()
    FRAME[:3].to_parquet(path / "a.parquet")
    FRAME[3:].to_parquet(path / "b.parquet")


FORMS: dict[str, Callable[[Path], Any]] = {
    "a.csv": lambda path: FRAME.to_csv(path, index=False),
    "a.parquet": FRAME.to_parquet,
    "a.jsonl": lambda path: FRAME.to_json(path, orient="records", lines=True),
    "a.feather": FRAME.to_feather,
    "several": _folder,
    "hub": lambda path: datasets.Dataset.from_pandas(FRAME).save_to_disk(str(path)),
}


@pytest.mark.parametrize("name", FORMS)
def test_its_rows_are_counted_and_a_column_that_is_not_there_is_refused(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    FORMS[name](path)
    assert shape.rows_of(path) == 7
    assert shape.check_columns("biopsies", path, ["patient", "patient"]) == ["patient"]
    with pytest.raises(UsageError, match="biopsies has no column patients"):
        shape.check_columns("biopsies", path, ["patients"])


def test_what_is_no_table_has_neither(tmp_path: Path) -> None:
    for name, content in {
        "a.png": b"\x89PNG",
        "a.parquet": b"PAR1",
        "a.csv": b"\xff\xfe\xff",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert shape.rows_of(tmp_path / name) == -1
    assert shape.rows_of(tmp_path) == -1
    with pytest.raises(UsageError, match="can't be read as a table"):
        shape.check_columns("scans", tmp_path / "a.png", ["patient"])


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "feather"])
def test_what_a_folder_tells_of_its_files_is_a_column_in_every_form(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / "clinic=bonn" / "visits"
    for number, place in enumerate(
        ("month=01/who=a%20b", "month=12/who=c", f"month={tables._MISSING}/who=c")
    ):
        folder = path / place
        folder.mkdir(parents=True)
        FORMS[f"a.{ending}"](folder / f"part.{ending}")
        assert shape.columns_of(folder / f"part.{ending}") == ["patient", "size"], number
    assert shape.rows_of(path) == 21
    assert sorted(shape.columns_of(path)) == ["month", "patient", "size", "who"]
    assert shape.check_columns("visits", path, ["who"]) == ["who"]
    told = [(1, "a b")] * 7 + [(12, "c")] * 7 + [(None, "c")] * 7
    arrow = frames.read_arrow(path).select(["month", "who"]).to_pylist()
    assert [(row["month"], row["who"]) for row in arrow] == told
    assert frames.read_polars(path).select("month", "who").rows() == told
    frame = frames.read_pandas(path)
    assert list(zip(frame["month"].fillna(0), frame["who"], strict=True)) == [
        (month or 0, who) for month, who in told
    ]
    with tables.engine(*tables.table_files(path)) as connection:
        tables.scan(connection, path, "visits")
        assert connection.execute("SELECT month, who FROM visits").fetchall() == told


def test_folders_that_tell_of_some_files_alone_tell_nothing(tmp_path: Path) -> None:
    for place in ("year=2023", "other"):
        (tmp_path / place).mkdir()
        FRAME.to_parquet(tmp_path / place / "a.parquet")
    assert shape.columns_of(tmp_path) == list(frames.read_pandas(tmp_path)) == ["patient", "size"]
