"""Journals: what is written is read back, and what was not written is found and located."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governed_kernel import files
from governed_kernel.errors import IntegrityBroken, ResourceMissing
from governed_kernel.lineage.events import (
    CellEnded,
    CellStarted,
    ColumnEdge,
    Entity,
    JournalOpened,
    SessionEvent,
    Transformation,
    Witnessed,
)
from governed_kernel.lineage.journal import (
    SESSION_DECODER,
    Head,
    JournalWriter,
    payload_of,
    read_block,
    read_payloads,
    read_records,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
COLUMN_EDGES = st.builds(ColumnEdge, TEXT, TEXT, TEXT, TEXT, st.sampled_from(["IDENTITY", "JOIN"]))
EVENTS = st.one_of(
    st.builds(CellStarted, execution=st.integers(0, 9**9), cell_id=TEXT, source=TEXT),
    st.builds(
        Witnessed, execution=st.just(1), cell_id=TEXT, pid=st.just(1), syscall=TEXT, path=TEXT
    ),
    st.builds(
        Transformation,
        execution=st.just(1),
        cell_id=TEXT,
        transformation_id=TEXT,
        operation=TEXT,
        library=TEXT,
        inputs=st.lists(st.builds(Entity, entity=TEXT, kind=TEXT, columns=st.lists(TEXT))),
        columns=st.lists(COLUMN_EDGES),
        facts=st.dictionaries(TEXT, st.integers(-(2**53), 2**53) | TEXT | st.booleans()),
    ),
)


def opened(name: str = "s") -> JournalOpened:
    return JournalOpened(workspace_id="w", journal=name)


def ended(execution: int = 1) -> CellEnded:
    return CellEnded(execution=execution, cell_id="c", status="ok")


def written(path: Path, events: list[SessionEvent]) -> JournalWriter:
    writer = JournalWriter(path)
    for event in events:
        writer.append(event)
    return writer


def events_of(path: Path) -> list[SessionEvent]:
    return [record.event for record in read_records(path, SESSION_DECODER)]


@settings(max_examples=60)
@given(events=st.lists(EVENTS, max_size=8), together=st.booleans())
def test_every_event_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, events: list[SessionEvent], together: bool
) -> None:
    path = tmp_path_factory.mktemp("journal") / "s.jsonl"
    writer = JournalWriter(path)
    if together:
        writer.append(*events)
    else:
        for event in events:
            writer.append(event)
    writer.close()
    records = list(read_records(path, SESSION_DECODER))
    assert [record.event for record in records] == events
    assert [record.number for record in records] == list(range(len(events)))
    if records:
        assert records[-1].head == writer.head
        assert writer.head.size == path.stat().st_size


def test_the_format_needs_nothing_but_sha256(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    written(path, [opened(), ended()]).close()
    previous = bytes(32)
    for line in path.read_bytes().splitlines():
        digest, _, event = line.partition(b" ")
        previous = hashlib.sha256(previous + event).digest()
        assert previous.hex().encode() == digest


def test_reading_goes_on_from_a_verified_head(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    writer = written(path, [opened(), ended(1)])
    head = writer.head
    writer.append(ended(2))
    writer.close()
    [record] = read_records(path, SESSION_DECODER, head)
    assert record.number == 2
    assert record.head == writer.head


def test_more_records_than_a_block_are_all_read(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    writer = JournalWriter(path)
    writer.append(*[ended(number) for number in range(20_000)])
    writer.close()
    assert sum(1 for _ in read_records(path, SESSION_DECODER)) == 20_000


@pytest.mark.parametrize("cut", [1, 2, 30, 66, 67, 100])
def test_a_torn_last_record_is_left_out_and_shown(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "s.jsonl"
    writer = written(path, [opened(), ended()])
    whole = writer.head
    writer.append(ended(2))
    writer.close()
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(events_of(path)) == 2
    block = read_block(path)
    assert block.head == whole
    assert block.torn == path.read_bytes()[whole.size :]
    assert block.broken is None


@settings(max_examples=150)
@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_located_by_record_and_byte(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "s.jsonl"
    writer, ends = JournalWriter(path), [0]
    for event in (opened(), ended(1), ended(2), ended(3)):
        ends.append(writer.append(event).size)
    writer.close()
    data = bytearray(path.read_bytes())
    position %= len(data)
    data[position] ^= 1 << bit
    path.write_bytes(data)
    record = next(number for number, end in enumerate(ends[1:]) if position < end)
    if position == len(data) - 1:
        assert read_block(path).torn  # the last line end: what follows is not a whole record
        return
    with pytest.raises(IntegrityBroken, match=rf"record {record} \(byte {ends[record]}\)"):
        events_of(path)
    block = read_block(path)
    assert block.head.records == record
    assert len(block.bodies) == record


@pytest.mark.parametrize("change", ["drop", "swap", "duplicate"])
def test_dropped_swapped_and_doubled_records_are_found(tmp_path: Path, change: str) -> None:
    path = tmp_path / "s.jsonl"
    written(path, [opened(), ended(1), ended(2), ended(3)]).close()
    lines = path.read_bytes().splitlines(keepends=True)
    if change == "drop":
        del lines[1]
    elif change == "swap":
        lines[1], lines[2] = lines[2], lines[1]
    else:
        lines.insert(2, lines[1])
    path.write_bytes(b"".join(lines))
    with pytest.raises(IntegrityBroken, match=r"record [12] "):
        events_of(path)


def test_a_journal_that_became_shorter_than_its_head_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    writer = written(path, [opened(), ended()])
    writer.close()
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(IntegrityBroken, match="became shorter"):
        list(read_records(path, SESSION_DECODER, writer.head))


def test_a_journal_that_is_gone_is_broken_for_who_knows_its_head(tmp_path: Path) -> None:
    assert events_of(tmp_path / "never.jsonl") == []
    with pytest.raises(IntegrityBroken, match="became shorter"):
        list(read_records(tmp_path / "gone.jsonl", SESSION_DECODER, Head(1, 100, bytes(32))))


def test_an_event_of_a_newer_version_is_an_error_that_says_so(tmp_path: Path) -> None:
    class Newer(msgspec.Struct, tag="of-tomorrow"):
        value: int = 1

    path = tmp_path / "s.jsonl"
    writer = written(path, [opened()])
    writer.append(Newer())
    writer.close()
    with pytest.raises(IntegrityBroken, match="a newer one"):
        events_of(path)


def test_fields_of_a_newer_schema_are_passed_over(tmp_path: Path) -> None:
    class Newer(msgspec.Struct, tag="cell-ended"):
        execution: int = 3
        cell_id: str = "c"
        status: str = "ok"
        mood: str = "fine"

    path = tmp_path / "s.jsonl"
    writer = JournalWriter(path)
    writer.append(Newer())
    writer.close()
    [event] = events_of(path)
    assert isinstance(event, CellEnded)
    assert event.execution == 3


def test_a_name_of_foreign_bytes_can_be_recorded(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    name = os.fsdecode(b"/data/caf\xe9.csv")
    seen = Witnessed(execution=1, cell_id="c", pid=1, syscall="openat", path=name)
    written(path, [seen]).close()
    [event] = events_of(path)
    assert isinstance(event, Witnessed)
    assert event.path == "/data/caf\\udce9.csv"


def test_a_journal_changed_under_its_writer_is_found_before_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    writer = written(path, [opened(), ended()])
    with path.open("ab") as other:
        other.write(b"x")
    with pytest.raises(IntegrityBroken, match="not as its writer left it"):
        writer.append(ended(2))
    assert path.read_bytes().endswith(b"}\nx")
    writer.close()


def test_a_journal_deleted_under_its_writer_is_found_before_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    writer = written(path, [opened()])
    path.unlink()
    with pytest.raises(IntegrityBroken, match="it was deleted"):
        writer.append(ended())
    writer.close()


def test_two_writers_of_one_journal_get_in_no_one_s_way_unseen(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    first, second = JournalWriter(path), JournalWriter(path)
    first.append(opened())
    with pytest.raises(IntegrityBroken):
        second.append(opened("other"))
    assert len(events_of(path)) == 1
    first.close()
    second.close()


def test_a_journal_never_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    with pytest.raises(ResourceMissing):
        JournalWriter(tmp_path / "s.jsonl")
    assert not (tmp_path / "elsewhere.jsonl").exists()


def test_a_new_journal_and_its_folder_entry_reach_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def noted(folder: Path) -> None:
        synced.append(folder)
        files.sync_folder(folder)

    monkeypatch.setattr("governed_kernel.lineage.journal.sync_folder", noted)
    written(tmp_path / "s.jsonl", [opened()]).close()
    JournalWriter(tmp_path / "s.jsonl").close()
    assert synced == [tmp_path]


FILL = """
    import resource, sys
    from pathlib import Path
    from governed_kernel.errors import ResourceMissing
    from governed_kernel.lineage.events import CellEnded, JournalOpened
    from governed_kernel.lineage.journal import JournalWriter, SESSION_DECODER, read_records
    path = Path(sys.argv[1])
    writer = JournalWriter(path)
    writer.append(JournalOpened(workspace_id="w", journal="s"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    for number in range(100):
        before = writer.head
        try:
            writer.append(CellEnded(execution=number, cell_id="c", status="ok"))
        except ResourceMissing as full:
            message = f"{full.exit_code} {full}"
            break
    assert writer.head == before and path.stat().st_size == before.size
    print(message)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, resource.RLIM_INFINITY))
    writer.append(CellEnded(execution=99, cell_id="c", status="ok"))
    writer.close()
    events = [record.event for record in read_records(path, SESSION_DECODER)]
    assert len(events) == writer.head.records == before.records + 1
"""


def test_a_full_disk_leaves_the_journal_as_it_was_and_usable_again(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel write a part of the record, as a full disk does."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FILL), str(tmp_path / "s.jsonl")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("6 ")
    assert "can't be written" in done.stdout


def test_a_full_device_is_an_error_at_the_first_record(tmp_path: Path) -> None:
    with pytest.raises(ResourceMissing, match="No space left"):
        JournalWriter(Path("/dev/full")).append(opened())


def test_after_a_failed_sync_the_writer_goes_no_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    writer = written(tmp_path / "s.jsonl", [opened()])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(ResourceMissing, match="Input/output"):
            writer.sync()
    with pytest.raises(ResourceMissing, match="half-way"):
        writer.append(ended())
    writer.close()


def test_payloads_come_back_and_forged_or_torn_ones_do_not(tmp_path: Path) -> None:
    path = tmp_path / "s.payloads.jsonl"
    texts = ["x = 1", "", "pd.read_csv('ä')", "x = 1"]
    made = [payload_of(text) for text in texts]
    forged = made[0][1].replace(b"x = 1", b"x = 2")
    path.write_bytes(b"".join(line for _, line in made[1:]) + forged + made[0][1][:40])
    assert read_payloads(path) == {
        digest: text for (digest, _), text in zip(made[1:], texts[1:], strict=True)
    }
    assert made[0][0] != made[3][0], "equal texts have different digests, so none can be guessed"


def test_a_payload_of_broken_text_is_kept_readable(tmp_path: Path) -> None:
    digest, line = payload_of("a\ud800b")
    (tmp_path / "p").write_bytes(line)
    assert read_payloads(tmp_path / "p") == {digest: "a\\ud800b"}
