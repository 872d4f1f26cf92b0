"""How far it is, told to those who watch a job while much is read: registered, or verified."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from governed_kernel.governance.contents import Progress, Watch, locked

__all__ = ["copying", "telling"]

MUCH = 200 << 20
"""Bytes that take longer to be read than anybody would look at how far it is."""
Tell = Callable[[str], None]


def telling(tell: Tell) -> Watch:
    """What `contents.watched` takes, for a job that tells its steps to `tell`."""

    @contextlib.contextmanager
    def verifying(size: int) -> Iterator[Progress | None]:
        yield _counted(tell, "Verifying what was registered", size)

    return verifying


def copying(tell: Tell, path: Path) -> Progress | None:
    """Told of what is read of a file or folder while it is copied."""
    size = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
    return _counted(tell, "Copying and hashing", size)


def _counted(tell: Tell, what: str, size: int) -> Progress | None:
    """One step a hundredth, so that a job's steps stay few however much is read."""
    if size < MUCH:
        return None
    done, told = 0, 0

    def count(more: int) -> None:
        nonlocal done, told
        done += more
        percent = min(100, done * 100 // size)
        if percent > told:
            told = percent
            tell(f"{what}: {percent} % of {size / 1e9:,.1f} GB")

    return locked(count)
