"""What must hold still while a process is copied (`os.fork`), or its copy would be stuck.

To be imported before anything else that has hooks at a fork: those called before one are called in
the reverse order of their registration, so these come last. IPython's waits for a thread that may
itself be waiting for what is held still here.
"""

from __future__ import annotations

import os
from typing import Protocol

__all__ = ["Still", "hold_still"]


class Still(Protocol):
    """Something with a lock that no other thread may hold in the middle of a fork."""

    def before_fork(self) -> bool:
        """Wait for the lock, not for ever; whether it was taken."""

    def after_fork(self) -> None:
        """Let it go, where it was taken."""

    def begin_in_child(self) -> None:
        """Begin anew with a lock that nobody holds."""


_still: list[Still] = []
_held: list[Still] = []


def hold_still(thing: Still) -> None:
    """Hold `thing` still at each fork from now on."""
    _still.append(thing)


def _before() -> None:
    _held[:] = [thing for thing in _still if thing.before_fork()]


def _after() -> None:
    while _held:
        _held.pop().after_fork()


def _begin_in_child() -> None:
    _held.clear()
    for thing in _still:
        thing.begin_in_child()


os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_begin_in_child)
