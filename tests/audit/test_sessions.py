"""Sessions verified: sealed ones against the ledger, others against their recorder's word."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from governed_kernel.audit.report import Check
from governed_kernel.audit.sessions import check_sessions
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import CellEnded, CellStarted, SessionSealed
from governed_kernel.lineage.heads import head_file
from governed_kernel.lineage.journal import SESSION_DECODER, JournalWriter, read_records
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.texts import erase, lines_of, texts_file
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.workspace import Workspace
from tests.kernel.running import home_of, make_workspace

Change = Callable[[bytes], bytes]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = make_workspace(tmp_path / "workspace")
    monkeypatch.setenv("GOVERNED_HOME", str(home_of(made)))
    return made


def record(workspace: Workspace, session: str = "s1", *, seal: bool = False) -> SessionRecord:
    """What a recorder leaves of three cells; killed before its end, or sealed."""
    written = SessionRecord(workspace, session, durable=False)
    for number in range(3):
        source = written.payload(f"print({number})")
        written.add(CellStarted(execution=number, cell_id="", source=source))
        assert written.flush() is None
        written.add(CellEnded(execution=number, cell_id="", status="ok"))
        assert written.settle() is None
    if seal:
        assert written.seal() == ""
    return written


def verified(workspace: Workspace, erased: frozenset[str] = frozenset()) -> dict[str, Check]:
    checks = check_sessions(workspace, Register.read(workspace), erased)
    return {check.subject: check for check in checks}


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_sealed_session_is_good_and_one_without_a_seal_never(workspace: Workspace) -> None:
    record(workspace, "s1", seal=True)
    record(workspace, "s2")
    found = verified(workspace)
    assert (found["s1"].outcome, found["s1"].detail) == ("ok", "7 records, 3 texts")
    assert found["s2"].outcome == "unsealed"
    assert found["s2"].detail == "7 records verify, 3 texts"
    assert not head_file(workspace.journals / "s1.jsonl").exists()


def test_what_nobody_speaks_for_is_said_to_be_so(workspace: Workspace) -> None:
    path = record(workspace).path
    head_file(path).unlink()
    assert "nothing says where it ends" in verified(workspace)["s1"].detail
    path.write_bytes(b"".join(lines(path)[:4]))
    assert verified(workspace)["s1"].outcome == "unsealed"


def test_a_live_journal_cut_at_the_edge_of_a_record_shows_against_its_recorder_s_word(
    workspace: Workspace,
) -> None:
    path = record(workspace).path
    whole = lines(path)
    for kept in range(len(whole)):
        path.write_bytes(b"".join(whole[:kept]))
        check = verified(workspace)["s1"]
        assert check.outcome == "broken"
        assert f"its recorder wrote 7 records, the file has {kept}" in check.detail


def test_a_live_journal_that_others_went_on_with_or_wrote_anew_is_found(
    workspace: Workspace,
) -> None:
    written = record(workspace)
    whole = written.path.read_bytes()
    forger = JournalWriter(written.path, written.head)
    forger.append(CellEnded(execution=9, cell_id="", status="ok"))
    assert "it goes on after record 6" in verified(workspace)["s1"].detail
    written.path.unlink()
    other = JournalWriter(written.path)
    events = [record.event for record in read_records(_kept(written.path, whole), SESSION_DECODER)]
    other.append(*events[:-1], CellEnded(execution=2, cell_id="", status="error"))
    assert "has another hash than its recorder wrote" in verified(workspace)["s1"].detail


def _kept(path: Path, whole: bytes) -> Path:
    beside = path.with_name(".kept")
    beside.write_bytes(whole)
    return beside


def test_a_recorder_killed_while_it_writes_is_no_forger(workspace: Workspace) -> None:
    """Between the mark and the head there may be more, or part of a line."""
    written = record(workspace)
    head = head_file(written.path).read_bytes()
    written.add(CellEnded(execution=3, cell_id="", status="ok"))
    assert written.flush() is None
    head_file(written.path).write_bytes(head[:-2] + b"w\n")
    check = verified(workspace)["s1"]
    assert check.outcome == "unsealed"
    assert "8 records verify, 3 texts; its recorder was writing" in check.detail
    with written.path.open("ab") as file:
        file.write(b"0123")
    assert "4 torn bytes at its end" in verified(workspace)["s1"].detail


LONG_AGO = 1_500_000_000


def long_ago(journal: Path) -> None:
    """As if nobody had written to these files since this machine was started."""
    for path in (journal, head_file(journal)):
        os.utime(path, (LONG_AGO, LONG_AGO))


def test_a_head_older_than_its_journal_is_a_power_cut_where_the_machine_was_started_since(
    workspace: Workspace,
) -> None:
    written = record(workspace)
    head = head_file(written.path).read_bytes()
    source = written.payload("print(3)")
    written.add(CellStarted(execution=3, cell_id="", source=source))
    assert written.settle() is None
    head_file(written.path).write_bytes(head)
    whole, texts = written.path.read_bytes(), texts_file(written.path).read_bytes()
    assert verified(workspace)["s1"].outcome == "broken", "the machine has run all the time"

    long_ago(written.path)
    check = verified(workspace)["s1"]
    assert check.outcome == "unsealed"
    assert "8 records verify, 4 texts; this machine was started anew" in check.detail
    assert check.detail.endswith("its recorder's last word, for 7 records")
    texts_file(written.path).write_bytes(b"".join(lines(texts_file(written.path))[:3]))
    assert "1 texts did not reach the disk" in verified(workspace)["s1"].detail

    for content, kept, said in (
        (b"".join(lines(written.path)[:6]), texts, "its recorder wrote 7 records, the file has 6"),
        (whole.replace(b'"ok"', b'"no"', 1), texts, "record 2"),
        (whole, b"".join(lines(texts_file(written.path))[1:]), "2 texts, 3 were written"),
    ):
        written.path.write_bytes(content)
        texts_file(written.path).write_bytes(kept)
        long_ago(written.path)
        check = verified(workspace)["s1"]
        assert (check.outcome, said in check.detail) == ("broken", True), check


@pytest.fixture
def disk(workspace: Workspace, tmp_path: Path) -> Iterator[Path]:
    """The image of a disk on which journals lie; whoever copies it has what reached the disk."""
    image = tmp_path / "disk.img"
    if os.getuid():
        pytest.skip("only root can mount a disk")
    with image.open("wb") as file:
        file.truncate(16 << 20)
    mount = ["mount", "-o", "loop", str(image), str(workspace.journals)]
    for command in (["mkfs.ext4", "-q", str(image)], mount):
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("this container can't mount a disk")
    try:
        yield image
    finally:
        subprocess.run(["umount", "-l", workspace.journals], check=True)


def test_what_was_synced_outlives_a_power_cut_and_the_rest_is_no_forgery(
    workspace: Workspace, disk: Path, tmp_path: Path
) -> None:
    """A copy of the disk under a running recorder is what a power cut would leave."""
    written = SessionRecord(workspace, "s1", durable=False)
    after, synced = [], []
    for number in range(6):
        source = written.payload(f"print({number})")
        written.add(CellStarted(execution=number, cell_id="", source=source))
        assert written.flush() is None
        if number % 3 == 0:
            os.sync()  # as the system does when it finds the time, the head included
            synced.append(written.head.records)
        elif number % 3 == 1:
            assert written.sync() is None
            synced.append(written.head.records)
        else:
            synced.append(synced[-1])
        after.append(shutil.copyfile(disk, tmp_path / f"after-{number}.img"))
    there = written.path
    for image, least in zip(after, synced, strict=True):
        subprocess.run(["mount", "-o", "loop", image, workspace.journals], check=True)
        try:
            long_ago(there)
            check = verified(workspace)["s1"]
            assert check.outcome == "unsealed", check
            assert int(check.detail.split()[0]) >= least, check
        finally:
            subprocess.run(["umount", workspace.journals], check=True)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [lines[0], lines[2]], "2 texts, 3 were written"),
        (lambda lines: [lines[0], lines[2], lines[1]], "in that order"),
        (lambda lines: [lines[0].replace(b"print", b"paint"), *lines[1:]], "line 0 (byte 0)"),
        (lambda lines: [], "0 texts, 3 were written"),
    ],
    ids=["dropped", "swapped", "changed", "emptied"],
)
def test_no_text_is_lost_or_changed_unseen(
    workspace: Workspace, sealed: bool, change: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    path = texts_file(record(workspace, seal=sealed).path)
    path.write_bytes(b"".join(change(lines(path))))
    check = verified(workspace)["s1"]
    assert check.outcome == "broken"
    assert said in check.detail


def test_a_text_is_erased_with_an_entry_and_never_without(workspace: Workspace) -> None:
    path = texts_file(record(workspace, seal=True).path)
    digest = next(lines_of(path)).digest
    erase(path, [digest])
    assert "was erased, and no entry in the ledger says so" in verified(workspace)["s1"].detail
    check = verified(workspace, frozenset([digest]))["s1"]
    assert (check.outcome, check.detail) == ("ok", "7 records, 2 texts, 1 erased")


def test_a_seal_of_before_texts_were_counted_misses_those_that_records_name(
    workspace: Workspace,
) -> None:
    written = record(workspace)
    head_file(written.path).unlink()
    head = written.head
    Ledger(workspace).append(
        SessionSealed(
            schema=1,
            session_id="s1",
            records=head.records,
            bytes=head.size,
            head=head.hash.hex(),
        )
    )
    assert verified(workspace)["s1"].outcome == "ok"
    path = texts_file(written.path)
    path.write_bytes(b"".join(lines(path)[:2]))
    assert "of record 5 is gone" in verified(workspace)["s1"].detail


def test_a_journal_that_is_gone_is_missed_whatever_is_left_of_it(workspace: Workspace) -> None:
    record(workspace).path.unlink()
    assert verified(workspace)["s1"].outcome == "broken"
    texts_file(workspace.journals / "s1.jsonl").unlink()
    assert "its journal is gone, and other files" in verified(workspace)["s1"].detail
