"""Locks that say who keeps whom waiting, and for how long."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from governed_kernel import locks
from governed_kernel.cli import main
from governed_kernel.errors import Refused, ResourceMissing
from governed_kernel.governance.signing import record_refusal
from governed_kernel.locks import A_DAY, exclusive_lock, patiently, readers_lock
from governed_kernel.workspace import Workspace
from tests.governance.conftest import home, made_keys, workspace

__all__ = ["home", "made_keys", "workspace"]

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "x.lock"


@pytest.fixture
def holder(lock: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the lock until it is ended."""
    with _holding(lock) as process:
        yield process
        process.kill()


def _holding(path: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_lock_is_held_by_one_process_and_dies_with_it(tmp_path: Path, lock: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count, args=(counter, lock)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert counter.read_text() == "150"
    with exclusive_lock(lock):
        pass


def _count(counter: Path, lock: Path) -> None:
    for _ in range(50):
        with exclusive_lock(lock):
            counter.write_text(str(int(counter.read_text()) + 1))


def test_who_waits_hears_once_for_which_file_and_which_process_and_then_goes_on(
    lock: Path,
    holder: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(locks, "_SILENT", 0.0)
    rests = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 5:
            holder.kill()
            holder.wait()

    monkeypatch.setattr(time, "sleep", rest)
    with exclusive_lock(lock):
        said = capsys.readouterr()
    assert said.err.count("governed: waiting for") == 1
    assert f"{lock}, which process {holder.pid} (python" in said.err
    assert said.out == ""


@pytest.mark.parametrize("take", [exclusive_lock, readers_lock])
def test_a_lock_that_is_never_let_go_is_a_refusal_in_words(
    take: Callable[..., AbstractContextManager[None]], lock: Path, holder: subprocess.Popen[bytes]
) -> None:
    held = pytest.raises(ResourceMissing, match="is held by another process")
    with held as refused, take(lock, 0.01):
        pass
    assert f"process {holder.pid} (python" in refused.value.why
    assert "end it" in refused.value.next


def test_who_records_the_end_of_hours_waits_longer_than_who_reads(
    lock: Path, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def rest(_: float) -> None:
        holder.kill()
        holder.wait()

    monkeypatch.setattr(time, "sleep", rest)
    with patiently(A_DAY), exclusive_lock(lock, 0.0):
        pass


def test_a_command_waits_once_for_a_held_ledger_and_ends_with_words(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And not again for the record of its refusal."""
    monkeypatch.setattr(locks, "MOMENT", 0.01)
    monkeypatch.setattr(locks, "_SILENT", 0.0)
    before = workspace.ledger.read_bytes()
    (workspace.root / "records.csv").write_text("a\n1\n")
    register = (
        *("--workspace", str(workspace.root), "data", "register", "t"),
        *(str(workspace.root / "records.csv"), "--class", "public", "--owner", "O"),
        *("--legal-basis", "L", "--purpose", "train", "--as", "sam"),
    )
    with _holding(workspace.ledger.with_suffix(".lock")) as process:
        with pytest.raises(SystemExit) as ended:
            main(list(register))
        process.kill()
    said = capsys.readouterr().err
    assert ended.value.code == 6
    assert f"process {process.pid} (python" in said
    assert said.count("governed: waiting for") == 1
    assert workspace.ledger.read_bytes() == before


def test_a_refusal_keeps_its_reason_where_it_can_t_be_put_on_record(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "MOMENT", 0.01)
    refusal = Refused("kim may not deploy", why="kim is no operator", next="ask one")
    with _holding(workspace.ledger.with_suffix(".lock")) as process:
        record_refusal(workspace, "kim", "deploy", "triage@1", refusal)
        process.kill()
    assert not refusal.on_record
    assert refusal.why.startswith("kim is no operator; this attempt is not on record: ")
    assert "ledger.lock is held" in refusal.why
    again = Refused("kim may not deploy", why="kim is no operator", next="ask one")
    record_refusal(workspace, "kim", "deploy", "triage@1", again)
    assert (again.on_record, again.why) == (True, "kim is no operator")


def test_a_lock_that_is_a_pipe_or_a_folder_keeps_nobody_waiting(lock: Path) -> None:
    os.mkfifo(lock)
    for take in (exclusive_lock, readers_lock):
        with pytest.raises(ResourceMissing, match="no file"), take(lock):
            pass
    lock.unlink()
    lock.mkdir()
    with pytest.raises(ResourceMissing, match="could not be written"), exclusive_lock(lock):
        pass


def test_a_lock_that_is_a_link_makes_no_file_elsewhere(tmp_path: Path, lock: Path) -> None:
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ResourceMissing, match="could not be written"), exclusive_lock(lock):
        pass
    assert not (tmp_path / "elsewhere").exists()
