"""Signatures verified ahead, on the processors that a replay of the ledger leaves idle.

A replay takes entries in their order, and half of its time is the arithmetic of signatures, each of
which can be verified by itself. So programs of one task (`allow`: the command line) let copies of
themselves verify the later entries while they replay the earlier ones. What a copy says is taken as
`Verified` takes what this process found before: this envelope verifies with that key. Which key
counts at which record is the replay's to say; what a copy did not answer, it verifies itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from governed_kernel.errors import GovernedError
from governed_kernel.governance import envelopes
from governed_kernel.governance.keys import parse_public_key

__all__ = ["Ahead", "allow"]

Found = Sequence[tuple[int, dict[str, Any]]]
"""Number and envelope of entries, in their order."""

WORTH = 1000
"""Fewer than so many new signatures are verified before a copy would have begun."""
_COPIES = 3
_SHARE = 0.4
"""What the replay verifies itself where there is one copy: it has other work to do as well."""
_SAMPLE = 16
LONG = 20_000
"""So many take more than a second or two, which somebody who waits is told."""
_allowed = False


def _say_nothing(_: int) -> None:
    pass


_tell: Callable[[int], None] = _say_nothing


def allow(tell: Callable[[int], None]) -> None:
    """Let this process be copied: it is a program of its own, which waits for no other children.

    Parameters
    ----------
    tell : callable
        Told how many signatures are about to be verified, if it will take long.
    """
    global _allowed, _tell
    _allowed, _tell = True, tell


class Ahead:
    """Copies of this process at work on later entries, for as long as the context lasts.

    Parameters
    ----------
    found : sequence of (int, dict)
        What is about to be replayed.
    """

    def __init__(self, found: Found) -> None:
        self._copies: list[tuple[int, int, int]] = []
        """From which record on a copy answers, where, and its process."""
        new = _new(found)
        if new >= LONG:
            _tell(new)
        copies = min(_COPIES, _idle()) if new >= WORTH else 0
        if not copies:
            return
        start = int(len(found) * _SHARE * 2 / (copies + 1))
        size = -(-(len(found) - start) // copies)
        with contextlib.suppress(OSError):  # no more processes or files: it can do without
            for first in range(start, len(found), size):
                self._begin(found, found[first : first + size])

    def _begin(self, found: Found, piece: Found) -> None:
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
                with os.fdopen(writing, "wb") as answer:
                    answer.write(b"".join(_verified(found, piece)))
                code = 0
            finally:
                os._exit(code)  # nothing of the program that it is a copy of goes on in it
        os.close(writing)
        self._copies.append((piece[0][0], reading, process))

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *error: object) -> None:
        for _, reading, process in self._copies:
            os.close(reading)
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        self._copies.clear()

    def wait_before(self, number: int) -> None:
        """Take what was found of this record and those after it, where a copy was asked."""
        while self._copies and number >= self._copies[0][0]:
            _, reading, process = self._copies.pop(0)
            with os.fdopen(reading, "rb") as answer:
                said = answer.read()
            if os.waitpid(process, 0)[1] == 0:
                envelopes.add_verified(said)


def _new(found: Found) -> int:
    """About how many of these were never verified by this person."""
    if len(found) < WORTH:
        return 0
    sample = found[::_SAMPLE]
    return sum(envelopes.verified_by(envelope) is None for _, envelope in sample) * _SAMPLE


def _verified(found: Found, piece: Found) -> Iterator[bytes]:
    """Of each new envelope that verifies, what is remembered of it."""
    # All keys that anything says are somebody's: whether they are, the replay finds out.
    keys = {}
    for pem in envelopes.public_keys(envelope for _, envelope in found):
        with contextlib.suppress(GovernedError):
            key = parse_public_key(pem)
            keys[key.keyid] = key
    for _, envelope in piece:
        with contextlib.suppress(GovernedError, KeyError):
            if envelopes.verified_by(envelope) is None:
                _, key_id = envelopes.read(envelope, None)
                envelopes.check(envelope, keys[key_id], None)
                yield envelopes.remembered(envelope)


def _idle() -> int:
    """How many processors beside this one there are for copies; none where a copy can't be whole.

    Other threads of Python would be missing in it, with the locks that they hold. Those of native
    libraries (DuckDB's wait for work) may be missing: a copy calls none of them.
    """
    return _processors() - 1 if _allowed and threading.active_count() == 1 else 0


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
