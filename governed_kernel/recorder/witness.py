"""What the kernel and its children open, change, run and connect to, as the system sees it.

Each notification is read, answered, and turned into sightings. The path that a call carries is
read before the call goes on, so that a relative path still means what it meant; another thread
could change the text in between, which is why a refusal rests on Landlock and not on this.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable

from governed_kernel.errors import GovernedError
from governed_kernel.lineage.events import Operation
from governed_kernel.recorder import paths, programs
from governed_kernel.recorder.connections import NAME_PEERS, addresses
from governed_kernel.recorder.environment import Environment
from governed_kernel.recorder.kept import KEPT, Kept, may_be_token
from governed_kernel.recorder.names import Names, Place
from governed_kernel.recorder.process_settings import REGULATE, ProcessSettings
from governed_kernel.recorder.restrictions import Restriction, Restrictions
from governed_kernel.recorder.seccomp import CALLS, Listener, Notification, Unreadable
from governed_kernel.recorder.sightings import Sighting, has_content

__all__ = ["Witness"]

_OPENS = {2: 0, 257: 1, 437: 1}
_OPEN, _OPENAT2, _CREAT = 2, 437, 85
_EXECS = {59, 322}
_SYMLINKS = {88, 266}
_REMOVALS = {84, 87, 263}
_TRUNCATE = 76
_EXCHANGE = 2  # RENAME_EXCHANGE
_RESOLVE_IN_ROOT = 0x10
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Witness:
    """Turns notifications into sightings, and counts what is environment.

    Parameters
    ----------
    listener : Listener
        The reporting end of the filter.
    environment : Environment
        What is set aside.
    may_connect : callable, optional
        Given an address, whether a connection goes through; all go through when not given.
    restrictions : Restrictions, optional
        What may not be opened.
    kept : Kept, optional
        What no notebook touches.
    listens : callable, optional
        Given an address, whether it is one of the kernel's own, which leads nowhere.
    """

    def __init__(
        self,
        listener: Listener,
        environment: Environment,
        may_connect: Callable[[str], bool] | None = None,
        restrictions: Restrictions | None = None,
        kept: Kept | None = None,
        listens: Callable[[str], bool] | None = None,
    ) -> None:
        self.environment = 0
        """Opens that were set aside so far."""
        self._listener = listener
        self._rules = environment
        self._may_connect = may_connect
        self._restrictions = restrictions
        self._kept = kept or Kept()
        self._listens = listens
        self.names = Names(environment, restrictions)
        self.main_thread = 0
        """The kernel's, which runs the cells."""
        self.unjudged: list[tuple[Notification, str, os.stat_result]] = []
        """Environment that was opened before it was known what is restricted."""
        self.before_it_goes_on: Callable[[int, bool], None] | None = None
        """Told whose call was seen, and whether it executes a program, while the caller waits for
        the answer: a child may be gone a moment after it."""
        self.settings = ProcessSettings(listener, confined=may_connect is not None)

    def receive(self) -> Notification | None:
        """The next call that waits for `examine`; None when its thread is gone again."""
        return self._listener.receive()

    def late(self, notification: Notification, path: bytes) -> list[Sighting]:
        """What was seen by an open for reading that went on already."""
        if self.names.may_pass(notification.thread, path):
            self.environment += 1
            self._judge_later(notification, os.fsdecode(path))
            return []
        return self._opened(notification, self.names.place(notification.thread, path, None), 0)

    def judged(self) -> list[Sighting]:
        """What was opened too early, by its name as environment, and is none: data that is denied.

        To be asked once it is known what is restricted.
        """
        waiting, self.unjudged = self.unjudged, []
        seen = []
        for notification, name, status in waiting:
            assert self._restrictions is not None
            if self._restrictions.may_concern(status):
                path = os.path.realpath(name)
                denied = _restricted(self._restrictions, path, status, replaces=False)
                call = CALLS[notification.number].name
                seen.append(Sighting(notification.thread, call, "read", path, denied=denied))
        return [sighting for sighting in seen if sighting.denied is not None]

    def _judge_later(self, notification: Notification, path: str) -> bool:
        """Whether it is not known yet what is restricted; what was opened is then kept in mind."""
        if self._restrictions is None or self._restrictions.is_known:
            return False
        status = paths.status(path)  # of now: by then the name may be gone
        if status is not None and stat.S_ISREG(status.st_mode):
            self.unjudged.append((notification, path, status))
        return True

    def examine(self, notification: Notification) -> list[Sighting]:
        """Answer a notification and say what was seen."""
        try:
            return self._examine(notification)
        except Unreadable:
            self._listener.refuse(notification, errno.EFAULT)
            return []
        except paths.Unreachable as error:
            self._listener.refuse(notification, error.errno or errno.EACCES)
            return []
        except BaseException:
            # whatever is wrong here, a thread must not wait for ever, nor go on unseen
            self._listener.refuse(notification, errno.EIO)
            raise

    def _examine(self, notification: Notification) -> list[Sighting]:
        listener = self._listener
        _, thread, number, arguments = notification
        self.names.arrived(thread)
        place = _OPENS.get(number)
        if place is None:
            return self._other(notification)
        path = listener.text(thread, arguments[place])
        flags = self._open_flags(notification)
        if flags is None:
            listener.refuse(notification, errno.ENOSYS)
            return []
        reads = not flags & _WRITING
        directory = None if number == _OPEN else arguments[0]
        # what the main thread does is the running cell's for sure
        again = reads and thread == self.main_thread and not _leads_elsewhere(path, directory)
        if again and self.names.is_read(thread, path, flags):
            listener.proceed(notification)
            return []
        # a name that goes on from a folder can't tell by itself that it is environment
        if reads and path.startswith(b"/") and self.names.may_pass(thread, path):
            listener.proceed(notification)
            self.environment += 1
            self._judge_later(notification, os.fsdecode(path))
            return []
        names = path.endswith(b"comm") and flags & _WRITING
        if names and self.settings.names_thread(notification, path):
            self.environment += 1
            return []
        place_of = self.names.place(thread, path, directory)
        seen = self._opened(notification, place_of, flags)
        if again and len(seen) == 1 and seen[0].possible and seen[0].denied is None:
            self.names.remember_read(path, place_of, flags)
        return self._answered(notification, seen)

    def _answered(self, notification: Notification, seen: list[Sighting]) -> list[Sighting]:
        """`seen`, after the call was let through or refused as it says."""
        if seen and self.before_it_goes_on is not None:
            self.before_it_goes_on(notification.thread, notification.number in _EXECS)
        if seen and seen[0].denied is not None:
            self._listener.refuse(notification, errno.EACCES)
        else:
            self._listener.proceed(notification)
        return seen

    def _open_flags(self, notification: Notification) -> int | None:
        """Flags of an open; None for one that takes a folder for the root of all."""
        _, thread, number, arguments = notification
        if number == _OPENAT2:  # struct open_how: flags, mode, resolve, of 64 bits each
            how = self._listener.memory(thread, arguments[2], 24)
            flags, _, resolve = struct.unpack("<QQQ", how.ljust(24, b"\0"))
            return None if resolve & _RESOLVE_IN_ROOT else int(flags)
        return arguments[_OPENS[number] + 1]

    def _set_aside(self, path: str, *, write: bool, makes: bool = False) -> bool:
        """Whether using the canonical `path` is environment; counts it then."""
        if not self._rules.covers(path, write=write):
            return False
        if self._rules.is_among_devices(path):
            mode = _mode(path)
            file = makes if mode is None else not (stat.S_ISCHR(mode) or stat.S_ISDIR(mode))
            if file:
                return False
        self.environment += 1
        return True

    def _opened(self, notification: Notification, place: Place, flags: int) -> list[Sighting]:
        path = place.path
        write = bool(flags & _WRITING)
        makes = bool(flags & os.O_CREAT)
        meddles = write and not self.settings.may_set(notification.thread, path)
        kept = meddles or may_be_token(path) or self._kept.is_lock(path)
        environment = not kept and self._set_aside(path, write=write, makes=makes)
        only_writes = flags & os.O_ACCMODE == os.O_WRONLY
        if environment and (only_writes or self._restrictions is None):
            return []
        if environment and self._judge_later(notification, path):
            return []
        status = place.status or paths.status(path)
        mode = None if status is None else status.st_mode
        denied = None
        replaces = bool(flags & os.O_TRUNC) if mode is not None else bool(flags & os.O_CREAT)
        if not flags & os.O_PATH:
            why = None if environment else self._kept.opened(path, write=write)
            if meddles:
                why = "it sets what another program may use, or when it is stopped"
            if why:
                denied = _kept_back(why)
            elif self._restrictions is not None and (
                not environment or self._restrictions.may_concern(status)
            ):
                denied = _restricted(
                    self._restrictions, path, status, replaces=replaces, way=place.way
                )
        if environment and denied is None:
            return []
        return [
            Sighting(
                notification.thread,
                CALLS[notification.number].name,
                "write" if write else "read",
                path,
                exists=mode is not None,
                possible=has_content(mode, flags, place.way or path),
                both=flags & os.O_ACCMODE == os.O_RDWR,
                denied=denied,
                replaces=replaces,
            )
        ]

    def _other(self, notification: Notification) -> list[Sighting]:
        number = notification.number
        if number in NAME_PEERS:
            return self._connected(notification)
        if number in REGULATE:
            self.settings.regulated(notification)
            return []
        if number in _EXECS:
            return self._answered(notification, self._executed(notification))
        found = self._paths(notification)
        refused = self._refused_change(notification, found)
        seen = self._changed(notification, found) if refused is None else [refused]
        return self._answered(notification, seen)

    def _refused_change(self, notification: Notification, found: list[str]) -> Sighting | None:
        """A change of what no notebook touches; None for any other."""
        # what a symbolic link says is no change of what it leads to
        for path in found[-1:] if notification.number in _SYMLINKS else found:
            why = self._kept.changed(path)
            if why:
                name = CALLS[notification.number].name
                return Sighting(notification.thread, name, "write", path, denied=_kept_back(why))
        if notification.number == _TRUNCATE and self._restrictions is not None:
            # A copy of what is denied would be another content, with all but a byte of it.
            status = paths.status(found[0])
            denied = _restricted(self._restrictions, found[0], status, replaces=False)
            if denied is not None:
                return Sighting(notification.thread, "truncate", "write", found[0], denied=denied)
        return None

    def _paths(self, notification: Notification) -> list[str]:
        _, thread, number, arguments = notification
        call = CALLS[number]
        follow = number in (_CREAT, _TRUNCATE)
        found = []
        for directory, argument in call.paths:
            text = self._listener.text(thread, arguments[argument])
            base = None if directory is None else arguments[directory]
            found.append(paths.resolve(thread, text, base, follow=follow))
        return found

    def _executed(self, notification: Notification) -> list[Sighting]:
        """The program, and the one that its first line names, which the system runs for it."""
        _, thread, number, arguments = notification
        ((directory, argument),) = CALLS[number].paths
        text = self._listener.text(thread, arguments[argument])
        base = None if directory is None else arguments[directory]
        found = programs.run_by(thread, text, base)
        seen = [
            self._program(notification, path, way, by_script=place > 0)
            for place, (path, way) in enumerate(found)
        ]
        denied = [sighting for sighting in seen if sighting.denied is not None]
        return denied or seen  # of what is denied a part, nothing is run

    def _program(
        self, notification: Notification, path: str, way: str, *, by_script: bool
    ) -> Sighting:
        counts = not self._rules.runs(path)
        if by_script:  # that is installed is no more than a library that the system opens
            counts = counts and not self._rules.covers(path, write=False)
        denied = None
        if counts and self._restrictions is not None:  # a program can be what policy keeps back
            status = paths.status(way or path)
            denied = _restricted(self._restrictions, path, status, replaces=False, way=way)
        name = CALLS[notification.number].name
        return Sighting(notification.thread, name, "execute", path, possible=counts, denied=denied)

    def _changed(self, notification: Notification, found: list[str]) -> list[Sighting]:
        """Renames, links, removals, truncation: what is written and what is gone."""
        number, name, thread = notification.number, CALLS[notification.number].name, notification[1]
        target = found[-1]
        if name.startswith(("rename", "symlink", "link")):
            self.names.changes(thread, number)
        renames = name.startswith("rename")
        if renames and not os.path.lexists(found[0]):
            return []
        seen = self._left(notification, found[0]) if renames else []
        # a file of the user's under a name that programs keep for themselves is still the user's
        moves = len(found) == 2 and number not in _SYMLINKS
        # Byte code is written under another name first, which may be written and not read as code.
        known = any(self._rules.covers(found[0], write=write) for write in (False, True))
        brings = moves and not known
        if not brings and self._set_aside(target, write=True, makes=number not in _REMOVALS):
            return seen
        mode = _mode(target)
        exists = mode is not None
        if number in _REMOVALS:
            possible = mode is not None and not stat.S_ISDIR(mode)
            return [Sighting(thread, name, "delete", target, exists, possible)]
        if len(found) == 1:
            possible = exists or number == _CREAT
            return [Sighting(thread, name, "write", target, exists, possible)]
        # Of a file that had no name until now nothing was seen: it is written by being named.
        nameless = found[0].endswith(paths.REMOVED)
        source = "" if number in _SYMLINKS or nameless else found[0]
        possible = number in _SYMLINKS or nameless or os.path.isfile(found[0])
        return [*seen, Sighting(thread, name, "write", target, exists, possible, source=source)]

    def _left(self, notification: Notification, source: str) -> list[Sighting]:
        """What a rename does to the name that it leaves."""
        if self._set_aside(source, write=True):
            return []
        name = CALLS[notification.number].name
        swaps = name == "renameat2" and notification.arguments[4] & _EXCHANGE
        possible = not os.path.isdir(source)
        operation: Operation = "write" if swaps else "delete"
        return [Sighting(notification.thread, name, operation, source, possible=possible)]

    def _connected(self, notification: Notification) -> list[Sighting]:
        thread, number = notification.thread, notification.number
        found = addresses(self._listener, notification)
        if not found:
            self._listener.proceed(notification)  # it leads nowhere, or where it is connected to
            return []
        if self.before_it_goes_on is not None:
            self.before_it_goes_on(thread, False)
        barred = [at for at in found if self._may_connect is not None and not self._may_connect(at)]
        # asked before the call goes on: who listens may be gone a moment later
        own = [at for at in found if self._listens is not None and self._listens(at)]
        if barred:  # libraries ask for daemons that may not be there, and go on when they hear so
            local = barred[0].removeprefix("unix://")
            missing = local.startswith("/") and not os.path.lexists(local)
            self._listener.refuse(notification, errno.ENOENT if missing else errno.EACCES)
        else:
            self._listener.proceed(notification)
        name = CALLS[number].name
        return [
            Sighting(thread, name, "connect", at, possible=not barred)
            for at in found
            if not self._rules.connects(at)
            and (at in barred or not (at in own or self._stays_inside(at)))
        ]

    def _stays_inside(self, address: str) -> bool:
        """Whether an address is a socket file among what programs keep for themselves."""
        local = address.removeprefix("unix://")
        return local != address and self._rules.covers(local, write=True)


def _restricted(
    restrictions: Restrictions,
    path: str,
    status: os.stat_result | None,
    *,
    replaces: bool,
    way: str = "",
) -> Restriction | None:
    """As `Restrictions.of`; what can't be found out is a refusal, never a pass."""
    try:
        return restrictions.of(path, status, replaces=replaces, way=way)
    except GovernedError as error:
        return _kept_back(f"{error.what}: {error.why}")


def _kept_back(why: str) -> Restriction:
    return Restriction(policies=[KEPT], reason=why, dataset="", version="", data_class="")


def _leads_elsewhere(path: bytes, directory: int | None) -> bool:
    """Whether a relative path goes on from another folder than the one that is worked in."""
    return not path.startswith(b"/") and not paths.is_working_directory(directory)


def _mode(path: str) -> int | None:
    status = paths.status(path)
    return None if status is None else status.st_mode
