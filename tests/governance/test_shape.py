"""Rows and columns of what is registered, whatever form the table has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]
import pandas as pd
import pytest

from governed_kernel.errors import UsageError
from governed_kernel.governance import shape

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
