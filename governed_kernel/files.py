"""Files that are never half-made: atomic writes, durable renames, nothing read that is none."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from governed_kernel.errors import ResourceMissing

__all__ = [
    "SETTLED",
    "check_regular",
    "open_regular",
    "opened_regular",
    "read_or_refuse",
    "read_regular",
    "sync_folder",
    "unreadable",
    "unwritable",
    "write_atomically",
    "written_atomically",
]


SETTLED = 2_000_000_000
"""Nanoseconds that a file must have rested for its times to tell that it is the same: two changes
within one tick of the file system's clock look like one."""
_LEASED = 45.0
"""Seconds a file server has to give a lease back (``/proc/sys/fs/lease-break-time``), as `open`
waits for it; see fcntl(2)."""


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a file to read its bytes, and nothing that could keep its reader waiting for ever.

    Raises
    ------
    OSError
        It can't be opened, or it is a pipe, a device or a socket: whoever may write a folder can
        lay one where a file is looked for, and who opens a pipe waits for a writer.
    """
    return open(path, "rb", opener=opened_regular)


def opened_regular(path: str | os.PathLike[str], flags: int) -> int:
    """A descriptor of a file that is one, or of a folder; an opener for ``open``.

    Raises
    ------
    OSError
        As `open_regular`.
    """
    flags |= os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    until = time.monotonic() + _LEASED
    while True:
        try:
            descriptor = os.open(path, flags)
            break
        except BlockingIOError:  # whoever has a lease of it was just asked to give it back
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "It is a pipe, a device or a socket, and no file", str(path))


def check_regular(path: Path) -> None:
    """Refuse to have somebody else open what is no file, and would keep them waiting.

    Raises
    ------
    FileNotFoundError
        It is not there.
    ResourceMissing
        It can't be opened, or something that is no file lies in its place.
    """
    try:
        with open_regular(path):
            pass
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(path, error) from error


def below(folder: Path) -> Iterator[Path]:
    """All that lies below a folder, however deep; links are not followed. Nothing, if it is gone.

    Raises
    ------
    OSError
        Part of it can't be listed.
    """
    waiting = [os.fspath(folder)]
    while waiting:  # not by recursion: there may be a thousand folders in one another
        try:
            with os.scandir(waiting.pop()) as entries:
                found = list(entries)
        except FileNotFoundError:
            continue
        for entry in found:
            yield Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def read_regular(path: str | os.PathLike[str], most: int | None = None) -> bytes:
    """The bytes of a file; raises as `open_regular`, and where it has more than `most`."""
    with open_regular(path) as file:
        if most is not None and (size := os.fstat(file.fileno()).st_size) > most:
            raise OSError(errno.EFBIG, f"it has {size:,} bytes, {most:,} are read", str(path))
        return file.read()


def read_or_refuse(path: Path) -> bytes:
    """The bytes of a file that may be missing.

    Raises
    ------
    FileNotFoundError
        It is not there.
    ResourceMissing
        It can't be read, or something that is no file lies in its place.
    """
    try:
        return read_regular(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(path, error) from error


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644, replace: bool = True) -> None:
    """Write `data` so that a reader sees the old file, the new file, and nothing between.

    Parameters
    ----------
    path : Path
        Where to write; parent folders are made.
    mode : int
        Permissions of the new file.
    replace : bool
        When false an existing file is left alone and `FileExistsError` is raised.

    Raises
    ------
    ResourceMissing
        The disk is full or the folder can't be written.
    """
    descriptor, temporary = _temporary(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)
            temporary.unlink()
        sync_folder(path.parent)
    except FileExistsError:
        temporary.unlink(missing_ok=True)
        raise
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error


@contextlib.contextmanager
def written_atomically(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` when all went well, and else is gone.

    Raises
    ------
    ResourceMissing
        The disk is full or the folder can't be written.
    """
    descriptor, temporary = _temporary(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> tuple[int, Path]:
    """A new, empty file beside `path`, open for writing.

    Not by `tempfile`: a policy may be asked, and so written about, in the middle of that module's
    own work (where does it find a folder to write to?), and its locks are not for a second time.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.{secrets.token_hex(8)}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(temporary, flags, 0o600), temporary
    except OSError as error:
        raise unwritable(path, error) from error


def unreadable(path: Path, error: OSError) -> ResourceMissing:
    """What to raise where a file can't be read."""
    return ResourceMissing(
        f"{path} can't be read",
        why=error.strerror or str(error),
        next="restore the file, mend its permissions, or take away what is no file there; then run "
        "the same command again",
    )


def unwritable(path: Path, error: OSError) -> ResourceMissing:
    """What to raise where a file can't be written."""
    return ResourceMissing(
        f"{path} could not be written",
        why=error.strerror or str(error),
        next="free disk space, mend the permissions, or take away what is no file there; then run "
        "the same command again",
    )
