from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.lineage.events import Access, Operation, Witnessed, now
from governed_kernel.recorder import paths
from governed_kernel.recorder.processes import Cell
from governed_kernel.recorder.reconciliation import Reconciler
from governed_kernel.recorder.sightings import Sighting

CELL = Cell(3, "c")
OTHER = Cell(4, "d")


@pytest.fixture
def reconciler() -> Reconciler:
    found = Reconciler("full")
    found.started(CELL)
    return found


def take(
    reconciler: Reconciler,
    sighting: Sighting,
    cell: Cell = CELL,
    *,
    certain: bool = True,
    process: int = 1,
    moment: datetime | None = None,
) -> Witnessed | None:
    return reconciler.witnessed_one(
        sighting, cell, certain=certain, process=process, moment=moment or now()
    )


def see(reconciler: Reconciler, operation: Operation, path: str, **more: Any) -> None:
    cell, certain = more.pop("cell", CELL), more.pop("certain", True)
    sighting = Sighting(1, more.pop("call", "openat"), operation, path, **more)
    take(reconciler, sighting, cell, certain=certain)


def report(reconciler: Reconciler, operation: Operation, uri: str, kind: Any = "file") -> None:
    access = Access(
        execution=3, cell_id="c", operation=operation, kind=kind, uri=uri, via="x", dataset="d"
    )
    reconciler.observed(access, paths.local_path(uri))


def left(reconciler: Reconciler) -> list[tuple[str, str, str]]:
    return [(a.operation, a.uri, a.evidence) for a in reconciler.settle([]).unexplained]


def test_what_an_observer_reported_is_explained(reconciler: Reconciler) -> None:
    report(reconciler, "read", "file:///data/a.csv")
    see(reconciler, "read", "/data/a.csv")
    assert left(reconciler) == []
    assert (reconciler.witnessed, reconciler.explained, reconciler.unexplained) == (1, 1, 0)


def test_what_nobody_reported_is_unexplained(reconciler: Reconciler) -> None:
    see(reconciler, "read", "/data/a.csv")
    (access,) = reconciler.settle([]).unexplained
    assert access == Access(
        occurred_at=access.occurred_at,
        execution=3,
        cell_id="c",
        operation="read",
        kind="file",
        uri="file:///data/a.csv",
        via="witness:openat",
        evidence="unexplained",
    )


def test_a_write_is_not_explained_by_a_read(reconciler: Reconciler) -> None:
    report(reconciler, "read", "file:///data/a.csv")
    see(reconciler, "write", "/data/a.csv")
    assert left(reconciler) == [("write", "file:///data/a.csv", "unexplained")]


def test_a_read_is_not_explained_by_a_write(reconciler: Reconciler) -> None:
    """A child that reads what the cell has written is on record."""
    report(reconciler, "write", "file:///data/a.csv")
    see(reconciler, "write", "/data/a.csv")
    see(reconciler, "read", "/data/a.csv")
    assert left(reconciler) == [("read", "file:///data/a.csv", "unexplained")]


def test_a_file_opened_both_ways_needs_one_report(reconciler: Reconciler) -> None:
    report(reconciler, "read", "file:///data/a.h5")
    see(reconciler, "write", "/data/a.h5", both=True)
    assert left(reconciler) == []


def test_an_earlier_cells_report_explains_nothing_later(reconciler: Reconciler) -> None:
    report(reconciler, "read", "file:///data/a.csv")
    see(reconciler, "read", "/data/a.csv")
    assert left(reconciler) == []
    reconciler.started(OTHER)
    see(reconciler, "read", "/data/a.csv", cell=OTHER)
    assert left(reconciler) == [("read", "file:///data/a.csv", "unexplained")]


def test_what_belongs_to_no_certain_cell_is_ambiguous(reconciler: Reconciler) -> None:
    see(reconciler, "read", "/data/a.csv", certain=False)
    assert left(reconciler) == [("read", "file:///data/a.csv", "ambiguous")]


def test_a_running_cell_is_not_settled_yet(reconciler: Reconciler) -> None:
    see(reconciler, "read", "/data/a.csv")
    assert reconciler.settle([CELL]) == ([], [])
    assert len(reconciler.settle([]).unexplained) == 1


def test_a_file_in_a_reported_model_folder_belongs_to_the_model(reconciler: Reconciler) -> None:
    report(reconciler, "read", "file:///models/m", kind="model")
    see(reconciler, "read", "/models/m/model.safetensors")
    (access,) = reconciler.settle([]).unexplained
    assert (access.kind, access.evidence, access.dataset) == ("model", "observed", "d")
    assert reconciler.unexplained == 0


def test_a_file_in_a_reported_folder_of_parts_is_one_of_them(
    reconciler: Reconciler, tmp_path: Path
) -> None:
    report(reconciler, "read", f"file://{tmp_path}")
    see(reconciler, "read", f"{tmp_path}/ward=a/part-0.parquet")
    see(reconciler, "write", f"{tmp_path}/ward=a/part-1.parquet")
    assert [(a.operation, a.kind, a.evidence) for a in reconciler.settle([]).unexplained] == [
        ("read", "file", "observed"),
        ("write", "file", "unexplained"),
    ]


def test_a_databases_journal_belongs_to_the_database(reconciler: Reconciler) -> None:
    report(reconciler, "connect", "sqlite:///data/x.db", kind="sql")
    for name in ("/data/x.db", "/data/x.db-journal", "/data/x.db-wal"):
        see(reconciler, "write", name, both=True)
    assert left(reconciler) == []


def test_a_connection_is_explained_by_host_and_port(reconciler: Reconciler) -> None:
    report(reconciler, "read", "https://example.org/x", kind="http")
    see(reconciler, "connect", "tcp://93.184.216.34:443")
    see(reconciler, "connect", "udp://10.0.0.2:53")
    see(reconciler, "connect", "tcp://93.184.216.34:8080")
    assert left(reconciler) == [("connect", "tcp://93.184.216.34:8080", "unexplained")]


def test_localhost_stands_for_this_machine_alone(reconciler: Reconciler) -> None:
    report(reconciler, "connect", "postgresql://localhost/db", kind="sql")
    see(reconciler, "connect", "tcp://127.0.0.1:5432")
    see(reconciler, "connect", "tcp://10.0.0.1:5432")
    assert left(reconciler) == [("connect", "tcp://10.0.0.1:5432", "unexplained")]


def test_a_renamed_file_counts_under_its_final_name(reconciler: Reconciler) -> None:
    see(reconciler, "write", "/data/.tmp", exists=False)
    rename(reconciler, "/data/.tmp", "/data/final")
    assert left(reconciler) == [("write", "file:///data/final", "unexplained")]


def rename(reconciler: Reconciler, source: str, target: str, **more: Any) -> None:
    see(reconciler, "delete", source, call="rename")
    see(reconciler, "write", target, call="rename", source=source, **more)


def test_what_was_written_under_a_name_is_not_hidden_by_a_rename_that_fails(
    reconciler: Reconciler, tmp_path: Path
) -> None:
    path = tmp_path / "left"
    see(reconciler, "write", str(path), exists=False)
    path.write_text("still here")
    rename(reconciler, str(path), "/nowhere/x", exists=False)
    assert ("write", path.as_uri(), "unexplained") in left(reconciler)


def test_a_folder_that_is_renamed_moves_what_the_cell_wrote_into_it(
    reconciler: Reconciler, tmp_path: Path
) -> None:
    inside, beside = tmp_path / "old" / "inside", tmp_path / "older"
    inside.parent.mkdir()
    for path in (inside, beside):
        path.write_text("x")
        see(reconciler, "write", str(path), exists=False)
    source, target = str(inside.parent), str(tmp_path / "new")
    folder = Sighting(1, "rename", "write", target, exists=False, possible=False, source=source)
    (moved,) = reconciler.moved_with(folder)
    assert (moved.source, moved.path, moved.possible) == (str(inside), f"{target}/inside", True)
    assert reconciler.moved_with(moved) == []
    take(reconciler, folder)
    take(reconciler, moved)
    inside.parent.rename(target)
    report(reconciler, "write", Path(target).as_uri())
    assert sorted(left(reconciler)) == [
        ("write", f"{Path(target).as_uri()}/inside", "observed"),
        ("write", beside.as_uri(), "unexplained"),
    ]


def test_a_folder_that_could_not_be_renamed_moved_nothing(
    reconciler: Reconciler, tmp_path: Path
) -> None:
    inside = tmp_path / "old" / "inside"
    inside.parent.mkdir()
    inside.write_text("x")
    see(reconciler, "write", str(inside), exists=False)
    source, target = str(inside.parent), str(tmp_path / "new")
    folder = Sighting(1, "rename", "write", target, exists=False, possible=False, source=source)
    for one in (folder, *reconciler.moved_with(folder)):
        take(reconciler, one)
    assert left(reconciler) == [("write", inside.as_uri(), "unexplained")]


def test_a_read_is_not_hidden_by_renaming_there_and_back(reconciler: Reconciler) -> None:
    see(reconciler, "read", "/data/holdout")
    rename(reconciler, "/data/holdout", "/nowhere/x", exists=False)
    rename(reconciler, "/nowhere/x", "/data/holdout", exists=False)
    assert ("read", "file:///data/holdout", "unexplained") in left(reconciler)


def test_a_read_through_another_name_is_not_hidden(reconciler: Reconciler) -> None:
    for name in ("link", "rename"):
        see(reconciler, "write", "/nowhere/x", call=name, source="/data/holdout", exists=False)
        see(reconciler, "read", "/nowhere/x")
        see(reconciler, "delete", "/nowhere/x")
        assert ("read", "file:///nowhere/x", "unexplained") in left(reconciler)
        reconciler.started(CELL)


def test_a_removal_is_not_hidden_by_making_the_file_again(reconciler: Reconciler) -> None:
    see(reconciler, "delete", "/nowhere/x")
    see(reconciler, "write", "/nowhere/x", exists=False)
    see(reconciler, "delete", "/nowhere/x")
    assert ("delete", "file:///nowhere/x", "unexplained") in left(reconciler)


def test_a_temporary_file_that_is_linked_to_its_name_is_that_file(reconciler: Reconciler) -> None:
    see(reconciler, "write", "/nowhere/tmp", exists=False)
    see(reconciler, "write", "/nowhere/x", call="link", source="/nowhere/tmp", exists=False)
    see(reconciler, "delete", "/nowhere/tmp")
    assert left(reconciler) == [("write", "file:///nowhere/x", "unexplained")]


def test_a_temporary_file_leaves_nothing(reconciler: Reconciler) -> None:
    see(reconciler, "write", "/nowhere/tmp", exists=False)
    see(reconciler, "read", "/nowhere/tmp")
    see(reconciler, "delete", "/nowhere/tmp")
    assert left(reconciler) == []


def test_attempts_are_not_accesses(reconciler: Reconciler) -> None:
    see(reconciler, "read", "/data/nothing", exists=False, possible=False)
    assert left(reconciler) == []
    assert reconciler.witnessed == 0


def test_of_what_is_written_again_the_last_write_by_each_process_is_recorded(
    reconciler: Reconciler,
) -> None:
    began = now()
    later = [began + timedelta(seconds=number) for number in range(5)]
    write = Sighting(1, "openat", "write", "/data/y.csv")
    first = take(reconciler, write, process=1, moment=began)
    assert first is not None
    assert (first.pid, first.occurred_at) == (1, began)
    for process, moment in zip((1, 2, 1, 2), later[1:], strict=True):
        assert take(reconciler, write, process=process, moment=moment) is None
    assert take(reconciler, write._replace(operation="read"), process=3) is not None
    assert take(reconciler, write._replace(operation="read"), process=4) is None
    again = reconciler.settle([]).again
    assert {(one.pid, one.occurred_at) for one in again} == {(1, later[3]), (2, later[4])}
    assert reconciler.settle([]).again == []
