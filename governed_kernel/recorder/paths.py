"""Paths as processes name them, made canonical from outside."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
import struct
from urllib.parse import quote, unquote, urlsplit

from governed_kernel.recorder.processes import process_of

__all__ = [
    "REMOVED",
    "Unreachable",
    "address_of",
    "base",
    "file_uri",
    "host_and_port",
    "link",
    "local_path",
    "real",
    "resolve",
    "status",
    "trace",
]

_SAFE = "/:@!$&'()*+,;=~-._"
_LOCAL = ("file", "sqlite", "duckdb")
REMOVED = " (deleted)"
"""What the system puts behind the name of an open file or folder that was removed."""
_JUMP = re.compile(r"/proc/\d+(?:/task/\d+)?/(?:cwd|root|exe|(?:fd|map_files|ns)/[^/]+)")
"""Links that lead to what a process has open, whatever lies at the name that they show by now."""
_MOST_LINKS = 40  # as the system
_AT_WORKING_DIRECTORY = 0xFFFFFF9C  # AT_FDCWD (-100) as an unsigned 32-bit argument


class Unreachable(OSError):
    """A process may get to where a name leads, by a folder that it has open, and we can't look.

    The path is too long for the system, or goes through a folder that was closed to us.
    """


def link(path: str) -> str | None:
    """What the symbolic link at `path` says; None where there is none.

    Raises
    ------
    Unreachable
        It can't be looked at.
    """
    try:
        return os.readlink(path)
    except ValueError:
        return None  # no path at all
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR):
            return None
        raise Unreachable(error.errno, error.strerror, path) from error


def status(path: str, *, follow: bool = True) -> os.stat_result | None:
    """What lies at `path`; None where nothing does.

    Raises
    ------
    Unreachable
        As `link`.
    """
    try:
        return os.stat(path, follow_symlinks=follow)
    except ValueError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return None
        raise Unreachable(error.errno, error.strerror, path) from error


def file_uri(path: str) -> str:
    """``file:///…`` of a canonical path, spelled as `capture.uris.file_uri` spells it."""
    return "file://" + quote(path, safe=_SAFE, errors="surrogateescape")


def local_path(uri: str, folders: dict[str, str] | None = None) -> str | None:
    """The canonical path behind a ``file``, ``sqlite`` or ``duckdb`` URI; None for others.

    What stands behind ``#`` is a table; in a path that sign is quoted. `folders` remembers the
    canonical paths of folders; who keeps it forgets them when a name may lead elsewhere.
    """
    scheme, separator, rest = uri.partition("#")[0].partition("://")
    if not separator or scheme not in _LOCAL or not rest.startswith("/"):
        return None
    path = unquote(rest, errors="surrogateescape") if "%" in rest else rest
    folder, _, name = path.rpartition("/")
    if folders is None or name in ("", ".", "..") or folder.startswith("/proc"):
        return os.path.realpath(path)
    known = folders.get(folder)
    if known is None:
        known = folders[folder] = os.path.realpath(folder or "/").rstrip("/")
    found = f"{known}/{name}"
    try:
        return os.path.realpath(found) if stat.S_ISLNK(os.lstat(found).st_mode) else found
    except (OSError, ValueError):
        return found


def resolve(
    process: int,
    path: bytes,
    directory: int | None = None,
    *,
    follow: bool = True,
    nameless: list[str] | None = None,
) -> str:
    """Canonical absolute path of what a process calls `path`.

    Parameters
    ----------
    process : int
        The process or thread that named it.
    path : bytes
        As it stands in its memory.
    directory : int or None
        The directory descriptor that came with it, as an unsigned argument; None for calls
        that have none.
    follow : bool
        Whether a symbolic link at the very end is followed; calls that remove or rename don't.
    nameless : list of str, optional
        As for `trace`.

    Raises
    ------
    Unreachable
        As `link`.
    """
    text, start = os.fsdecode(path), ""
    if not text:  # what is open itself, whatever bears its name by now
        return trace(process, _open_at(process, directory), nameless)[0]
    if not text.startswith("/"):
        start = base(process, directory)
        if _JUMP.fullmatch(start):  # as long as it can't be looked at
            text, start = f"{start}/{text}", ""
    if follow:
        return trace(process, text, nameless, start)[0]
    folder, name = os.path.split(text.rstrip("/"))
    return os.path.join(trace(process, folder, start=start)[0], name)


def real(process: int, path: str) -> str:
    """`os.path.realpath` of an absolute path, as `process` would see it."""
    return trace(process, path)[0]


def trace(
    process: int, path: str, nameless: list[str] | None = None, start: str = ""
) -> tuple[str, bool]:
    """As `real`, and whether it led through ``/proc``, where it may lead elsewhere next time.

    ``/proc/self``, and so ``/dev/fd``, are those of the process, whatever link leads there.

    Parameters
    ----------
    process : int
        The process or thread that named it.
    nameless : list of str, optional
        Takes what at the very end, in ``/proc``, led to something that has no name any more.
    start : str
        The folder from which a relative path goes on, as the system names it. There is no link in
        it; what lies there by now may be one, and something else than the process has open.

    Raises
    ------
    Unreachable
        As `link`.
    """
    waiting = path.split("/")[::-1]
    found = start.rstrip("/")
    links = 0
    fleeting = False
    while waiting:
        name = waiting.pop()
        if name in ("", "."):
            continue
        if name == "..":
            found = found.rpartition("/")[0]
            continue
        step = f"{found}/{name}"
        if step in ("/proc/self", "/proc/thread-self"):
            # Threads of one process may have open files and a working folder of their own.
            found, fleeting = f"/proc/{process_of(process) or process}", True
            if step == "/proc/thread-self":
                found += f"/task/{process}"
            continue
        fleeting = fleeting or found == "/proc"
        target = link(step)
        if target is None:
            found = step
            continue
        if _JUMP.fullmatch(step):
            at_end = all(rest in ("", ".") for rest in waiting)
            if nameless is not None and at_end and target.endswith(REMOVED):
                nameless.append(step)
            # No link is followed in it, and ".." leads to the folder above what is open.
            found = target.rstrip("/") if target.startswith("/") else f"{found}/{target}"
            continue
        links += 1
        if links > _MOST_LINKS:
            return "/".join([step, *reversed(waiting)]), fleeting
        if target.startswith("/"):
            found = ""
        waiting += target.split("/")[::-1]
    return found or "/", fleeting


def base(process: int, directory: int | None) -> str:
    """The folder that a relative path of a process is held against; ``/proc/…`` if it is gone.

    Parameters
    ----------
    directory : int or None
        As for `resolve`.
    """
    link = _open_at(process, directory)
    try:
        return os.readlink(link)
    except OSError:
        return link  # the process is gone; the link itself says what it was


def _open_at(process: int, directory: int | None) -> str:
    """The link in ``/proc`` to what a process has open by the number `directory`."""
    if directory is None or is_working_directory(directory):
        return f"/proc/{process}/cwd"
    return f"/proc/{process}/fd/{directory & 0xFFFFFFFF}"


def is_working_directory(directory: int | None) -> bool:
    """Whether a relative path goes on from the folder that a process works in."""
    return directory is None or directory & 0xFFFFFFFF == _AT_WORKING_DIRECTORY


def address_of(data: bytes, process: int, kind: str) -> str | None:
    """``tcp://host:port``, ``udp://host:port`` or ``unix:///path`` of a ``sockaddr``.

    None for families that lead nowhere outside (netlink, unspecified).
    """
    if len(data) < 2:
        return None
    (family,) = struct.unpack_from("=H", data)
    if family == socket.AF_INET and len(data) >= 8:
        (port,) = struct.unpack_from("!H", data, 2)
        return f"{kind}://{socket.inet_ntop(socket.AF_INET, data[4:8])}:{port}"
    if family == socket.AF_INET6 and len(data) >= 24:
        (port,) = struct.unpack_from("!H", data, 2)
        return f"{kind}://[{socket.inet_ntop(socket.AF_INET6, data[8:24])}]:{port}"
    if family == socket.AF_UNIX:
        name = data[2:]
        if name.startswith(b"\0"):
            name = b"@" + name[1:].replace(b"\0", b"@")
            return "unix://" + quote(name, safe=_SAFE)
        path = resolve(process, name.split(b"\0", 1)[0])
        return "unix://" + quote(path, safe=_SAFE, errors="surrogateescape")
    return None


def host_and_port(uri: str) -> tuple[str, int]:
    """Host and port of a URI, with the usual port of its scheme; -1 where there is none."""
    usual = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "ftp": 21, "s3": 443}
    parts = urlsplit(uri)
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.hostname or "", usual.get(parts.scheme, -1) if port is None else port
