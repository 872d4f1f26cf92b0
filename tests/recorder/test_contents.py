"""What was hashed in one session is known in the next, while the file is as it was."""

from __future__ import annotations

import hashlib
import os
import select
import time
from pathlib import Path

import pytest

from governed_kernel.lineage.events import Digested
from governed_kernel.recorder import contents, hashing
from governed_kernel.recorder.contents import KnownContents
from governed_kernel.recorder.hashing import Hasher

CONTENT = b"row\n" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as large, and has stood still for long enough."""
    monkeypatch.setenv("GOVERNED_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(contents, "LARGE", len(CONTENT))
    monkeypatch.setattr(contents, "SETTLED", 0)
    path = tmp_path / "large.bin"
    path.write_bytes(CONTENT)
    return path


def hashed(path: Path) -> tuple[list[Digested], bool]:
    """What a session says of a file, and whether it had to read it."""
    hasher = Hasher()
    hasher.submit(1, str(path), path.as_uri())
    reads, found = hasher.busy, hasher.repeated()
    while hasher.busy:
        assert select.select([hasher.descriptor], [], [], 10)[0]
        found += hasher.finished()
    return found, reads


def test_the_next_session_reads_no_large_file_again(large: Path) -> None:
    assert hashed(large)[1]
    (said,), reads = hashed(large)
    assert (said.sha256, said.bytes, reads) == (SHA256, len(CONTENT), False)


def test_a_file_that_was_changed_is_read_again_whatever_its_times_say(large: Path) -> None:
    hashed(large)
    before = large.stat()
    large.write_bytes(CONTENT[::-1])
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    (said,), reads = hashed(large)
    assert reads
    assert said.sha256 == hashlib.sha256(CONTENT[::-1]).hexdigest()


def test_one_that_changed_a_moment_ago_is_not_remembered(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "SETTLED", 3600 * 10**9)
    hashed(large)
    assert hashed(large)[1]


def test_a_small_file_is_read_each_time(large: Path) -> None:
    small = large.with_name("small")
    small.write_bytes(b"x")
    hashed(small)
    assert hashed(small)[1]


@pytest.mark.parametrize("damage", ["torn", "open to others", "a link"])
def test_a_damaged_memory_counts_for_nothing(large: Path, damage: str) -> None:
    hashed(large)
    memory = large.parent / "home" / "verified" / "contents.jsonl"
    if damage == "torn":
        memory.write_bytes(memory.read_bytes()[: -len(SHA256) // 2])
    elif damage == "open to others":
        memory.chmod(0o666)
    else:
        moved = memory.rename(memory.with_name("elsewhere"))
        memory.symlink_to(moved)
    (said,), reads = hashed(large)
    assert reads
    assert said.sha256 == SHA256
    assert hashed(large)[1] == (damage != "torn")


def test_a_memory_that_grew_keeps_what_came_last(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_MOST", 2)
    known, old = KnownContents(), time.time_ns() - 10**12
    keys = [(1, number, len(CONTENT), old, old) for number in range(9)]
    for key in keys:
        known.add(key, SHA256)
    again = KnownContents()
    assert [again.get(key) for key in keys] == [None] * 7 + [SHA256] * 2
    assert hashing.file_key(str(large)) is not None
