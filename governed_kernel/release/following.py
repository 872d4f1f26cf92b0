"""Lineage stores kept up to date while a server is up, by a process beside it.

::

    python -m governed_kernel.release.following

It is told folders of workspaces on standard input, one a line, brings the store of each up to date
whenever journals or ledger have gone on, and ends when its input does: with the server, however
that ended. Nothing rests on it. Whoever reads brings in what is new first, as without it; then less
is left to do. It opens a store only while it ingests, so that others can, and several of them, of
two servers say, take turns by the store's own lock.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

import duckdb

from governed_kernel.errors import GovernedError, IntegrityBroken
from governed_kernel.lineage.forms import COMPRESSED, journal_files
from governed_kernel.release.projection import refresh
from governed_kernel.workspace import Workspace

__all__ = ["Followed", "follow"]

_PAUSE = 1.0
_SHARE = 5
"""It rests that many times as long as an ingestion took, or as long as it does at most."""
_LONGEST = 10.0
_TICK = 1_000_000_000
_NICE = 5

Mark = tuple[object, ...]


class Followed:
    """One workspace whose store is kept up to date.

    Parameters
    ----------
    workspace : Workspace
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._mark: Mark = ()
        self._folder = -1
        self._growing: list[Path] = []
        self._said = ""

    def catch_up(self) -> float:
        """Bring the store up to date if anything has gone on; for how many seconds to rest then.

        What fails is said once on standard error.
        """
        mark = self._look()
        if mark == self._mark or not self.workspace.ledger.exists():
            return 0.0
        start, said = time.monotonic(), ""
        try:
            refresh(self.workspace)
        except IntegrityBroken as error:  # until there is more, or something else, to be read
            said = str(error)
        except (GovernedError, OSError, duckdb.Error) as error:
            said, mark = str(error), ()
        if said and said != self._said:
            sys.stderr.write(f"governed: the lineage store was not brought up to date: {said}\n")
        self._said, self._mark = said, mark
        return _LONGEST if said else min(_SHARE * (time.monotonic() - start), _LONGEST)

    def _look(self) -> Mark:
        """What changes whenever a journal or the ledger goes on, at the cost of a few stats."""
        journals = self.workspace.journals
        folder = _changed(journals)
        if folder != self._folder:  # a session more, or one that was sealed
            # What changed a moment ago may change again and say the same time.
            self._folder = folder if time.time_ns() - folder > _TICK else -1
            self._growing = [
                path
                for path in journal_files(journals)
                if not path.with_name(path.name + COMPRESSED).exists()
            ]
        sizes = [_size(path) for path in self._growing]
        return (folder, _size(self.workspace.ledger), *sizes)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _size(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (-1, 0)
    return found.st_size, found.st_mtime_ns


def follow(descriptor: int) -> None:
    """Keep up to date what is named on a descriptor, a folder a line, until it ends."""
    followed: dict[Path, Followed] = {}
    left, pause = b"", 0.0
    while True:
        ready, _, _ = select.select([descriptor], [], [], pause)
        if ready:
            data = os.read(descriptor, 1 << 16)
            if not data:
                return
            *lines, left = (left + data).split(b"\n")
            for line in lines:
                _add(followed, Path(os.fsdecode(line)))
        pause = max([_PAUSE, *(each.catch_up() for each in followed.values())])


def _add(followed: dict[Path, Followed], folder: Path) -> None:
    try:
        found = Workspace.open(folder)
    except GovernedError as error:
        sys.stderr.write(f"governed: {error}\n")
    else:
        followed.setdefault(found.root, Followed(found))


if __name__ == "__main__":
    os.nice(_NICE)
    follow(sys.stdin.fileno())
