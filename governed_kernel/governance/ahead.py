"""Signatures verified ahead, on the processors that a replay of the ledger leaves idle.

A replay takes entries in their order, and half of its time is the arithmetic of signatures, each of
which can be verified by itself. So programs of one task (the command line) let copies of themselves
verify the later ones, the last one first, while they take the entries in as if all were signed
(`Ahead.check`); what no copy has found by then they verify from the first on, until both meet
(`Ahead.settle`). Where a person never saw the workspace, the copies begin before the rest of the
program is loaded (`begin`). A copy says that this envelope is signed with that key, and no more:
its form, and which key counts at which record, is the replay's to say.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from governed_kernel.errors import GovernedError, IntegrityBroken
from governed_kernel.files import open_regular
from governed_kernel.governance import envelopes, pins
from governed_kernel.governance.public_keys import PublicKey, parse_public_key
from governed_kernel.lineage.chaining import DIGITS
from governed_kernel.lineage.events import Attested
from governed_kernel.workspace import Workspace

__all__ = ["Ahead", "Forged", "allow", "begin"]

WORTH = 1000
"""Fewer than so many new signatures are verified before a copy would have begun."""
LARGE = 1 << 20
"""Bytes of a ledger that may have as many."""
LONG = 20_000
"""So many take more than a second or two, which somebody who waits is told."""
OFTEN = 32
"""After so many entries copies tell, and are asked, what was found."""
_COPIES = 3
_SAMPLE = 16
_ROOM = 1 << 20
"""Bytes that wait in a pipe, where the system allows it: as much as any user may have."""
_SIGNED = b'{"type":"attested"'
_ATTESTED: msgspec.json.Decoder[Attested] = msgspec.json.Decoder(Attested)
_allowed = False
T = TypeVar("T")


def _say_nothing(_: int) -> None:
    pass


_tell: Callable[[int], None] = _say_nothing


class _Copies:
    """Copies of this process, each with where it answers."""

    def __init__(self) -> None:
        self._at_work: dict[int, tuple[int, int]] = {}
        """Where a copy answers → its number, and a descriptor of it, which stays its own."""

    def begin(self, work: Callable[[], Iterable[bytes]]) -> None:
        """Let one more copy work; what it finds is what `work` yields."""
        reading, writing = os.pipe()
        try:
            with warnings.catch_warnings():  # of native threads, which a copy does without
                warnings.simplefilter("ignore", DeprecationWarning)
                process = os.fork()
        except OSError:
            os.close(reading)
            os.close(writing)
            raise
        if process == 0:
            code = 1
            try:
                os.close(reading)
                _tell_of(work(), writing)
                code = 0
            finally:
                os._exit(code)  # nothing of the program that it is a copy of goes on in it
        os.close(writing)
        os.set_blocking(reading, False)
        with contextlib.suppress(OSError, AttributeError):  # what does not fit waits to be asked
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _ROOM)
        try:
            descriptor = os.pidfd_open(process)
        except OSError:  # it is gone already, where nobody is told of children that end
            descriptor = -1
        self._at_work[reading] = process, descriptor

    def __bool__(self) -> bool:
        return bool(self._at_work)

    def take(self) -> None:
        """Take what was found so far."""
        for reading in tuple(self._at_work):
            with contextlib.suppress(BlockingIOError):
                while said := os.read(reading, _ROOM):
                    envelopes.add_signed(said)
                self._end(reading)

    def end(self) -> None:
        """End those that are still at work."""
        for reading in tuple(self._at_work):
            self._end(reading)

    def _end(self, reading: int) -> None:
        process, descriptor = self._at_work.pop(reading)
        os.close(reading)
        if descriptor >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError):  # a supervisor had SIGCHLD ignored
            os.waitpid(process, 0)


def _tell_of(found: Iterable[bytes], writing: int) -> None:
    """Write what is found, a few at once: the system takes so little whole or not at all."""
    waiting: list[bytes] = []
    for one in found:
        waiting.append(one)
        if len(waiting) == OFTEN:
            os.write(writing, b"".join(waiting))
            waiting.clear()
    os.write(writing, b"".join(waiting))


_early = _Copies()


def allow(tell: Callable[[int], None]) -> None:
    """Let this process be copied: it is a program of its own, which waits for no other children.

    Parameters
    ----------
    tell : callable
        Told how many signatures are about to be verified, if it will take long.
    """
    global _allowed, _tell
    _allowed, _tell = True, tell


def begin(workspace: Workspace) -> None:
    """Begin with a large ledger that this person never saw, in a process that was just started."""
    if _is_new(workspace):
        copies = min(_COPIES, _idle())
        with contextlib.suppress(OSError):  # no more processes or files: it can do without
            for part in range(copies):
                _early.begin(partial(_verified_of, workspace, part, copies))
        atexit.register(_early.end)


def _is_new(workspace: Workspace) -> bool:
    with contextlib.suppress(OSError, GovernedError):
        if workspace.ledger.stat().st_size >= LARGE:
            return not pins.is_known(workspace.root)
    return False


class Forged(Exception):
    """A signature that was taken for good does not verify."""


class Ahead:
    """Copies of this process at work on later entries, for as long as the context lasts.

    Parameters
    ----------
    found : sequence of dict
        The envelopes that are about to be replayed.
    strictly : bool
        Whether each signature is verified as soon as it is asked about.
    """

    def __init__(self, found: Sequence[dict[str, Any]], *, strictly: bool = False) -> None:
        self._copies = _Copies()
        self._waiting: list[tuple[envelopes.Opened, PublicKey]] = []
        self._verified = 0
        """So many of these."""
        self._ends_early = len(found) >= WORTH
        new = _new(found)
        if new >= LONG:
            _tell(new)
        if new >= WORTH and _allowed and not _early:
            copies = min(_COPIES, _idle())
            with contextlib.suppress(OSError):
                for part in range(copies):
                    self._copies.begin(partial(_verified, found, _last_first(found, part, copies)))
        self._waits = bool(not strictly and self._ends_early and (_early or self._copies))

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *error: object) -> None:
        self._copies.end()
        if self._ends_early:
            _early.end()

    def take(self) -> None:
        """Take what was found so far."""
        self._copies.take()
        _early.take()

    def check(self, opened: envelopes.Opened, key: PublicKey) -> None:
        """As `Opened.check`; while copies are at work not before `settle`."""
        if self._waits and opened.known is None:
            self._waiting.append((opened, key))
        else:
            opened.check(key)

    def settle(self) -> None:
        """Verify what is not verified yet.

        Raises
        ------
        Forged
            What came of the entries is not to be relied on: a signature is none.
        """
        while self._verified < len(self._waiting):
            if not self._verified % OFTEN:
                self.take()
            opened, key = self._waiting[self._verified]
            try:
                opened.check(key)
            except IntegrityBroken as error:
                raise Forged from error
            self._verified += 1  # interrupted or refused, it is not passed over the next time


def _new(found: Sequence[dict[str, Any]]) -> int:
    """About how many of these were never verified by this person."""
    if len(found) < WORTH:
        return 0
    sample = found[::_SAMPLE]
    return sum(map(envelopes.is_new, sample)) * _SAMPLE


def _verified_of(workspace: Workspace, part: int, parts: int) -> Iterator[bytes]:
    """As `_verified`, of a ledger that may be no ledger at all: whoever replays it finds out."""
    with open_regular(workspace.ledger) as file:
        found = [line for line in file if line.startswith(_SIGNED, DIGITS + 1)]
    named = map(_envelope_in, filter(envelopes.may_name_a_key, found))
    return _verified(named, map(_envelope_in, _last_first(found, part, parts)))


def _envelope_in(line: bytes) -> dict[str, Any]:
    """The envelope of a line of the ledger; one that verifies with nothing where there is none."""
    with contextlib.suppress(msgspec.MsgspecError, RecursionError):
        return _ATTESTED.decode(line[DIGITS + 1 :]).envelope
    return {}


def _last_first(found: Sequence[T], part: int, parts: int) -> Iterator[T]:
    """One of so many parts, from its end."""
    size = -(-len(found) // parts)
    return reversed(found[part * size : (part + 1) * size])


def _verified(known: Iterable[dict[str, Any]], asked: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Of each new envelope of `asked` that is signed with a key that `known` name: what to tell."""
    envelopes.begin()
    # All keys that anything says are somebody's: whether they are, the replay finds out.
    keys = {}
    for pem in envelopes.public_keys(known):
        with contextlib.suppress(GovernedError):
            key = parse_public_key(pem)
            keys[key.keyid] = key
    for envelope in asked:
        with contextlib.suppress(GovernedError):
            if envelopes.is_new(envelope):
                yield envelopes.signed_by(envelope, keys)


def _idle() -> int:
    """How many processors beside this one there are for copies; none where a copy can't be whole.

    Other threads of Python would be missing in it, with the locks that they hold. Those of native
    libraries (DuckDB's wait for work) may be missing: a copy calls none of them.
    """
    return _processors() - 1 if threading.active_count() == 1 else 0


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
