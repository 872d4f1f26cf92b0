"""Sealed journals are compressed, and a crash at any moment leaves one good form."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import IntegrityBroken
from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.forms import (
    Damaged,
    compressed,
    content_size,
    forms,
    journal_files,
    open_journal,
    stream,
)
from governed_kernel.lineage.journal import (
    SESSION_DECODER,
    Head,
    JournalReader,
    JournalWriter,
    read_block,
    read_records,
)
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.sealing import Sealing, compressor, finish_interrupted, unfinished
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.packing import pack
from tests.lineage.sessions import prepare, train


@pytest.fixture
def journal(workspace: Workspace) -> Path:
    return prepare(workspace).path


def seal_of(path: Path, content: bytes) -> SessionSealed:
    """The seal that a recorder would write for the journal as it is."""
    head = list(read_records(path, SESSION_DECODER))[-1].head
    with Sealing(path) as sealing:
        form = sealing.compress(digest_bytes(content))
    assert form
    return SessionSealed(
        session_id=path.stem,
        records=head.records,
        bytes=head.size,
        head=head.hash.hex(),
        sha256=form.sha256,
        compressed_bytes=form.compressed_bytes,
        compressed_sha256=form.compressed_sha256,
    )


def test_the_writer_knows_the_digest_of_what_it_wrote(tmp_path: Path, workspace: Workspace) -> None:
    session = train(workspace)
    assert session.writer.sha256 == digest_bytes(session.path.read_bytes())
    again = JournalWriter(session.path, read_block(session.path).head)
    assert again.sha256 == ""
    again.close()


def test_both_forms_read_the_same(journal: Path) -> None:
    plain = [(record.number, record.head) for record in read_records(journal, SESSION_DECODER)]
    content = journal.read_bytes()
    pack(journal)
    assert not journal.exists()
    assert [(r.number, r.head) for r in read_records(journal, SESSION_DECODER)] == plain
    assert content_size(journal) == len(content)
    with open_journal(journal) as file:
        assert b"".join(map(bytes, stream(file))) == content
    later = plain[4][1]
    with JournalReader(journal, later) as reader:
        assert reader.block().head == plain[-1][1]
    assert journal_files(journal.parent) == [journal]


def test_anybody_can_check_a_compressed_form_with_standard_tools(journal: Path) -> None:
    content = journal.read_bytes()
    form = pack(journal)
    assert zstandard.ZstdDecompressor().decompress(form.read_bytes()) == content


def test_the_same_content_gives_the_same_bytes(journal: Path) -> None:
    content = journal.read_bytes()
    assert compressor().compress(content) == compressor().compress(content)
    with Sealing(journal) as sealing:
        assert (form := sealing.compress(digest_bytes(content)))
    again = compressor().compressobj(size=len(content))
    pieces = again.compress(content) + again.flush()
    assert form.compressed_sha256 == digest_bytes(pieces)


def cut_short(data: bytes) -> Iterator[bytes]:
    for size in range(len(data)):
        yield data[:size]


def flipped(data: bytes) -> Iterator[bytes]:
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        yield bytes(changed)


@pytest.mark.parametrize("spoil", [cut_short, flipped])
def test_a_damaged_form_never_gives_a_record_that_was_not_written(
    journal: Path, spoil: object
) -> None:
    assert callable(spoil)
    whole = read_block(journal).bodies
    form = pack(journal)
    for data in spoil(form.read_bytes()):
        form.write_bytes(data)
        block = read_block(journal)
        assert block.bodies == whole[: len(block.bodies)]
        said = block.torn or isinstance(block.broken, IntegrityBroken)
        assert block.bodies == whole or said  # torn: the flip made another byte of a line's end


def test_a_form_that_names_no_size_or_goes_on_is_damaged(journal: Path) -> None:
    content = journal.read_bytes()
    form = pack(journal)
    nameless = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    spoilt = [nameless.compress(content) + nameless.flush(), form.read_bytes() * 2, b""]
    for data in spoilt:
        form.write_bytes(data)
        assert read_block(journal).broken is not None
    form.write_bytes(spoilt[0])
    with pytest.raises(Damaged, match="how long"):
        content_size(journal)


def test_what_reads_ahead_raises_where_the_pieces_are_used(journal: Path) -> None:
    form = pack(journal)
    form.write_bytes(form.read_bytes()[:-20])
    with open_journal(journal) as file, pytest.raises(Damaged):
        list(stream(file))
    content = random.Random(1).randbytes(1 << 20)
    form.write_bytes(compressor().compress(content)[:-20])
    with open_journal(journal) as file, pytest.raises(Damaged):
        list(stream(file))


def test_pieces_of_every_size_are_the_whole(tmp_path: Path) -> None:
    form = tmp_path / "s.jsonl.zst"
    for size in (0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1 << 20):
        content = random.Random(size).randbytes(size)
        form.write_bytes(compressor().compress(content))
        with open_journal(form) as file:
            assert b"".join(map(bytes, stream(file))) == content


def test_an_altered_journal_stays_plain_as_evidence(journal: Path) -> None:
    with Sealing(journal) as sealing:
        assert sealing.compress("0" * 64) is None
    assert {path.name for path in journal.parent.glob("*jsonl*")} == {
        "s1.jsonl",
        "s1.payloads.jsonl",
    }
    assert not unfinished(journal.parent)


CRASH = """
    import os, sys
    from pathlib import Path
    from governed_kernel.lineage import sealing
    from governed_kernel.lineage.events import SessionSealed
    from governed_kernel.lineage.journal import read_block
    from governed_kernel.lineage.ledger import Ledger
    from governed_kernel.workspace import Workspace
    import hashlib

    workspace, last = Workspace(Path(sys.argv[1])), int(sys.argv[2])
    calls = 0

    def after(name):
        real = getattr(os, name)
        def counted(*arguments, **named):
            global calls
            result = real(*arguments, **named)
            calls += 1
            if calls == last:
                os._exit(9)  # as a kill: nothing of ours runs any more
            return result
        setattr(os, name, counted)

    path = workspace.journals / "s1.jsonl"
    head, content = read_block(path).head, path.read_bytes()
    for name in ("open", "write", "fsync", "replace", "unlink"):
        after(name)
    with sealing.Sealing(path) as made:
        form = made.compress(hashlib.sha256(content).hexdigest())
        seal = SessionSealed(session_id="s1", records=head.records, bytes=head.size,
            head=head.hash.hex(), sha256=form.sha256, compressed_bytes=form.compressed_bytes,
            compressed_sha256=form.compressed_sha256)
        Ledger(workspace).append(seal)
        made.settle()
    print("ended", calls)
"""


def test_a_crash_after_any_step_of_sealing_loses_nothing_and_is_finished(
    workspace: Workspace,
) -> None:
    journal = prepare(workspace).path
    content = journal.read_bytes()
    before = {path: path.read_bytes() for path in workspace.state.rglob("*") if path.is_file()}
    reached = set()
    for step in range(1, 60):
        for path in workspace.journals.glob("*s1*"):
            path.unlink()
        for path, data in before.items():
            path.write_bytes(data)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CRASH), str(workspace.root), str(step)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 9), done.stderr
        with open_journal(journal) as file:
            assert file.read() == content
        sealed = [e for e in Ledger(workspace).events() if isinstance(e, SessionSealed)]
        reached.add((len(sealed), len(forms(journal)), bool(unfinished(workspace.journals))))
        store = Store(workspace)
        assert not [journal for journal in store.ingest().journals if journal.problem]
        assert not unfinished(workspace.journals)
        assert forms(journal) == [compressed(journal) if sealed else journal]
        with open_journal(journal) as file:
            assert file.read() == content
        if done.returncode == 0:
            break
    else:
        pytest.fail("it never ended")
    # begun; sealed and unnamed; named beside the plain one; done
    assert {(0, 1, True), (1, 1, True), (1, 2, True), (1, 1, False)} <= reached


def test_what_is_in_doubt_is_not_finished(journal: Path) -> None:
    content = journal.read_bytes()
    seal = seal_of(journal, content)
    form = compressed(journal)
    form.write_bytes(compressor().compress(content))
    journal.write_bytes(content + b"\n")
    finish_interrupted(unfinished(journal.parent), [seal])
    assert forms(journal) == [journal, form]  # the plain one is not what was sealed: evidence
    journal.write_bytes(content)
    finish_interrupted(unfinished(journal.parent), [])
    assert forms(journal) == [journal, form]  # nobody sealed it
    finish_interrupted(unfinished(journal.parent), [seal])
    assert forms(journal) == [form]


def test_whoever_seals_is_left_alone(journal: Path) -> None:
    content = journal.read_bytes()
    with Sealing(journal) as sealing:
        assert sealing.compress(digest_bytes(content))
        (left,) = unfinished(journal.parent)
        finish_interrupted([left], [])
        assert list(journal.parent.glob("*.part"))
        sealing.settle()
    assert forms(journal) == [compressed(journal)]


def test_a_journal_that_was_compressed_meanwhile_is_not_brought_in_twice(
    workspace: Workspace,
) -> None:
    path = prepare(workspace).path
    store = Store(workspace)
    store.ingest()
    before = store.fingerprint()
    pack(path)
    report = store.ingest()
    assert not report.journals
    assert store.fingerprint() == before
    assert not store.ingest().journals
    store.rebuild()
    assert store.fingerprint() == before


def test_a_full_disk_leaves_the_journal_plain(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    content = journal.read_bytes()
    with Sealing(journal) as sealing:
        monkeypatch.setattr(os, "write", full)
        assert sealing.compress(digest_bytes(content)) is None
    monkeypatch.undo()
    assert forms(journal) == [journal]
    assert not unfinished(journal.parent)
    assert read_block(journal).head != Head()
