"""Locks between processes, whose waiters say that they wait, for whom, and end some day."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from governed_kernel.errors import LockHeld
from governed_kernel.files import opened_regular, unreadable, unwritable
from governed_kernel.visible import visible

__all__ = ["AN_HOUR", "A_DAY", "MOMENT", "exclusive_lock", "patiently", "readers_lock"]

MOMENT = 120.0
"""Seconds to wait for who only adds to a ledger or a note, and for others in the line before."""
AN_HOUR = 3600.0
"""Seconds to wait for who copies or hashes data and weights, makes the store anew, or sends."""
A_DAY = 86_400.0
"""Seconds that nobody at a terminal waits: who puts the end of hours of work on record."""

_SILENT = 2.0
"""Seconds before a person asks what it is that takes so long."""
_LONGEST_REST = 0.05
_at_least: ContextVar[float] = ContextVar("at_least", default=0.0)


@contextlib.contextmanager
def patiently(seconds: float) -> Iterator[None]:
    """Wait at least so long for every lock in this block: what would be lost is worth more."""
    token = _at_least.set(seconds)
    try:
        yield
    finally:
        _at_least.reset(token)


@contextlib.contextmanager
def exclusive_lock(path: Path, patience: float | None = None) -> Iterator[None]:
    """Hold an advisory lock (flock) on `path` between processes; it dies with its holder.

    Parameters
    ----------
    patience : float, optional
        Seconds to wait for it, as long as its holder may rightly need; else `MOMENT`.
        After two seconds standard error tells who holds it.

    Raises
    ------
    LockHeld
        Another process holds it for longer than that.
    ResourceMissing
        It can't be opened or made, or something that is no file is in its place.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _opened(path)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        _wait(descriptor, fcntl.LOCK_EX, path, patience)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    # A link would have an empty file made wherever whoever laid it wants one.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o664)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(0, "It is a pipe, a device or a socket, and no file", str(path))


@contextlib.contextmanager
def readers_lock(path: Path, patience: float | None = None) -> Iterator[None]:
    """Keep those away who hold `exclusive_lock` on `path`, also where it may only be read.

    Where it is not there nobody has ever written, and there is nobody to keep away. Parameters and
    errors are those of `exclusive_lock`.
    """
    try:
        descriptor = opened_regular(str(path), os.O_RDONLY)
    except FileNotFoundError:
        yield
        return
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        _wait(descriptor, fcntl.LOCK_SH, path, patience)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, how: int, path: Path, patience: float | None) -> None:
    """Take the lock, by asking again and again: a wait inside flock(2) has no end and no voice."""
    limit = max(MOMENT if patience is None else patience, _at_least.get())
    began, rest, told = time.monotonic(), 0.001, False
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        except OSError as error:
            raise unwritable(path, error) from error
        else:
            return
        waited = time.monotonic() - began
        if waited >= limit:
            raise _held(path, _holder(descriptor), limit)
        if waited >= _SILENT and not told:
            told = True
            _tell(f"governed: waiting for {path}, which {_holder(descriptor) or _UNSEEN} holds")
        time.sleep(min(rest, max(limit - waited, 0.0)))
        rest = min(rest * 2, _LONGEST_REST)


_UNSEEN = "a process that can't be seen from here (another machine, container or account)"


def _tell(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # closed: nobody is there to hear it
        if sys.stderr is not None:
            print(visible(text), file=sys.stderr, flush=True)  # noqa: T201


def _held(path: Path, holder: str, limit: float) -> LockHeld:
    return LockHeld(
        f"{path} is held by {'another process' if holder else _UNSEEN}",
        why=f"{holder or 'it'} did not let go of it within {limit:.0f} s, longer than "
        "what it is held for takes",
        next="see what that process does, let it end or end it, then run the same command again; "
        "the file itself stays where it is",
    )


def _holder(descriptor: int) -> str:
    """The process that holds the file's lock, as Linux tells it (proc_locks(5)); else empty.

    Its arguments are not told: they may hold secrets.
    """
    status = os.fstat(descriptor)
    major, minor = os.major(status.st_dev), os.minor(status.st_dev)
    place = f"{major:02x}:{minor:02x}:{status.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return ""
    for fields in map(str.split, lines):
        # 22: FLOCK  ADVISORY  WRITE 4711 fe:00:3007918 0 EOF; who waits has an arrow before FLOCK
        if fields[1] == "FLOCK" and fields[5] == place and int(fields[4]) > 0:
            return _named(int(fields[4]))
    return ""


def _named(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return f"a process begun by process {pid}, which has ended,"
    return f"process {pid} ({name})"
