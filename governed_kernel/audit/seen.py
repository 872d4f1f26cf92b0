"""What a person's earlier verification found whole, so that a later one need not read it again.

This lies in the person's own folder, never in the workspace: who can rewrite a journal could
rewrite this as well. A file counts as unchanged by device, inode, size and the times of its last
change of content and of state. The latter nobody can set, except who sets the machine's clock or
writes to the disk beneath the file system; an incremental verification relies on that, and says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from governed_kernel.errors import GovernedError
from governed_kernel.files import SETTLED, read_regular, write_atomically
from governed_kernel.locks import exclusive_lock
from governed_kernel.workspace import personal_folder

__all__ = ["RELIES_ON", "Seen"]

RELIES_ON = "inode, size and times of change, kept in your own folder"

Stamp = tuple[str, int, int, int, int, int]


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    token: str
    files: list[Stamp]
    said: str
    verified_at: datetime


class Seen:
    """Things that this person verified, each with the state of its files at that time.

    Parameters
    ----------
    workspace_id : str
        Whose things they are.
    skip : bool
        Whether `unchanged` may answer; else everything is read, and only noted.
    """

    def __init__(self, workspace_id: str, *, skip: bool) -> None:
        self._path = personal_folder() / "verified" / f"{workspace_id}.json"
        self._skip = skip
        self._started = time.time_ns()
        self._entries = self._read()
        self._kept: dict[str, _Entry] = {}

    def _read(self) -> dict[str, _Entry]:
        try:
            return msgspec.json.decode(read_regular(self._path), type=dict[str, _Entry])
        except (OSError, msgspec.MsgspecError):
            return {}  # then everything is read again

    @staticmethod
    def stamp(files: Iterable[Path]) -> list[Stamp]:
        """The state of files now; take it before they are read. Missing ones are left out."""
        found = []
        for path in files:
            try:
                status = os.stat(path)  # noqa: PTH116 (many)
            except FileNotFoundError:
                continue
            except OSError:  # a link to itself, say: another state than none
                found.append((str(path), 0, 0, 0, 0, 0))
                continue
            found.append(
                (
                    str(path),
                    *(status.st_dev, status.st_ino, status.st_size),
                    *(status.st_mtime_ns, status.st_ctime_ns),
                )
            )
        return found

    def unchanged(self, name: str, token: str, stamps: list[Stamp]) -> str:
        """When `name` was verified in exactly this state and what was said; empty if never.

        Parameters
        ----------
        token : str
            What it was verified against: it counts only against the same.
        """
        entry = self._entries.get(name)
        if entry is None or (entry.token, entry.files) != (token, stamps):
            return ""
        if not self._skip:
            return ""
        self._kept[name] = entry
        return f"{entry.said} on {entry.verified_at:%Y-%m-%d %H:%M:%S} UTC"

    def note(self, name: str, token: str, stamps: list[Stamp], said: str) -> None:
        """Remember that `name` is whole; not what changed a moment ago, or may change unseen."""
        if all(changed < self._started - SETTLED for *_, changed in stamps):
            self._kept[name] = _Entry(token, stamps, said, datetime.now(UTC))

    def save(self) -> None:
        """Keep what is known now, for the next time; where that can't be written, nothing."""
        try:
            with exclusive_lock(self._path.with_suffix(".lock")):
                write_atomically(self._path, msgspec.json.encode(self._kept), mode=0o600)
        except GovernedError:
            return
