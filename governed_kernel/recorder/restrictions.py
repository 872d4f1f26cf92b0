"""What the kernel's processes may not open, whoever asks: native readers, children, `ctypes`.

The recorder asks a program of its own, outside the kernel's filter, and again when the ledger has
changed; so it needs to know no policy and no signature itself, and stays small. What observers see
is refused by them with a better message before it comes to this.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec

from governed_kernel.canonical import digest_file
from governed_kernel.errors import ResourceMissing

__all__ = ["Restricted", "Restriction", "Restrictions"]

_OF_CONSEQUENCE = (b'"dataset-registered"', b'"split-recorded"', b'"attested"')
_REGISTERED = _OF_CONSEQUENCE[0]
_SECONDS = 60.0


class Restriction(msgspec.Struct, frozen=True):
    """Why something may not be opened, and what it is."""

    policies: list[str]
    reason: str
    dataset: str
    version: str
    data_class: str


class Restricted(msgspec.Struct, frozen=True):
    """Everything that may not be opened, by each way in which a file is known.

    Attributes
    ----------
    entries : list of Restriction
        The others name these by their place.
    paths, folders : dict of str to int
        Canonical paths, and folders with a slash at the end.
    identities : list of (int, int, int)
        Device, inode, place.
    contents : dict of str to int
        SHA-256 of contents of more than no bytes.
    sizes : list of int
        The sizes that such contents have.
    """

    entries: list[Restriction] = []
    paths: dict[str, int] = {}
    folders: dict[str, int] = {}
    identities: list[tuple[int, int, int]] = []
    contents: dict[str, int] = {}
    sizes: list[int] = []


class Restrictions:
    """Keeps `Restricted` up to date with a workspace's ledger.

    Parameters
    ----------
    program : str
        Module that prints `Restricted` as JSON for the workspace that is its argument.
    workspace, ledger : Path
        Which; without a ledger nothing is restricted.
    """

    def __init__(self, program: str, workspace: Path, ledger: Path) -> None:
        self._command = [sys.executable, "-P", "-m", program, str(workspace)]
        self._ledger = str(ledger)
        self._seen: tuple[int, int, int] | None = None
        self._has_data = False
        self._known = Restricted()
        self._identities: dict[tuple[int, int], int] = {}
        self._sizes: frozenset[int] = frozenset()
        self._hashed: dict[tuple[int, int, int, int], str] = {}

    def refresh(self) -> None:
        """Ask again when the ledger says something new of data, people or policies.

        Raises
        ------
        ResourceMissing
            There is no answer, so nothing more can be opened safely.
        """
        try:
            status = os.stat(self._ledger)
        except FileNotFoundError:
            return
        seen = (status.st_size, status.st_mtime_ns, status.st_ino)
        if seen == self._seen:
            return
        new = self._news(status)
        if any(tag in new for tag in _OF_CONSEQUENCE):
            self._has_data = self._has_data or _REGISTERED in new
            if self._has_data:
                self._take(self._ask())
        self._seen = seen

    def _news(self, status: os.stat_result) -> bytes:
        """What was written into the ledger since it was last looked at."""
        known = self._seen
        grown = known is not None and known[2] == status.st_ino and known[0] <= status.st_size
        with open(self._ledger, "rb") as file:
            file.seek(known[0] if known is not None and grown else 0)
            return file.read()

    def _ask(self) -> Restricted:
        try:
            done = subprocess.run(self._command, capture_output=True, timeout=_SECONDS, check=True)
            return msgspec.json.decode(done.stdout, type=Restricted)
        except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
            said = getattr(error, "stderr", b"") or b""
            raise ResourceMissing(
                "what notebooks may not read could not be found out",
                why=said.decode(errors="replace").strip().splitlines()[-1] if said else str(error),
                next="'governed audit verify' says what is wrong with the ledger",
            ) from error

    def _take(self, known: Restricted) -> None:
        self._known = known
        self._identities = {(device, inode): place for device, inode, place in known.identities}
        self._sizes = frozenset(known.sizes)

    def of(self, path: str, status: os.stat_result | None) -> Restriction | None:
        """What restricts the file at a canonical path; None when nothing does."""
        known = self._known
        if not known.entries:
            return None
        place = known.paths.get(path)
        if place is None:
            place = _folder_of(path, known.folders)
        if place is None and status is not None and stat.S_ISREG(status.st_mode):
            place = self._identities.get((status.st_dev, status.st_ino))
            if place is None and status.st_size in self._sizes:
                place = known.contents.get(self._digest(path, status))
        return None if place is None else known.entries[place]

    def _digest(self, path: str, status: os.stat_result) -> str:
        """SHA-256 of a file that has the size of a restricted one; empty if it can't be read."""
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        known = self._hashed.get(key)
        if known is not None:
            return known
        try:
            self._hashed[key] = digest_file(path)
        except OSError:
            return ""
        return self._hashed[key]


def _folder_of(path: str, folders: dict[str, int]) -> int | None:
    """The place of the folder that a path lies in: its parents are few, the folders may be many."""
    end = path.rfind("/") if folders else -1
    while end >= 0:
        place = folders.get(path[: end + 1])
        if place is not None:
            return place
        end = path.rfind("/", 0, end)
    return None
