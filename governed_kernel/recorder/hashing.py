"""The content behind accesses, hashed off the cell's path."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import stat
import threading
from typing import NamedTuple

from governed_kernel.lineage.events import Digested
from governed_kernel.recorder.contents import FileKey, KnownContents

__all__ = ["FileKey", "Hasher", "file_key"]

_PIECE = 1 << 20
_NICENESS = 15


def file_key(path: str) -> FileKey | None:
    """What identifies the content of a regular file; None for anything else."""
    try:
        return _key(os.stat(path))
    except OSError:
        return None


def _key(found: os.stat_result) -> FileKey | None:
    if not stat.S_ISREG(found.st_mode):
        return None  # opening a pipe or a device would wait or have effects
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class _Result(NamedTuple):
    wanted: FileKey
    found: FileKey | None
    uri: str
    sha256: str


class Hasher:
    """Hashes files in one background thread and remembers what it has hashed, or others before.

    All methods belong to the recorder's main thread. `descriptor` becomes readable when
    `finished` has something to give.
    """

    def __init__(self) -> None:
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._jobs: queue.SimpleQueue[tuple[str, str, FileKey] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[_Result] = queue.SimpleQueue()
        self._known: dict[FileKey, str] = {}
        self._earlier = KnownContents()
        self._waiting: dict[tuple[str, FileKey], list[int]] = {}
        self._repeated: dict[tuple[str, FileKey], list[int]] = {}
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether some content is still to be hashed."""
        return bool(self._waiting)

    def submit(self, access_id: int, path: str, uri: str) -> None:
        """Hash what lies at `path` now, for the access of that number."""
        key = file_key(path)
        if key is None:
            return
        job = (uri, key)
        earlier = self._earlier.get(key)
        if earlier is not None:
            self._known[key] = earlier
        if key in self._known:
            self._repeated.setdefault(job, []).append(access_id)
        elif job in self._waiting:
            self._waiting[job].append(access_id)
        else:
            self._waiting[job] = [access_id]
            self._jobs.put((path, uri, key))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def repeated(self) -> list[Digested]:
        """Events for accesses whose content was known already, since the last call."""
        events = [
            Digested(access_ids=ids, uri=uri, sha256=self._known[key], bytes=key[2])
            for (uri, key), ids in self._repeated.items()
        ]
        self._repeated.clear()
        return events

    def finished(self) -> list[Digested]:
        """Events for what was hashed since the last call."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.descriptor)
        events = []
        while not self._results.empty():
            result = self._results.get()
            ids = self._waiting.pop((result.uri, result.wanted))
            if result.found is None:
                continue  # it is gone or can't be read any more: there is nothing to say
            self._known[result.found] = result.sha256
            if result.found == result.wanted:
                self._earlier.add(result.found, result.sha256)
            events.append(
                Digested(
                    access_ids=ids,
                    uri=result.uri,
                    sha256=result.sha256,
                    bytes=result.found[2],
                    changed=result.found != result.wanted,
                )
            )
        return events

    def _work(self) -> None:
        with contextlib.suppress(OSError):  # the notebook's own work comes first
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while (job := self._jobs.get()) is not None:
            path, uri, wanted = job
            sha256, found = _hash(path)
            self._results.put(_Result(wanted, found, uri, sha256))
            os.eventfd_write(self.descriptor, 1)


def _hash(path: str) -> tuple[str, FileKey | None]:
    """Digest of a file that stood still while it was read; a second try if it did not."""
    for _ in range(2):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return "", None
        try:
            before = _key(os.fstat(descriptor))
            if before is None:
                return "", None
            sha256 = _digest(descriptor)
            after = _key(os.fstat(descriptor))
        except OSError:
            return "", None
        finally:
            os.close(descriptor)
        if after == before:
            break
    return sha256, before


def _digest(descriptor: int) -> str:
    """SHA-256 of what an open file holds, in hexadecimal digits."""
    found = hashlib.sha256()
    while piece := os.read(descriptor, _PIECE):
        found.update(piece)
    return found.hexdigest()
