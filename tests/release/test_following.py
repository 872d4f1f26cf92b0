"""The process that keeps stores up to date beside a server, and several of them at once."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from governed_kernel.errors import CheckFailed
from governed_kernel.lineage import store as store_module
from governed_kernel.lineage.events import CellStarted, SessionStarted
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.opening import connect
from governed_kernel.lineage.store import Store
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.release import ledger_rows, projection
from governed_kernel.release.projection import opened, rebuild, refresh
from governed_kernel.workspace import Workspace
from tests.kernel.running import home_of, make_workspace, wait_until

SESSIONS = 6


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = make_workspace(tmp_path / "workspace")
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(made)))
    return made


def follower(workspace: Workspace, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as said:
        started = subprocess.Popen(
            [sys.executable, "-m", "governed_kernel.release.following"],
            stdin=subprocess.PIPE,
            stderr=said,
        )
    assert started.stdin is not None
    started.stdin.write(b"/nowhere at all\n" + os.fsencode(workspace.root) + b"\n")
    started.stdin.flush()
    return started


def start(workspace: Workspace, session: str) -> SessionRecord:
    made = SessionRecord(workspace, session, durable=False)
    made.add(
        SessionStarted(
            session_id=session, mode="research", notebook="n", user_name="u", host="h", pid=1
        )
    )
    assert made.flush() is None
    return made


def stored(workspace: Workspace) -> tuple[list[str], bool]:
    """Which sessions the store knows as it lies there, and whether it knows all of the ledger."""
    if not workspace.store.exists():
        return [], False
    store = Store(workspace)
    with store.read() as connection:
        rows = connection.execute("SELECT session_id FROM sessions ORDER BY ALL").fetchall()
    head = Ledger(workspace).records()[-1].head.hash.hex()
    return [name for (name,) in rows], store.ledger_head() == head


def test_two_of_them_bring_in_what_goes_on_once_while_others_read_and_one_is_killed(
    workspace: Workspace, tmp_path: Path
) -> None:
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    both = [follower(workspace, log) for log in logs]
    try:
        open_records = []
        for number in range(SESSIONS):
            made = start(workspace, f"s{number}")
            if number % 2:
                assert made.seal() == ""
            else:
                open_records.append(made)
            if number == SESSIONS // 2:
                both[0].send_signal(signal.SIGKILL)
            stored(workspace)
        wait_until(lambda: stored(workspace) == ([f"s{n}" for n in range(SESSIONS)], True))
        before = Store(workspace).fingerprint()
        assert rebuild(workspace).fingerprint() == before
        assert [made.seal() for made in open_records] == [""] * (SESSIONS // 2)
    finally:
        for each in both:
            assert each.stdin is not None
            each.stdin.close()
            each.wait(30)
    assert both[1].returncode == 0, "it ends when its input does"
    said = logs[1].read_text()
    assert said.startswith("governed: /nowhere at all is no workspace")
    assert "not brought up to date" not in said


def test_what_the_ledger_says_is_told_once_where_a_journal_has_moved_as_well(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(workspace, "s0")
    refresh(workspace)
    told: list[int] = []
    really = ledger_rows.tables_of

    def tables_of(registry: Any, taken: int = 0) -> Any:
        told.append(taken)
        return really(registry, taken)

    monkeypatch.setattr(projection, "tables_of", tables_of)
    assert start(workspace, "s1").seal() == ""
    before = Store(workspace).ledger_head()
    refresh(workspace)
    assert Store(workspace).ledger_head() != before
    assert stored(workspace) == (["s0", "s1"], True)
    assert len(told) == 1
    assert told != [0], "from where the store had it"


@pytest.fixture
def reader(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace whose store is there, for who may only read it."""
    start(workspace, "s0")
    refresh(workspace)
    workspace.state.chmod(0o555)
    if os.getuid() == 0:  # who may write everywhere

        def access(path: Path, mode: int) -> bool:
            return bool(path.stat().st_mode & stat.S_IWUSR) or mode != os.W_OK

        monkeypatch.setattr(os, "access", access)
    yield workspace
    workspace.state.chmod(0o755)


def test_who_may_only_read_keeps_a_copy_until_the_store_changes(reader: Workspace) -> None:
    copy = refresh(reader)
    assert copy.path != reader.store
    start(reader, "s1")
    again = refresh(reader)
    assert again is copy, "what is new comes into the same copy"
    assert len(again.query("SELECT session_id FROM sessions")) == 2
    os.utime(reader.store)  # as where something was erased from it
    assert refresh(reader) is not copy
    assert len(refresh(reader).query("SELECT session_id FROM sessions")) == 2


def test_a_copy_that_nobody_asks_any_more_goes(
    reader: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what is erased would stay in it for as long as a server has nothing to do."""
    monkeypatch.setattr(projection, "_SECONDS_KEPT", 0.01)
    folder = refresh(reader).path.parent
    wait_until(lambda: not folder.exists())


def test_a_question_after_which_nothing_happened_opens_the_store_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To open it takes longer than most questions, and panels ask after every cell."""
    made = start(workspace, "s0")
    refresh(workspace)
    asked: list[Path] = []

    def counted(path: Path, *rest: Any, **more: Any) -> Any:
        asked.append(path)
        return connect(path, *rest, **more)

    def last() -> list[dict[str, Any]]:
        with opened(workspace) as store:
            return store.query("SELECT max(execution) AS last FROM cells")

    monkeypatch.setattr(store_module, "connect", counted)
    refresh(workspace)
    assert asked == [workspace.store]
    before = last()
    assert asked == [workspace.store] * 2, "with its answer"
    made.add(CellStarted(execution=2, cell_id="c", source=made.payload("y")))
    assert made.flush() is None
    assert last() == [{"last": 2}] != before


def test_what_a_question_is_refused_for_is_said_to_who_asks(workspace: Workspace) -> None:
    refresh(workspace)
    with pytest.raises(CheckFailed, match="the query failed"), opened(workspace) as store:
        store.query("SELECT nothing FROM nowhere")
