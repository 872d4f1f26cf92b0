"""How a session's record reaches the disk while its recorder goes on."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.lineage.events import CellStarted
from governed_kernel.recorder import record as record_module
from governed_kernel.recorder.record import SessionRecord
from tests.kernel.running import make_workspace


class Disk:
    """Keeps who wants to reach it waiting until it is let go; may fail."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.reached: list[int] = []
        self.fails = False

    def fdatasync(self, descriptor: int) -> None:
        assert self.let_go.wait(10)
        if self.fails:
            raise OSError(errno.EIO, "Input/output error")
        self.reached.append(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    found = Disk()
    monkeypatch.setattr(os, "fdatasync", found.fdatasync)
    monkeypatch.setattr(record_module, "_SYNC_SECONDS", 0.0)
    return found


@pytest.fixture
def record(disk: Disk, tmp_path: Path) -> Iterator[SessionRecord]:
    disk.let_go.set()
    found = SessionRecord(make_workspace(tmp_path / "workspace"), "s1", durable=False)
    assert found.sync() is None
    disk.reached.clear()
    disk.let_go.clear()
    yield found
    disk.let_go.set()


def waits(record: SessionRecord) -> bool:
    return record.waits


def written(record: SessionRecord) -> int:
    record.add(CellStarted(execution=1, cell_id="a", source=record.payload("1"), silent=False))
    assert record.flush() is None
    return record.head.records


def test_nobody_waits_for_a_slow_disk_and_what_comes_meanwhile_is_due_again(
    record: SessionRecord, disk: Disk
) -> None:
    before = written(record)
    record.sync_if_due()
    assert not waits(record)
    assert written(record) == before + 1  # while the disk is at it
    assert waits(record)
    record.sync_if_due()
    assert disk.reached == []
    disk.let_go.set()
    assert record.sync() is None
    assert len(disk.reached) == 4
    assert not waits(record)


def test_what_a_disk_refused_is_due_again(record: SessionRecord, disk: Disk) -> None:
    written(record)
    disk.fails = True
    record.sync_if_due()
    disk.let_go.set()
    fault = record.sync()
    assert fault is not None
    assert "did not reach the disk" in fault.what
    assert waits(record)
