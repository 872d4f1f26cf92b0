"""A recorder's word for how far its session goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.errors import IntegrityBroken
from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.heads import HeadWriter, Said, head_file, read_head


def seal(records: int) -> SessionSealed:
    return SessionSealed(session_id="s1", records=records, bytes=9 * records, head="ab" * 32)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "s1.jsonl"


def test_it_says_what_was_written_last_and_whether_more_was_coming(journal: Path) -> None:
    assert read_head(journal) is None
    writer = HeadWriter(journal)
    assert read_head(journal) == Said(None, writing=True)
    for records in (1, 10**12):
        writer.write(said := seal(records))
        assert read_head(journal) == Said(said, writing=False)
        writer.begin()
        assert read_head(journal) == Said(said, writing=True)
    size = head_file(journal).stat().st_size
    writer.write(seal(1))
    assert head_file(journal).stat().st_size == size
    writer.close(sealed=False)
    assert head_file(journal).exists()
    HeadWriter(journal).close(sealed=True)
    assert read_head(journal) is None


def test_any_flipped_bit_and_any_other_length_is_found(journal: Path) -> None:
    writer = HeadWriter(journal)
    writer.write(seal(3))
    writer.close(sealed=False)
    whole = head_file(journal).read_bytes()
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        head_file(journal).write_bytes(changed)
        with pytest.raises(IntegrityBroken):
            read_head(journal)
    for length in range(1, len(whole)):
        head_file(journal).write_bytes(whole[:length])
        with pytest.raises(IntegrityBroken):
            read_head(journal)
    head_file(journal).write_bytes(whole + b"\n")
    with pytest.raises(IntegrityBroken):
        read_head(journal)


def test_an_empty_word_stands_only_beside_an_empty_journal(journal: Path) -> None:
    """It is made before the first record, whole and on disk; who empties it later is found out."""
    journal.touch()
    head_file(journal).touch()
    assert read_head(journal) == Said(None, writing=True)
    journal.write_bytes(b"a record\n")
    with pytest.raises(IntegrityBroken, match="it is empty, and its journal is not"):
        read_head(journal)
