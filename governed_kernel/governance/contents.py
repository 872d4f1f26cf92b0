"""Files held against their digests, several at once, and who waits told how far that is."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType

from governed_kernel.canonical import digest_file
from governed_kernel.errors import IntegrityBroken
from governed_kernel.lineage.events import FileDigest

__all__ = [
    "Identity",
    "Progress",
    "Watch",
    "at_once",
    "check_content",
    "check_contents",
    "locked",
    "watched",
]

_MOST_AT_ONCE = 8
Progress = Callable[[int], None]
"""Called with the number of bytes just read."""
Watch = Callable[[int], AbstractContextManager[Progress | None]]
"""Told how many bytes are about to be read; gives what is called meanwhile, or None."""
Identity = tuple[int, int, int, int]
"""Device, inode, size and change time, which nobody can set: the same content as a moment ago."""
_NONE_KNOWN: Mapping[Identity, str] = MappingProxyType({})
_watch: ContextVar[Watch | None] = ContextVar("governed_watch", default=None)


@contextlib.contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Tell `watch` of whatever this thread has verified meanwhile, in whatever command."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def check_contents(
    pairs: Sequence[tuple[Path, FileDigest]], known: Mapping[Identity, str] = _NONE_KNOWN
) -> dict[Identity, str]:
    """Check each file, several at once.

    Parameters
    ----------
    pairs : sequence of (Path, FileDigest)
        Where each lies, and what it must be.
    known : mapping of Identity to str
        Digests of files that were read a moment ago, under other names perhaps.

    Returns
    -------
    dict of Identity to str
        What was found, for the next call.

    Raises
    ------
    IntegrityBroken
        A file is missing or another one; it is named.
    """
    with _told(sum(file.bytes for _, file in pairs)) as progress:
        if len(pairs) == 1:
            return dict([check_content(*pairs[0], known, progress)])
        with ThreadPoolExecutor(at_once(), thread_name_prefix="hashing") as pool:
            tell = locked(progress)
            waiting = [pool.submit(check_content, *pair, known, tell) for pair in pairs]
            try:
                return dict(future.result() for future in waiting)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def check_content(
    path: Path,
    file: FileDigest,
    known: Mapping[Identity, str] = _NONE_KNOWN,
    progress: Progress | None = None,
) -> tuple[Identity, str]:
    """Refuse (`IntegrityBroken`) a file that is not what it was; which one it is, its digest."""
    try:
        status = path.lstat()
        identity = status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns
        found = known.get(identity, "")
        if found and progress:
            progress(status.st_size)
        if not found:
            regular = stat.S_ISREG(status.st_mode)
            found = digest_file(path, progress=progress) if regular else "no regular file"
    except OSError as error:
        raise IntegrityBroken(
            f"{file.path} is missing",
            why=f"{path}: {error.strerror}",
            next="restore .governed/ from a backup, or register the dataset again",
        ) from error
    if found != file.sha256:
        raise IntegrityBroken(
            f"{file.path} is not what was registered",
            why=f"{path} should have the digest {file.sha256}, found {found}",
            next="restore .governed/ from a backup; do not use what lies there",
        )
    return identity, found


def at_once() -> int:
    """How many files are read at once."""
    return max(2, min(len(os.sched_getaffinity(0)), _MOST_AT_ONCE))


def locked(progress: Progress | None) -> Progress | None:
    """`progress`, for several threads."""
    if progress is None:
        return None
    lock = threading.Lock()

    def tell(count: int) -> None:
        with lock:
            progress(count)

    return tell


def _told(size: int) -> AbstractContextManager[Progress | None]:
    watch = _watch.get()
    return contextlib.nullcontext() if watch is None else watch(size)
