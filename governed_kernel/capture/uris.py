"""Canonical URIs: one spelling for one thing, and never a credential in it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, unquote, urlsplit

__all__ = [
    "entry_path",
    "file_uri",
    "forget_paths",
    "is_url",
    "path_of",
    "real_path",
    "redacted",
    "resolved",
    "socket_uri",
    "sqlite_uri",
    "url_uri",
    "what_decides",
]

_SAFE = "/:@!$&'()*+,;=~-._"
_HIDDEN = "…"
_USER_INFORMATION = re.compile(r"(?<=://)[^/?#\s'\"@]{1,500}@")
_WORDS = (
    r"(?:password|passwd|passphrase|secret|token|signature|credential|authorization"
    r"|api[_-]?key|access[_-]?key|(?<![a-z])(?:pass|pwd|sig|auth)(?![a-z]))[\w.-]{0,40}"
)
_VALUE = r"""(?:'[^']{0,500}'|"[^"]{0,500}"|[^\s&;,'"]+)"""
# Every repetition has a bound: texts are long, and this must not take long.
_SECRET_VALUES = re.compile(
    rf"""(?i)({_WORDS}["']?\s{{0,4}}[=:]\s{{0,4}}(?:(?:bearer|basic)\s{{1,4}})?"""
    rf"""|(?<![\w-])--?(?:[\w-]{{1,40}}-)?{_WORDS}\s{{1,4}}"""
    rf"""|\b(?:identified\s{{1,4}}by|password)\s{{1,4}}(?=['"])){_VALUE}""",
)


def file_uri(path: str | os.PathLike[str], *, follow: bool = True) -> str:
    """``file:///…`` of a local path: absolute, with symbolic links resolved.

    With ``follow=False`` a link at the very end stays: it names the entry, not its target.
    """
    if follow and type(path) is str:
        return _resolved(path)[3]
    return "file://" + quote(os.path.realpath(path) if follow else entry_path(path), safe=_SAFE)


_Resolved: TypeAlias = tuple[int, int, str, str]
_paths: dict[str, _Resolved] = {}
_folders: dict[str, tuple[int, int, str, str]] = {}
_REMEMBERED = 20_000
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.~-]+").fullmatch


def resolved(path: str, status: os.stat_result | None = None) -> tuple[str, str]:
    """Real path and URI of a local path, by one look at it; `status` is that look, if taken."""
    return _resolved(path, status)[2:]


def real_path(path: str) -> str:
    """As ``os.path.realpath``, but remembered while the path leads to the same file.

    A loop opens one file a thousand times, and to resolve a path takes a look at each part of it.
    Whatever can give a file another name makes `forget_paths` due.
    """
    return _resolved(path)[2]


def forget_paths() -> None:
    """Resolve every path anew: links or folders may lead elsewhere now."""
    _paths.clear()
    _folders.clear()


def _resolved(path: str, status: os.stat_result | None = None) -> _Resolved:
    """Inode, device, real path and URI of a local path."""
    absolute = path if path.startswith("/") else f"{os.getcwd()}/{path}"  # noqa: PTH109 - it is hot
    inode, device = _identity(absolute) if status is None else (status.st_ino, status.st_dev)
    known = _paths.get(absolute)
    if known is not None and inode and known[0] == inode and known[1] == device:
        return known
    found = inode, device, *_by_folder(absolute)
    if len(_paths) >= _REMEMBERED:
        _paths.clear()
    _paths[absolute] = found
    return found


def _identity(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - a Path costs more
    except (OSError, ValueError):
        return 0, 0
    return status.st_ino, status.st_dev


def _by_folder(absolute: str) -> tuple[str, str]:
    """Real path and URI; the folder's are remembered while its name leads to the same folder."""
    folder, _, name = absolute.rpartition("/")
    if _PLAIN_NAME(name) and name not in (".", "..") and not folder.startswith("/proc"):
        inode, device = _identity(folder)
        known = _folders.get(folder)
        if known is None or not inode or known[:2] != (inode, device):
            real = os.path.realpath(folder or "/").rstrip("/")
            known = inode, device, real, "file://" + quote(real, safe=_SAFE)
            if len(_folders) >= _REMEMBERED:
                _folders.clear()
            _folders[folder] = known
        try:
            if not stat.S_ISLNK(os.lstat(absolute).st_mode):
                return f"{known[2]}/{name}", f"{known[3]}/{name}"
        except OSError:
            pass  # nothing is there, or nothing that can be looked at
    real = os.path.realpath(absolute)
    return real, "file://" + quote(real, safe=_SAFE)


def entry_path(path: str | os.PathLike[str]) -> str:
    """The absolute path of a folder's entry, which may be a link itself."""
    folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - a Path would follow the link
    return f"{os.path.realpath(folder).rstrip('/')}/{name}"


def is_url(text: str) -> bool:
    """Whether `text` names something by URL rather than by local path."""
    scheme, separator, _ = text.partition("://")
    return bool(separator) and scheme.replace("+", "").replace("-", "").isalnum()


def url_uri(url: str) -> str:
    """Scheme, host, port and path of a URL.

    User names and passwords are dropped. So are query and fragment, where tokens, signatures
    and personal data travel: who needs them finds them in the erasable detail.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return file_uri(parts.path)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    try:
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        port = ""
    path = quote(parts.path, safe=_SAFE + "%") or "/"
    return f"{parts.scheme.lower()}://{host}{port}{path}"


def redacted(text: str) -> str:
    """A statement, a command or an address without the credentials in it.

    User names and passwords of URLs are dropped, and the values of what is named like a secret.
    """
    return _SECRET_VALUES.sub(rf"\1{_HIDDEN}", _USER_INFORMATION.sub("", text))


def path_of(target: object) -> str | None:
    """URI of what a user handed to a reader or writer; None for buffers and the like."""
    if isinstance(target, bytes):
        target = os.fsdecode(target)
    if isinstance(target, os.PathLike):
        target = os.fspath(target)
    if not isinstance(target, str) or not target or "\n" in target:
        return None
    return url_uri(target) if is_url(target) else file_uri(Path(target).expanduser())


def sqlite_uri(database: object) -> str | None:
    """``sqlite:///…`` of what `sqlite3.connect` was given; None for databases in memory."""
    if isinstance(database, bytes):
        database = os.fsdecode(database)
    if isinstance(database, os.PathLike):
        database = os.fspath(database)
    if not isinstance(database, str):
        return None
    if database.startswith("file:"):
        parts = urlsplit(database)
        if "mode=memory" in parts.query:
            return None
        database = parts.path
    if database in ("", ":memory:"):
        return None
    return "sqlite://" + quote(os.path.realpath(database), safe=_SAFE)


def what_decides(uri: str) -> str:
    """What policy is asked about: the path behind a local address, else the address itself."""
    scheme, _, rest = uri.partition("#")[0].partition("://")
    return unquote(rest) if scheme in ("file", "sqlite", "duckdb") else uri


def socket_uri(address: object, *, datagram: bool = False) -> str | None:
    """``tcp://host:port`` (``udp``) or ``unix:///path`` of a socket's peer; else None."""
    if isinstance(address, bytes):
        address = os.fsdecode(address)
    if isinstance(address, str):
        return "unix://" + quote(address.replace("\0", "@"), safe=_SAFE)
    if isinstance(address, tuple) and len(address) >= 2:
        host = f"[{address[0]}]" if ":" in str(address[0]) else address[0]
        return f"{'udp' if datagram else 'tcp'}://{host}:{address[1]}"
    return None
