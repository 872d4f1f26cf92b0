"""What a ledger says that it did not say before, told without reading what it means."""

from __future__ import annotations

import os
from typing import NamedTuple

from governed_kernel.workspace import Workspace

__all__ = ["REGISTERED", "LedgerNews"]

REGISTERED = b'"dataset-registered"'
"""Stands in a ledger that has a catalog."""


class _Place(NamedTuple):
    """Size, time of change and inode of a ledger, and where its last whole record ended."""

    state: tuple[int, int, int] = (0, 0, 0)
    end: int = 0


class LedgerNews:
    """Follows a workspace's ledger as it grows.

    Parameters
    ----------
    workspace : Workspace
        Whose ledger; there may be none yet.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._path = str(workspace.ledger)
        self._seen = self._looked = _Place()

    def look(self) -> bytes | None:
        """What is new since what was `taken`; None when nothing is, or when there is no ledger.

        Whole records only: of one that is being written the rest comes with the next look. A ledger
        that was put in the place of another is new from its beginning.
        """
        try:
            status = os.stat(self._path)  # noqa: PTH116 - it is asked for every open
        except FileNotFoundError:
            return None
        seen, state = self._seen, (status.st_size, status.st_mtime_ns, status.st_ino)
        if state == seen.state:
            return None
        start = seen.end if seen.state[2] == status.st_ino and seen.end <= status.st_size else 0
        with open(self._path, "rb") as file:  # noqa: PTH123 - the recorder spares it pathlib
            file.seek(start)
            new = file.read()
        new = new[: new.rfind(b"\n") + 1]
        self._looked = _Place(state, start + len(new))
        return new

    def take(self) -> None:
        """Whoever looked has done what was to be done about it."""
        self._seen = self._looked
