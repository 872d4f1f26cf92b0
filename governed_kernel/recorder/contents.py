"""Contents of large files that recorders of this person have hashed before, in other sessions.

A file of 100 GB is read once: as long as device, inode, size and both times of change are the same,
so is its content, since no program can set the time of a status change. The memory lies where no
notebook can write (`kept`); one that is damaged, or another's, counts for nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TypeAlias

import msgspec

from governed_kernel.files import SETTLED, write_atomically
from governed_kernel.workspace import personal_folder

__all__ = ["LARGE", "FileKey", "KnownContents"]

FileKey: TypeAlias = tuple[int, int, int, int, int]
"""Device, inode, size, and the nanoseconds of the last change of content and of status."""

LARGE = 64 << 20
"""Bytes from which a content is worth remembering."""
_MOST = 20_000


class _Line(msgspec.Struct, array_like=True, frozen=True):
    key: FileKey
    sha256: str


_DECODER: msgspec.json.Decoder[_Line] = msgspec.json.Decoder(_Line)


class KnownContents:
    """Looks contents up, and adds what was hashed now. Several recorders may do so at once."""

    def __init__(self) -> None:
        self._path = personal_folder() / "verified" / "contents.jsonl"
        self._known: dict[FileKey, str] | None = None

    def get(self, key: FileKey) -> str | None:
        """SHA-256 of a file that is as it was when it was hashed; None if it never was."""
        if key[2] < LARGE:
            return None
        if self._known is None:
            self._known = self._read()
        return self._known.get(key)

    def add(self, key: FileKey, sha256: str) -> None:
        """Remember a content, if it is large and stood still for a while."""
        age = time.time_ns() - max(key[3], key[4])
        if key[2] < LARGE or age < SETTLED or self.get(key) == sha256:
            return
        assert self._known is not None
        self._known[key] = sha256
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.write(descriptor, b"\n" + msgspec.json.encode(_Line(key, sha256)) + b"\n")
            finally:
                os.close(descriptor)

    def _read(self) -> dict[FileKey, str]:
        found: dict[FileKey, str] = {}
        with contextlib.suppress(OSError):
            status = self._path.lstat()
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                return {}
            lines = self._path.read_bytes().splitlines()
            for line in filter(None, lines):
                with contextlib.suppress(msgspec.MsgspecError):
                    said = _DECODER.decode(line)
                    found[said.key] = said.sha256
            if len(lines) > 4 * _MOST:
                self._shorten(found)
        return found

    def _shorten(self, found: dict[FileKey, str]) -> None:
        """Keep what came last; what another recorder adds meanwhile is hashed once more."""
        for key in list(found)[:-_MOST]:
            del found[key]
        lines = (msgspec.json.encode(_Line(key, said)) + b"\n" for key, said in found.items())
        write_atomically(self._path, b"".join(lines), mode=0o600)
