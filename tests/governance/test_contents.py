from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from governed_kernel.errors import IntegrityBroken
from governed_kernel.governance.contents import Progress, check_contents, watched
from governed_kernel.lineage.events import FileDigest

Pairs = list[tuple[Path, FileDigest]]


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    """Three files, of 3, 1 and no MiB, and what they must be."""
    found = []
    for name, size in {"large": 3 << 20, "small": 1 << 20, "empty": 0}.items():
        path, data = tmp_path / name, name.encode()[:1] * size
        path.write_bytes(data)
        found.append((path, FileDigest(name, hashlib.sha256(data).hexdigest(), size)))
    return found


def test_who_waits_is_told_how_much_is_to_be_read_and_each_part_of_it(pairs: Pairs) -> None:
    announced: list[int] = []
    read: list[int] = []

    @contextmanager
    def watch(size: int) -> Iterator[Progress]:
        announced.append(size)
        yield read.append

    with watched(watch):
        known = check_contents(pairs)
    assert announced == [4 << 20]
    assert sorted(read) == [1 << 20] * 4
    check_contents(pairs)
    assert announced == [4 << 20], "it was told of after it had gone"
    read.clear()
    with watched(watch):
        check_contents(pairs, known)
    assert sum(read) == 4 << 20, "what is known already counts as read"


def test_a_file_that_is_another_one_is_refused_whoever_watches(pairs: Pairs) -> None:
    @contextmanager
    def watch(_: int) -> Iterator[None]:
        yield None

    pairs[0][0].write_bytes(b"other")
    with watched(watch), pytest.raises(IntegrityBroken, match="large is not what was registered"):
        check_contents(pairs)
    with pytest.raises(IntegrityBroken, match="large is not what was registered"):
        check_contents(pairs[:1])
