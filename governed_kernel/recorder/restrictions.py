"""What the kernel's processes may not open, whoever asks: native readers, children, `ctypes`.

The recorder asks a program of its own, outside the kernel's filter, and again when the ledger has
changed; so it needs to know no policy and no signature itself, and stays small. What observers see
is refused by them with a better message before it comes to this.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from governed_kernel.canonical import digest_file
from governed_kernel.errors import ResourceMissing
from governed_kernel.lineage.derivations import Derivation, Derivations
from governed_kernel.lineage.news import REGISTERED, LedgerNews
from governed_kernel.workspace import Workspace

__all__ = ["Known", "Restricted", "Restriction", "Restrictions"]

_OF_CONSEQUENCE = (REGISTERED, b'"split-recorded"', b'"attested"')
_SECONDS = 60.0
_SMALL = 64 << 20
P = TypeVar("P")


class Restriction(msgspec.Struct, frozen=True):
    """Why something may not be opened, and what it is."""

    policies: list[str]
    reason: str
    dataset: str
    version: str
    data_class: str


class Known(msgspec.Struct, frozen=True):
    """The catalog, as far as it tells what a file is.

    Attributes
    ----------
    classes : dict of str to str
        Data class of each ``NAME@VERSION``.
    strictness : dict of str to int
        Of each class.
    folders, paths : dict of str to str
        Snapshots (with a slash at the end) and registered sources, and their ``NAME@VERSION``.
    contents : dict of str to str
        SHA-256 of each file that is registered, and of which version.
    sizes : list of int
        The sizes that these have.
    """

    classes: dict[str, str] = {}
    strictness: dict[str, int] = {}
    folders: dict[str, str] = {}
    paths: dict[str, str] = {}
    contents: dict[str, str] = {}
    sizes: list[int] = []


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
    versions : dict of str to int
        ``NAME@VERSION`` of data from which files may not be opened either.
    known : Known
        What else the catalog knows, for whoever follows what data becomes.
    """

    entries: list[Restriction] = []
    paths: dict[str, int] = {}
    folders: dict[str, int] = {}
    identities: list[tuple[int, int, int]] = []
    contents: dict[str, int] = {}
    sizes: list[int] = []
    versions: dict[str, int] = {}
    known: Known = Known()


class _Asked(NamedTuple):
    """The program under way, and what the ledger said when it was started."""

    news: bytes
    process: subprocess.Popen[bytes]


class Restrictions:
    """Keeps `Restricted` up to date with a workspace's ledger.

    Parameters
    ----------
    program : str
        Module that prints `Restricted` as JSON for the workspace that is its argument.
    workspace : Workspace
        Which; without a ledger nothing is restricted.
    """

    def __init__(self, program: str, workspace: Workspace) -> None:
        self._command = [sys.executable, "-E", "-P", "-m", program, str(workspace.root)]
        self._ledger = LedgerNews(workspace)
        self._derived = Derivations(workspace)
        self._has_data = False
        self._asked: _Asked | None = None
        self.is_known = False
        """Whether anybody has asked yet."""
        self._known = Restricted()
        self._identities: dict[tuple[int, int], int] = {}
        self._sizes: frozenset[int] = frozenset()
        self._registered_sizes: frozenset[int] = frozenset()
        self._hashed: dict[tuple[int, int, int, int], str] = {}

    def prepare(self) -> None:
        """Ask while the kernel starts; the first `refresh` takes the answer."""
        news = self._ledger.look()
        if news is not None and REGISTERED in news:
            with contextlib.suppress(OSError):
                self._asked = _Asked(news, self._start())

    def refresh(self) -> bool:
        """Ask again when the ledger says something new of data, people or policies.

        Returns
        -------
        bool
            Whether there is a new answer.

        Raises
        ------
        ResourceMissing
            There is no answer, so nothing more can be opened safely.
        """
        news = self._ledger.look()
        asks = False
        if news is not None:
            if any(tag in news for tag in _OF_CONSEQUENCE):
                self._has_data = self._has_data or REGISTERED in news
                asks = self._has_data
                if asks:
                    self._take(self._answer(news))
            self._ledger.take()
        self.is_known = True
        return asks

    def close(self) -> None:
        """End what was asked and is not waited for."""
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.process.kill()
            with asked.process:  # its pipes are closed, and it is waited for
                pass

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _answer(self, news: bytes) -> Restricted:
        """What the program says of the ledger with these news."""
        if self._asked is not None and self._asked.news != news:
            self.close()  # it may have read the ledger before it changed
        said = b""
        try:
            process = self._asked.process if self._asked is not None else self._start()
            self._asked = _Asked(news, process)
            told, said = process.communicate(timeout=_SECONDS)
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, self._command)
            return msgspec.json.decode(told, type=Restricted)
        except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
            raise ResourceMissing(
                "what notebooks may not read could not be found out",
                why=said.decode(errors="replace").strip().splitlines()[-1] if said else str(error),
                next="'governed audit verify' says what is wrong with the ledger",
            ) from error
        finally:
            self.close()

    @property
    def restricts_nothing(self) -> bool:
        """Whether it is known that nothing at all is restricted."""
        return self.is_known and not self._known.entries

    @property
    def has_classified(self) -> bool:
        """Whether the workspace has classified data at all."""
        return bool(self._known.known.classes)

    def origins(self, path: str, status: os.stat_result | None) -> list[str]:
        """``NAME@VERSION`` of the classified data that a file is, or was made from."""
        known = self._known.known
        if not self.has_classified:
            return []
        version = _folder_of(path, known.folders)
        if version is not None:
            return [version]
        derivation = self._derivation(path, status)
        if derivation is not None:
            registered = known.contents.get(derivation.sha256)
            return derivation.origins if registered is None else [registered]
        if path in known.paths:
            return [known.paths[path]]
        if status is not None and status.st_size in self._registered_sizes and _is_small(status):
            registered = known.contents.get(self._digest(path, status))
            return [] if registered is None else [registered]
        return []

    def lies_still(self, path: str, status: os.stat_result) -> bool:
        """Whether the file that a session noted at `path` may be the one that lies there now."""
        found = self._derived.path_of(path)
        return found is not None and found.stamp[:2] in ((0, 0), (status.st_dev, status.st_ino))

    def inherited(self, path: str, status: os.stat_result | None) -> list[str]:
        """``NAME@VERSION`` of what sessions made a file from, registered by now or not."""
        self._derived.refresh()
        found = self._derived.of(path, status)
        return [] if found is None else found.origins

    def of_content(self, sha256: str) -> list[str]:
        """``NAME@VERSION`` of the classified data that a content is, or was made from."""
        registered = self._known.known.contents.get(sha256)
        if registered is not None:
            return [registered]
        derivation = self._derived.contents.get(sha256)
        return [] if derivation is None else derivation.origins

    def class_of(self, origins: Iterable[str]) -> str:
        """The strictest class among those of some versions."""
        known = self._known.known
        classes = {known.classes.get(name, "") for name in origins}
        return max(classes, key=lambda name: (known.strictness.get(name, sys.maxsize), name))

    def _derivation(
        self, path: str, status: os.stat_result | None, way: str = ""
    ) -> Derivation | None:
        self._derived.refresh()
        found = self._derived.of(path, status)
        if found is None and status is not None and stat.S_ISREG(status.st_mode):
            alike = self._derived.sizes.get(status.st_size)
            if alike and (_is_small(status) or any(map(self._is_denied, alike))):
                found = self._derived.contents.get(self._digest(way or path, status))
        return found

    def _is_denied(self, sha256: str) -> bool:
        origins = self._derived.contents[sha256].origins
        return any(name in self._known.versions for name in origins)

    def _take(self, known: Restricted) -> None:
        self._known = known
        self._identities = {(device, inode): place for device, inode, place in known.identities}
        self._sizes = frozenset(known.sizes)
        self._registered_sizes = frozenset(known.known.sizes)

    def may_concern(self, status: os.stat_result | None) -> bool:
        """Whether a file may be restricted by what it is, whatever it is called and wherever."""
        if status is None or not self._known.entries or not stat.S_ISREG(status.st_mode):
            return False
        size = status.st_size
        if self._known.versions:
            self._derived.refresh()
        alike = size in self._sizes or (bool(self._known.versions) and size in self._derived.sizes)
        return alike or (status.st_dev, status.st_ino) in self._identities

    def of(
        self,
        path: str,
        status: os.stat_result | None,
        *,
        replaces: bool = False,
        way: str = "",
    ) -> Restriction | None:
        """What restricts the file at a canonical path; None when nothing does.

        Parameters
        ----------
        replaces : bool
            Whether it is opened to be written anew: what it was made from is not read then.
        way : str
            What leads to the file, where that name does not any more.

        Raises
        ------
        ResourceMissing
            As `refresh`, which is asked before the first answer; or it may be restricted by its
            content, which can't be read.
        """
        if not self.is_known:
            if status is not None and stat.S_ISDIR(status.st_mode):
                return None  # every kernel lists folders while it starts; they hold nothing
            self.refresh()
        known = self._known
        if not known.entries:
            return None
        place = known.paths.get(path)
        if place is None:
            place = _folder_of(path, known.folders)
        if place is None and status is not None and stat.S_ISREG(status.st_mode):
            place = self._identities.get((status.st_dev, status.st_ino))
            if place is None and status.st_size in self._sizes:
                sha256 = self._digest(way or path, status)
                if not sha256:
                    raise ResourceMissing(
                        f"{path} has the size of restricted data",
                        why="it can't be opened to see whether it is that",
                        next="read it under a name that it still has",
                    )
                place = known.contents.get(sha256)
        if place is not None:
            return known.entries[place]
        return None if replaces or not known.versions else self._by_origin(path, status, way)

    def _by_origin(self, path: str, status: os.stat_result | None, way: str) -> Restriction | None:
        """What restricts a file because of what a session made it from."""
        found = self._derivation(path, status, way)
        if found is None or found.sha256 in self._known.known.contents:
            return None
        denied = [name for name in found.origins if name in self._known.versions]
        return self._known.entries[self._known.versions[denied[0]]] if denied else None

    def _digest(self, path: str, status: os.stat_result) -> str:
        """SHA-256 of a file that has the size of a restricted one; empty if it can't be read.

        By that name another file may lie there by now.
        """
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        known = self._hashed.get(key)
        if known is not None:
            return known
        with contextlib.suppress(OSError):
            now = os.stat(path)
            if (now.st_dev, now.st_ino) == key[:2]:
                self._hashed[key] = digest_file(path)
        return self._hashed.get(key, "")


def _folder_of(path: str, folders: Mapping[str, P]) -> P | None:
    """What is known of the folder that a path lies in: its parents are few, folders may be many."""
    end = path.rfind("/") if folders else -1
    while end >= 0:
        place = folders.get(path[: end + 1])
        if place is not None:
            return place
        end = path.rfind("/", 0, end)
    return None


def _is_small(status: os.stat_result) -> bool:
    """Whether a file is hashed at once, only to know what it is; larger ones are soon after."""
    return stat.S_ISREG(status.st_mode) and 0 < status.st_size <= _SMALL
