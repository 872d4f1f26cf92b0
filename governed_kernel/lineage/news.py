"""What a ledger says that it did not say before, told without reading what it means."""

from __future__ import annotations

import os

from governed_kernel.workspace import Workspace

__all__ = ["REGISTERED", "LedgerNews"]

REGISTERED = b'"dataset-registered"'
"""Stands in a ledger that has a catalog."""


class LedgerNews:
    """Follows a workspace's ledger as it grows.

    Parameters
    ----------
    workspace : Workspace
        Whose ledger; there may be none yet.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._path = str(workspace.ledger)
        self._seen: tuple[int, int, int] | None = None
        self._looked: tuple[int, int, int] | None = None

    def look(self) -> bytes | None:
        """What is new since what was `taken`; None when nothing is, or when there is no ledger.

        A ledger that was put in the place of another is new from its beginning.
        """
        try:
            status = os.stat(self._path)  # noqa: PTH116 - it is asked for every open
        except FileNotFoundError:
            return None
        self._looked = (status.st_size, status.st_mtime_ns, status.st_ino)
        known = self._seen
        if self._looked == known:
            return None
        grown = known is not None and known[2] == status.st_ino and known[0] <= status.st_size
        with open(self._path, "rb") as file:  # noqa: PTH123 - the recorder spares it pathlib
            file.seek(known[0] if known is not None and grown else 0)
            return file.read()

    def take(self) -> None:
        """Whoever looked has done what was to be done about it."""
        self._seen = self._looked
