"""The ledger: one order for many processes, verified before every append."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.errors import IntegrityBroken, ResourceMissing, UnknownName
from governed_kernel.lineage import ledger as ledger_module
from governed_kernel.lineage.events import (
    DatasetRegistered,
    Decided,
    FileDigest,
    JournalOpened,
    LedgerEvent,
    SessionSealed,
)
from governed_kernel.lineage.journal import Block, JournalWriter, chain, encode, read_block
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.loop.refusal import alter


def decided(action: str) -> Decided:
    return Decided(person="ada", action=action, resource="r", outcome="allowed")


def actions(events: list[LedgerEvent]) -> list[str]:
    return [event.action for event in events if isinstance(event, Decided)]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(Workspace(tmp_path))
    ledger.create("w-1", decided("first"))
    return ledger


def test_a_ledger_begins_with_what_it_is(ledger: Ledger) -> None:
    opening, first = ledger.events()
    assert isinstance(opening, JournalOpened)
    assert opening.journal == "ledger"
    assert ledger.workspace_id == "w-1"
    assert actions([first]) == ["first"]


def test_a_ledger_is_never_started_twice(ledger: Ledger) -> None:
    before = ledger.path.read_bytes()
    with pytest.raises(IntegrityBroken, match="exists already"):
        ledger.create("w-2")
    assert ledger.path.read_bytes() == before


def test_a_workspace_without_a_ledger_says_how_to_get_one(tmp_path: Path) -> None:
    ledger = Ledger(Workspace(tmp_path))
    with pytest.raises(UnknownName, match="governed init"):
        ledger.append(decided("x"))
    assert not ledger.path.exists()


@pytest.mark.parametrize("left", [b"", b"3f9a", b"3f9a" * 16 + b' {"type":"journal-op'])
def test_a_start_that_a_power_cut_ended_can_be_made_again(tmp_path: Path, left: bytes) -> None:
    ledger = Ledger(Workspace(tmp_path))
    ledger.path.parent.mkdir()
    ledger.path.write_bytes(left)
    with pytest.raises(UnknownName):
        ledger.records()
    ledger.create("w-1", decided("first"))
    assert actions(Ledger(ledger.workspace).events()) == ["first"]
    assert [path.read_bytes() for path in ledger.torn()] == ([left] if left else [])


def test_a_reader_sees_what_others_added(ledger: Ledger) -> None:
    assert len(ledger.records()) == 2
    Ledger(ledger.workspace).append(decided("second"), decided("third"))
    assert actions(ledger.events()) == ["first", "second", "third"]


def test_the_list_of_records_is_the_caller_s_own(ledger: Ledger) -> None:
    ledger.records().clear()
    assert len(ledger.records()) == 2


def test_who_decides_sees_everything_before_and_can_add_nothing(ledger: Ledger) -> None:
    seen: list[str] = []

    def decide(events: list[LedgerEvent]) -> tuple[tuple[Decided, ...], int]:
        seen.extend(actions(events))
        return (), 7

    before = ledger.path.read_bytes()
    head, result = ledger.append_checked(decide)
    assert (result, seen) == (7, ["first"])
    assert head.size == len(before)

    def refuse(_: list[LedgerEvent]) -> tuple[tuple[Decided, ...], None]:
        raise UnknownName("nobody")

    with pytest.raises(UnknownName):
        ledger.append_checked(refuse)
    assert ledger.path.read_bytes() == before


APPEND = """
    import sys
    from pathlib import Path
    from governed_kernel.lineage.events import Decided
    from governed_kernel.lineage.ledger import Ledger
    from governed_kernel.workspace import Workspace
    ledger = Ledger(Workspace(Path(sys.argv[1])))
    for number in range(40):
        def decide(events):
            count = len(events)
            event = Decided(person=sys.argv[2], action=str(number), resource=str(count),
                            outcome="allowed")
            return (event,), None
        ledger.append_checked(decide)
"""


def test_two_processes_that_append_at_once_get_one_order(ledger: Ledger) -> None:
    command = [sys.executable, "-c", textwrap.dedent(APPEND), str(ledger.workspace.root)]
    both = [subprocess.Popen([*command, name]) for name in ("ada", "bob")]
    assert [process.wait(60) for process in both] == [0, 0]
    events = [event for event in ledger.events() if isinstance(event, Decided)][1:]
    assert len(events) == 80
    for person in ("ada", "bob"):
        own = [event.action for event in events if event.person == person]
        assert own == [str(number) for number in range(40)]
    # Each decided with all that came before in view: nothing was added in between.
    assert [event.resource for event in events] == [str(number + 2) for number in range(80)]


@pytest.mark.parametrize("cut", [5, 30, 100])
def test_a_torn_last_record_is_kept_aside_and_appending_goes_on(ledger: Ledger, cut: int) -> None:
    whole = ledger.path.read_bytes()
    ledger.append(decided("lost"))
    torn = ledger.path.read_bytes()[len(whole) : -cut]
    ledger.path.write_bytes(whole + torn)
    again = Ledger(ledger.workspace)
    assert actions(again.events()) == ["first"]
    again.append(decided("second"))
    assert actions(again.events()) == ["first", "second"]
    assert [path.read_bytes() for path in again.torn()] == [torn]


def test_a_last_record_that_lacks_only_its_line_end_is_not_lost(ledger: Ledger) -> None:
    ledger.append(decided("second"))
    ledger.path.write_bytes(ledger.path.read_bytes()[:-1])
    again = Ledger(ledger.workspace)
    seen: list[str] = []

    def decide(events: list[LedgerEvent]) -> tuple[tuple[Decided, ...], None]:
        seen.extend(actions(events))
        return (decided("third"),), None

    again.append_checked(decide)
    assert seen == ["first", "second"]
    assert actions(again.events()) == ["first", "second", "third"]
    assert again.torn() == []


def test_a_flipped_last_line_end_drops_no_record(ledger: Ledger) -> None:
    before = ledger.path.read_bytes()
    ledger.path.write_bytes(before[:-1] + b"\x0b")
    with pytest.raises(IntegrityBroken, match="lost its line end"):
        Ledger(ledger.workspace).append(decided("second"))
    assert ledger.path.read_bytes() == before[:-1] + b"\x0b"


def test_a_flipped_byte_refuses_every_append_also_of_who_read_it_before(ledger: Ledger) -> None:
    ledger.append(decided("second"))
    ledger.records()
    data = bytearray(ledger.path.read_bytes())
    data[100] ^= 1
    with ledger.path.open("rb+") as file:
        file.write(data)
    for reader in (ledger, Ledger(ledger.workspace)):
        with pytest.raises(IntegrityBroken, match=r"record 0 \(byte 0\)"):
            reader.append(decided("third"))
    assert ledger.path.read_bytes() == data


def test_a_record_whose_time_has_no_zone_is_named_and_not_taken(ledger: Ledger) -> None:
    """Its hash is right, so that nothing but its meaning is left to refuse it for."""
    head = ledger.records()[-1].head
    body = encode(decided("second")).replace(b'Z"', b'"')
    with ledger.path.open("ab") as file:
        file.write(chain(head.hash, body).hex().encode() + b" " + body + b"\n")
    for reader in (ledger, Ledger(ledger.workspace)):
        with pytest.raises(IntegrityBroken, match=rf"record 2 \(byte {head.size}\)") as refused:
            reader.records()
        assert "timezone" in refused.value.why
        assert "occurred_at" in refused.value.why


def test_a_shrunk_ledger_is_found_by_who_read_it_before(ledger: Ledger) -> None:
    short = ledger.path.read_bytes()
    ledger.append(decided("second"))
    ledger.records()
    ledger.path.write_bytes(short)
    with pytest.raises(IntegrityBroken, match="was replaced"):
        ledger.append(decided("third"))


def test_a_ledger_at_rest_is_verified_by_one_reader_of_a_process_and_by_every_writer(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[Path] = []

    def noting(path: Path, *more: Any, **options: Any) -> Block:
        verified.append(path)
        return read_block(path, *more, **options)

    monkeypatch.setattr(ledger_module, "read_block", noting)

    def read() -> int:
        verified.clear()
        assert actions(Ledger(ledger.workspace).events()) == ["first"]
        return len(verified)

    assert read() == 0  # for the first time: it is decoded
    assert read() == 1  # a change in the same tick of the clock leaves no trace
    time.sleep(2.1)
    assert read() == 1
    assert read() == 0
    reader = Ledger(ledger.workspace)
    reader.records()
    verified.clear()
    reader.append_checked(lambda _: ((), None))
    assert len(verified) == 2, "what it has of another one, and what follows"
    os.utime(ledger.path)
    assert read() == 1
    time.sleep(2.1)
    read()
    verified.clear()
    Ledger(ledger.workspace).append(decided("second"))
    assert verified
    alter(ledger.path)
    with pytest.raises(IntegrityBroken, match="not what was written"):
        Ledger(ledger.workspace).events()


def test_a_ledger_replaced_while_open_is_found(ledger: Ledger, tmp_path: Path) -> None:
    ledger.records()
    other = Ledger(Workspace(tmp_path / "other"))
    other.create("w-1", decided("first"), decided("forged"), decided("forged"))
    other.path.replace(ledger.path)
    with pytest.raises(IntegrityBroken):
        ledger.records()


def test_a_ledger_replaced_by_one_of_equal_size_is_found(ledger: Ledger, tmp_path: Path) -> None:
    ledger.records()
    other = Ledger(Workspace(tmp_path / "other"))
    while True:  # the fraction of a second may be shorter by its last zeros
        other.create("w-1", decided("FIRST"))
        if other.path.stat().st_size == ledger.path.stat().st_size:
            break
        other.path.unlink()
    shutil.copyfile(other.path, ledger.path)
    with pytest.raises(IntegrityBroken):
        ledger.records()


def test_a_ledger_restored_from_a_backup_with_everything_in_it_is_the_same(ledger: Ledger) -> None:
    ledger.records()
    backup = ledger.path.with_name("backup")
    shutil.copyfile(ledger.path, backup)
    backup.replace(ledger.path)
    ledger.append(decided("second"))
    assert actions(ledger.events()) == ["first", "second"]


def test_a_session_s_journal_is_no_ledger(tmp_path: Path) -> None:
    from governed_kernel.lineage.journal import JournalWriter

    workspace = Workspace(tmp_path)
    writer = JournalWriter(workspace.ledger)
    writer.append(JournalOpened(workspace_id="w", journal="session-1"))
    writer.close()
    with pytest.raises(IntegrityBroken, match="is no ledger"):
        Ledger(workspace).records()


FILL = """
    import resource, sys
    from pathlib import Path
    from governed_kernel.errors import ResourceMissing
    from governed_kernel.lineage.events import Decided
    from governed_kernel.lineage.ledger import Ledger
    from governed_kernel.workspace import Workspace
    ledger = Ledger(Workspace(Path(sys.argv[1])))
    size = ledger.path.stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
    try:
        ledger.append(Decided(person="ada", action="x", resource="r", outcome="allowed"))
    except ResourceMissing as error:
        sys.exit(error.exit_code)
"""


def test_a_full_disk_adds_nothing_to_the_ledger(ledger: Ledger) -> None:
    before = ledger.path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FILL), str(ledger.workspace.root)], check=False
    )
    assert done.returncode == ResourceMissing.exit_code
    assert ledger.path.read_bytes() == before
    ledger.append(decided("second"))
    assert actions(ledger.events()) == ["first", "second"]


HALF = """
    import os, signal, sys
    from pathlib import Path
    from governed_kernel.lineage.events import Decided
    from governed_kernel.lineage.ledger import Ledger
    from governed_kernel.workspace import Workspace
    ledger = Ledger(Workspace(Path(sys.argv[1])))
    write, name = os.write, os.fsencode(ledger.path)
    def half(descriptor, data):
        if os.readlink(f"/proc/self/fd/{descriptor}").encode() != name:
            return write(descriptor, data)
        write(descriptor, bytes(data)[: int(float(sys.argv[2]) * len(data))])
        os.kill(os.getpid(), signal.SIGKILL)
    os.write = half
    said = [Decided(person="ada", action=a, resource="r", outcome="allowed") for a in "abcd"]
    ledger.append(*said)
"""


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.6, 0.99])
def test_records_that_were_added_together_are_there_all_or_none(
    ledger: Ledger, share: float
) -> None:
    """A kill in the middle of the write leaves the first of them whole."""
    command = [sys.executable, "-c", textwrap.dedent(HALF), str(ledger.workspace.root), str(share)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    half = ledger.path.read_bytes()
    assert actions(Ledger(ledger.workspace).events()) == ["first"]
    ledger.append(decided("second"))
    assert actions(ledger.events()) == actions(Ledger(ledger.workspace).events())
    assert actions(ledger.events()) == ["first", "second"]
    (aside,) = ledger.torn()
    assert half.endswith(aside.read_bytes())
    assert not ledger.path.with_suffix(".together").exists()


def test_a_beginning_that_was_cut_short_can_be_made_again(tmp_path: Path) -> None:
    ledger = Ledger(Workspace(tmp_path))
    ledger.path.parent.mkdir()
    writer = JournalWriter(ledger.path)
    writer.append(JournalOpened(workspace_id="w-1", journal="ledger"))
    writer.close()
    note = {"size": 0, "end": 2 * ledger.path.stat().st_size}
    ledger.path.with_suffix(".together").write_bytes(msgspec.json.encode(note))
    ledger.create("w-2", decided("first"))
    assert actions(ledger.events()) == ["first"]


REGISTERED = DatasetRegistered(
    dataset="berries",
    version="1",
    kind="data",
    sha256="a" * 64,
    bytes=1,
    files=[FileDigest("berries.csv", "a" * 64, 1)],
    data_class="public",
    owner="Ada",
    purposes=["train"],
    legal_basis="ours",
    source="",
    person="ada",
)


@pytest.mark.parametrize(
    "event",
    [
        msgspec.structs.replace(REGISTERED, dataset="../../x"),
        msgspec.structs.replace(REGISTERED, dataset="x\0"),
        msgspec.structs.replace(REGISTERED, version=".."),
        msgspec.structs.replace(REGISTERED, sha256="/home/them/.ssh"),
        msgspec.structs.replace(REGISTERED, files=[FileDigest("x", "../x", 1)]),
        SessionSealed(session_id="../../x", records=1, bytes=1, head="a" * 64),
        SessionSealed(session_id="s1", records=1, bytes=1, head="x"),
    ],
)
def test_a_name_that_leads_elsewhere_makes_no_record(event: msgspec.Struct, ledger: Ledger) -> None:
    """Names and digests become parts of paths, of whoever asks, verifies, imports or restores."""
    with pytest.raises(IntegrityBroken, match="not as records are"):
        ledger.append(event)
    ledger.append(REGISTERED)  # as it is it is taken
    writer = JournalWriter(ledger.path, ledger.records()[-1].head)
    writer.append(event)  # as another program would
    writer.close()
    with pytest.raises(IntegrityBroken, match="record 3"):
        Ledger(ledger.workspace).events()


@pytest.mark.parametrize("name", ["../known_workspaces", "/home/them", ".", "a/b", ""])
def test_a_ledger_of_a_workspace_whose_name_leads_elsewhere_is_none(
    name: str, tmp_path: Path
) -> None:
    ledger = Ledger(Workspace(tmp_path))
    with pytest.raises(IntegrityBroken, match=r"not as records are|no ledger"):
        ledger.create(name, decided("first"))
    writer = JournalWriter(ledger.path)
    writer.append(JournalOpened(workspace_id=name, journal="ledger"), decided("first"))
    writer.close()
    with pytest.raises(IntegrityBroken, match=r"record 0|no ledger"):
        ledger.events()
