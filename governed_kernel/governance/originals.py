"""Files as people hand them over: no links, nothing half-written, nothing that changes meanwhile.

What lies there belongs to somebody else, who may go on with it: so it is opened without following
a link, refused while anybody has it open for writing, and looked at again after it was read.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

from governed_kernel.errors import GovernedError, ResourceMissing, UsageError

__all__ = [
    "copy_sharing",
    "files_below",
    "opened",
    "refuse_being_written",
    "refuse_changed",
    "share_blocks",
    "unreadable",
]

_BLOCK = 1 << 20
_FICLONE = 0x40049409  # linux/fs.h


def files_below(folder: Path) -> list[Path]:
    """Every regular file below `folder`, sorted by path; hidden folders of tools are included.

    Raises
    ------
    UsageError
        There is a symbolic link or something that is no regular file.
    """
    found: list[Path] = []
    for where, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(where) / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                found.append(path)
            elif not stat.S_ISDIR(mode):
                raise _not_regular(path, mode)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


@contextlib.contextmanager
def opened(path: Path) -> Iterator[int]:
    """A regular file, open for reading.

    Raises
    ------
    UsageError
        It is a link, or something else that is no regular file.
    ResourceMissing
        It can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_regular(path, stat.S_IFLNK) from error
        raise unreadable(path, error) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _not_regular(path, mode)
        yield descriptor
    finally:
        os.close(descriptor)


def share_blocks(source: int, target: int) -> bool:
    """Make an empty file a copy that shares its blocks (a reflink: Btrfs, XFS, ZFS); if it can."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def copy_sharing(source: Path, target: Path) -> None:
    """Copy a file; its blocks are shared where the file system can."""
    with source.open("rb") as read, target.open("xb") as written:
        if not share_blocks(read.fileno(), written.fileno()):
            shutil.copyfileobj(read, written, _BLOCK)


def refuse_being_written(path: Path, descriptor: int) -> None:
    """Refuse a file that somebody has open for writing: what is read now may be half of it.

    The system grants a lease for reading only while nobody writes. Where it grants none for other
    reasons (a network's file system, another owner) the look before and after must do.
    """
    try:
        # whoever opens it for writing meanwhile would send a signal: one that nobody minds
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK):
            return
        raise UsageError(
            f"{path} is being written",
            why="a process has it open for writing",
            next="wait until nothing writes to it, then run the same command again",
        ) from error
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def refuse_changed(path: Path, before: os.stat_result, after: os.stat_result, size: int) -> None:
    """Refuse a file that was another before it was read, after it, or under its name by now.

    Parameters
    ----------
    size : int
        How many bytes were read.
    """
    same = (before.st_size, before.st_mtime_ns, before.st_ino) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ino,
    )
    try:
        there = path.lstat()
    except OSError as error:
        raise unreadable(path, error) from error
    if (
        same
        and size == after.st_size
        and (there.st_dev, there.st_ino)
        == (
            after.st_dev,
            after.st_ino,
        )
    ):
        return
    raise UsageError(
        f"{path} changed while it was copied",
        why=f"{before.st_size} bytes at the start, {size} read, {there.st_size} there now",
        next="wait until nothing writes to it, then run the same command again",
    )


def _not_regular(path: Path, mode: int) -> GovernedError:
    if not stat.S_ISLNK(mode):
        return UsageError(
            f"{path} is no regular file",
            why="only regular files are kept: of a pipe, a socket or a device no content stays",
            next="write what comes out of it into a file and name that, or take it out of the "
            "folder",
        )
    return UsageError(
        f"{path} is a symbolic link",
        why="only regular files are kept: what a link leads to can change",
        next="name the file itself, or copy the folder with its links followed ('cp -rL')",
    )


def unreadable(path: Path, error: OSError) -> GovernedError:
    """The error for a file that the system does not give."""
    return ResourceMissing(
        f"{path} can't be read",
        why=error.strerror or str(error),
        next="check the path and the permissions",
    )
