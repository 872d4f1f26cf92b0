"""Processes that outlive their kernel: nobody could record them, so they end with it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["adopt_orphans", "end_survivors"]

_PR_SET_CHILD_SUBREAPER = 36
_SECONDS_TO_END = 1.0
_SECONDS_TO_WAIT = 10.0


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_survivors(meanwhile: Callable[[], None]) -> int:
    """End every descendant: by SIGTERM, a second later by SIGKILL. Returns how many there were.

    `meanwhile` is called again and again; it answers their system calls. What not even SIGKILL
    ends (it waits for a device) can open nothing any more once the recorder is gone.
    """
    told: set[int] = set()
    start = time.monotonic()
    while (children := _children()) and time.monotonic() - start < _SECONDS_TO_WAIT:
        number = signal.SIGTERM if time.monotonic() - start < _SECONDS_TO_END else signal.SIGKILL
        for process in children:
            if process not in told or number == signal.SIGKILL:
                told.add(process)
                _send(process, number)
        meanwhile()
        _reap()
        time.sleep(0.005)
    return len(told)


def _children() -> list[int]:
    _reap()
    try:
        text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except OSError:
        return []
    return [int(number) for number in text.split()]


def _send(process: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def _reap() -> None:
    """Take the exit status of what has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
