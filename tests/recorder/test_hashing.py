from __future__ import annotations

import hashlib
import os
import select
from pathlib import Path

import pytest

from governed_kernel.lineage.events import Digested
from governed_kernel.recorder.hashing import Hasher, file_key


@pytest.fixture
def hasher() -> Hasher:
    return Hasher()


def wait(hasher: Hasher) -> list[Digested]:
    found: list[Digested] = []
    while hasher.busy:
        assert select.select([hasher.descriptor], [], [], 10)[0]
        found += hasher.finished()
    return found


def test_content_is_hashed_once_for_all_who_wait(hasher: Hasher, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")
    for number in (1, 2):
        hasher.submit(number, str(path), "file:///a")
    events = wait(hasher) + hasher.repeated()
    assert {event.sha256 for event in events} == {hashlib.sha256(b"content").hexdigest()}
    assert sorted(number for event in events for number in event.access_ids) == [1, 2]
    assert [event.bytes for event in events] == [7] * len(events)
    hasher.submit(3, str(path), "file:///a")
    assert not hasher.busy
    assert [event.access_ids for event in hasher.repeated()] == [[3]]


def test_new_content_is_hashed_anew(hasher: Hasher, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    hasher.submit(1, str(path), "file:///a")
    first = wait(hasher)
    path.write_bytes(b"other")
    hasher.submit(2, str(path), "file:///a")
    second = wait(hasher)
    assert first[0].sha256 != second[0].sha256
    assert not second[0].changed


def test_what_is_no_regular_file_is_left_alone(hasher: Hasher, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / "missing", Path("/dev/zero")):
        assert file_key(str(path)) is None
        hasher.submit(1, str(path), "file:///x")
    assert not hasher.busy


def test_a_file_that_changed_since_says_so(hasher: Hasher, tmp_path: Path) -> None:
    from governed_kernel.recorder import hashing

    path = tmp_path / "a"
    path.write_bytes(b"one")
    key = file_key(str(path))
    assert key is not None
    path.write_bytes(b"changed")
    hasher._waiting[("file:///a", key)] = [1]
    sha256, found = hashing._hash(str(path))
    hasher._results.put(hashing._Result(key, found, "file:///a", sha256))
    (event,) = hasher.finished()
    assert event.changed
    assert event.sha256 == hashlib.sha256(b"changed").hexdigest()
