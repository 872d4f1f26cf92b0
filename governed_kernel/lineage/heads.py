"""A recorder's own word for how far its session goes, kept beside the journal until it is sealed.

It is the seal in advance: one line ``SHA-256 SEAL``, written over in place after each write to the
journal, and marked while a write goes on. So who cuts or lengthens the journal of a session that
runs, or that ended with a kill, at the edge of a record is found out; a sealed session has its
place in the ledger and no such file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import IntegrityBroken
from governed_kernel.files import opened_regular, read_or_refuse, unreadable
from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.journal import encode

__all__ = ["HeadWriter", "Said", "head_file", "head_line", "is_live", "outlived", "read_head"]

_SIZE = 512
_MARK = _SIZE - 2
_AT_REST, _WRITING = b" ", b"w"
_DECODER: msgspec.json.Decoder[SessionSealed] = msgspec.json.Decoder(SessionSealed)


class Said(msgspec.Struct, frozen=True):
    """What a recorder said last.

    Attributes
    ----------
    seal : SessionSealed or None
        How far journal and texts go; None before the first record.
    writing : bool
        Whether it was about to write more: then they may go further, by what it wrote.
    """

    seal: SessionSealed | None
    writing: bool


def head_file(journal: Path) -> Path:
    """Where the recorder of a journal says how far it goes."""
    return journal.with_name(journal.name.partition(".")[0] + ".head")


def head_line(seal: SessionSealed) -> bytes:
    """What a head file holds when everything that `seal` speaks of is written, and no more."""
    body = encode(seal)
    line = digest_bytes(body).encode() + b" " + body
    return line.ljust(_SIZE - 1) + b"\n"


class HeadWriter:
    """Keeps one session's head file; the line always has the same length, so no disk can fill.

    Parameters
    ----------
    journal : Path
        The journal it stands beside.
    """

    def __init__(self, journal: Path) -> None:
        self.path = head_file(journal)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self.path, flags, 0o664)
        # As long as its recorder lives: nobody may erase texts under its hands.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pwrite(self._descriptor, b" " * (_SIZE - 2) + _WRITING + b"\n", 0)
        os.fsync(self._descriptor)  # so that not even a power cut leaves it empty

    def begin(self) -> None:
        """Say that more is about to be written."""
        os.pwrite(self._descriptor, _WRITING, _MARK)

    def write(self, seal: SessionSealed) -> None:
        """Say that everything is written, and how far that is."""
        os.pwrite(self._descriptor, head_line(seal), 0)

    def close(self, *, sealed: bool) -> None:
        """Let go of the file; it goes when the ledger says the same."""
        os.close(self._descriptor)
        if sealed:
            with contextlib.suppress(OSError):
                self.path.unlink()


def is_live(journal: Path) -> bool:
    """Whether the recorder of a journal lives: it holds a lock on its head as long as it does."""
    try:
        descriptor = opened_regular(str(head_file(journal)), os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unreadable(head_file(journal), error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def outlived(journal: Path) -> bool:
    """Whether journal and head were last written before this machine was started.

    A head is not forced onto the disk each time: that would cost every cell another write. So when
    a machine loses its power, a head of before may lie beside records that are on disk.
    """
    try:
        started = _started_at()
        return all(path.stat().st_mtime < started for path in (journal, head_file(journal)))
    except (OSError, ValueError):
        return False


def _started_at() -> float:
    """When this machine was started, in seconds since 1970 (proc(5), ``btime``)."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise ValueError("/proc/stat has no btime")


def read_head(journal: Path) -> Said | None:
    """What the recorder of `journal` said last; None where it said nothing.

    Raises
    ------
    IntegrityBroken
        The file is not what a recorder writes.
    """
    path = head_file(journal)
    begun = journal.exists() and journal.stat().st_size > 0  # before it: the head comes first
    try:
        line = read_or_refuse(path)
    except FileNotFoundError:
        return None
    if not line and begun:
        raise _not_written(path, "it is empty, and its journal is not")
    if not line:
        return Said(None, writing=True)  # made a moment ago
    mark = line[_MARK : _SIZE - 1]
    writing = mark == _WRITING
    if len(line) != _SIZE or line[-1:] != b"\n" or mark not in (_AT_REST, _WRITING):
        raise _not_written(path, f"it has {len(line)} bytes that end in {line[-2:]!r}")
    said = line[:_MARK]
    if writing and not said.strip(b" "):
        return Said(None, writing=True)
    digest, _, padded = said.partition(b" ")
    body = padded.rstrip(b" ")
    if digest_bytes(body).encode() != digest or (digest + b" " + body).ljust(_MARK) != said:
        raise _not_written(path, f"its SHA-256 is {digest_bytes(body)}")
    try:
        return Said(_DECODER.decode(body), writing)
    except msgspec.MsgspecError as error:
        raise _not_written(path, str(error)) from error


def _not_written(path: Path, why: str) -> IntegrityBroken:
    return IntegrityBroken(
        f"{path} is not what a recorder wrote",
        why=why,
        next="the session's journal verifies by itself, but nothing says where it ended",
    )
