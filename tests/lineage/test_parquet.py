"""Every public view as Parquet: complete or absent, and saying what the store says."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from governed_kernel.errors import ResourceMissing, UsageError
from governed_kernel.lineage import parquet
from governed_kernel.lineage.parquet import CONTENTS, export_parquet
from governed_kernel.lineage.store import Store
from governed_kernel.lineage.views import VIEWS


def test_each_view_is_a_file_with_its_rows(told: Store, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    shown: list[str] = []
    contents = export_parquet(told, folder, shown.append)
    names = [view.name for view in VIEWS]
    assert shown == names
    assert json.loads((folder / CONTENTS).read_text()) == contents
    assert {path.name for path in folder.iterdir()} == {CONTENTS, *(f"{n}.parquet" for n in names)}
    with told.read() as store, duckdb.connect() as other:
        for name in names:
            rows = store.execute(f"FROM {name} ORDER BY ALL").fetchall()
            file = str(folder / f"{name}.parquet")
            assert other.execute(f"FROM '{file}' ORDER BY ALL").fetchall() == rows
            assert contents["rows"][name] == len(rows)
            described = other.execute(f"DESCRIBE FROM '{file}'").fetchall()
            assert [row[0] for row in described] == [
                row[0] for row in store.execute(f"DESCRIBE {name}").fetchall()
            ]


def test_nothing_is_mixed_with_what_was_there(told: Store, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        export_parquet(told, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert export_parquet(told, empty)["rows"]["sessions"] == 2


def test_what_fails_half_way_leaves_nothing(
    told: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "write_atomically", full)
    with pytest.raises(ResourceMissing, match="could not be written"):
        export_parquet(told, tmp_path / "export")
    assert not list(tmp_path.iterdir())
