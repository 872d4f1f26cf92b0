"""What names lead to: canonical paths, and which names may pass as code without a closer look.

Folders and names are remembered until something may have changed what they lead to, and nothing is
while a call that changes names is under way: another thread may ask just before it is done.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from governed_kernel.recorder import paths
from governed_kernel.recorder.environment import Environment
from governed_kernel.recorder.kept import TOKENS
from governed_kernel.recorder.restrictions import Restrictions

__all__ = ["Names", "Place"]

_KNOWN_LIMIT = 100_000


class Place(NamedTuple):
    """Where a path leads; and what was found there, if somebody looked already."""

    path: str
    status: os.stat_result | None = None
    way: str = ""
    """What leads there in ``/proc``, where the path does not any more."""


class Names:
    """The names that one session's processes use.

    Parameters
    ----------
    environment : Environment
        What is set aside.
    restrictions : Restrictions, optional
        What may not be opened.
    """

    def __init__(self, environment: Environment, restrictions: Restrictions | None) -> None:
        self._rules = environment
        self._restrictions = restrictions
        # /proc is followed, never passed by its name alone; among devices may be files
        followed = (b"/proc/", b"/dev/")
        self._passing = tuple(p for p in environment.prefixes if not p.startswith(followed))
        self._data = environment.data_suffixes
        self._code = environment.code_suffixes
        self._libraries = environment.libraries
        self._tokens = tuple(map(os.fsencode, TOKENS))
        self._known: set[bytes] = set()
        self._folders: dict[bytes, bool] = {}
        self._canonical_folders: dict[bytes, str] = {}
        self._read: dict[bytes, tuple[int, ...]] = {}
        self._changing: dict[int, int] = {}
        """Thread → the call that changes names, which was let go and may not be done."""
        self._remembers = True

    def changes(self, thread: int, call: int) -> None:
        """A thread's call is about to go on, and may change what names lead to."""
        self.forget()
        self._changing[thread] = call

    def arrived(self, thread: int) -> None:
        """A thread makes its next call: the one before is done."""
        self._changing.pop(thread, None)

    def _look_for_changes(self) -> None:
        """See, before anything is looked up, whether it may be remembered."""
        for thread, call in tuple(self._changing.items()):
            if not _is_within(thread, call):
                del self._changing[thread]
        self._remembers = not self._changing

    def forget(self) -> None:
        """What a name leads to, and whether it may be read, may be another from now on."""
        self._known.clear()
        self._folders.clear()
        self._canonical_folders.clear()
        self._read.clear()

    def is_read(self, thread: int, path: bytes, flags: int) -> bool:
        """Whether a file is opened once more for reading, with nothing to be said of it or decided.

        That holds until `forget`, for one that has not changed and has no second name. What
        restricts files is found out for each open, where anything does.
        """
        known = self._read.get(path)
        if known is None or known[0] != flags:
            return False
        if self._restrictions is not None and not self._restrictions.restricts_nothing:
            return False
        try:
            status = os.lstat(
                path if path.startswith(b"/") else b"/proc/%d/cwd/%b" % (thread, path)
            )
        except (OSError, ValueError):
            return False
        return known == _state_of(status, flags)

    def remember_read(self, path: bytes, place: Place, flags: int) -> None:
        """A file was opened for reading by who may, and that is on record."""
        status = place.status
        if status is None or place.way or status.st_nlink != 1 or not self._remembers:
            return
        if len(self._read) >= _KNOWN_LIMIT:
            self._read.clear()
        self._read[path] = _state_of(status, flags)

    def may_pass(self, thread: int, path: bytes) -> bool:
        """Whether a file that is opened for reading is environment, and nothing that is denied."""
        if path in self._known:
            return True
        self._look_for_changes()
        return self._is_spelled_as_code(path) and self._stays_inside(thread, path)

    def _is_spelled_as_code(self, path: bytes) -> bool:
        """Whether a file of that name is environment where no link leads out of it."""
        return (
            path.startswith(self._passing)
            and not any(name in path for name in self._tokens)
            and b"/../" not in path
            and not path.endswith(self._data)
            and (path.endswith(self._code) or not path.startswith(self._libraries))
        )

    def _stays_inside(self, thread: int, path: bytes) -> bool:
        """Whether no symbolic link leads from `path` out of the environment."""
        folder, _, _ = path.rpartition(b"/")
        inside = self._folders.get(folder)
        if inside is None:
            canonical, fleeting = self._canonical_folder(thread, folder)
            inside = not fleeting and self._rules.holds(canonical + "/")
            if self._remembers:
                self._folders[folder] = inside
        if not inside:
            return False
        status = paths.status(os.fsdecode(path), follow=False)
        if status is not None and stat.S_ISLNK(status.st_mode):
            target, fleeting = paths.trace(thread, os.fsdecode(path))
            if fleeting or not self._rules.covers(target, write=False):
                return False
            status = paths.status(target)
        if status is None:
            return True  # nothing is there to be read
        if self._restrictions is not None and self._restrictions.may_concern(status):
            return False
        if len(self._known) >= _KNOWN_LIMIT:
            self._known.clear()
        if self._remembers:
            self._known.add(path)
        return True

    def place(self, thread: int, path: bytes, directory: int | None) -> Place:
        """As `paths.resolve`; folders are remembered until a name may lead elsewhere."""
        self._look_for_changes()
        folder, _, name = path.rpartition(b"/")
        if folder.startswith((b"/proc", b"/dev")) or name in (b"", b".", b".."):
            return self._followed(thread, path, directory)
        if folder.startswith(b"/"):
            known, _ = self._canonical_folder(thread, folder)
        elif path.startswith(b"/"):
            known = ""
        else:
            base = paths.base(thread, directory)
            if base.startswith("/proc") or base.endswith(paths.REMOVED):
                return self._followed(thread, path, directory)
            # what the system gives as a folder of a process, and is there, has no links in it
            known = base.rstrip("/")
            if folder:
                known, _ = self._canonical_folder(thread, os.fsencode(f"{known}/") + folder)
        found = f"{known}/{os.fsdecode(name)}"
        status = paths.status(found, follow=False)
        if status is not None and stat.S_ISLNK(status.st_mode):
            return self._followed(thread, os.fsencode(found), None)
        return Place(found, status)

    @staticmethod
    def _followed(thread: int, path: bytes, directory: int | None) -> Place:
        """Where a path leads through links; and what is there, where that has lost its name."""
        nameless: list[str] = []
        found = paths.resolve(thread, path, directory, nameless=nameless)
        if not nameless:
            return Place(found)
        return Place(found, paths.status(nameless[-1]), nameless[-1])

    def _canonical_folder(self, thread: int, folder: bytes) -> tuple[str, bool]:
        """As `paths.trace` of an absolute path, with nothing at its end."""
        known = self._canonical_folders.get(folder)
        if known is not None:
            return known, False
        known, fleeting = self._below_known(folder), False
        if known is None:
            known, fleeting = paths.trace(thread, os.fsdecode(folder))
            known = known.rstrip("/")
        if self._remembers and not fleeting:
            self._canonical_folders[folder] = known
        return known, fleeting

    def _below_known(self, folder: bytes) -> str | None:
        """What a folder is called in one that is known; None where that does not say it all."""
        above, _, name = folder.rpartition(b"/")
        known = self._canonical_folders.get(above)
        if known is None or known.startswith("/proc") or name in (b"", b".", b".."):
            return None
        found = f"{known}/{os.fsdecode(name)}"
        return found if paths.link(found) is None else None


def _state_of(status: os.stat_result, flags: int) -> tuple[int, ...]:
    """What tells an open: the file, what it held, who may open it, and how it is opened."""
    return (
        *(flags, status.st_ino, status.st_dev, status.st_size),
        *(status.st_mtime_ns, status.st_ctime_ns),
    )


def _is_within(thread: int, call: int) -> bool:
    """Whether a thread may still be within a system call; see proc_pid_syscall(5)."""
    try:
        with open(f"/proc/{thread}/syscall", "rb") as file:
            return file.read().split()[:1] in ([str(call).encode()], [b"running"])
    except OSError:
        return os.path.exists(f"/proc/{thread}")  # it is gone, or nobody tells
