"""What the kernel's processes may set of themselves and of each other, and of nobody else.

Limits, priorities and what lies in ``/proc`` decide when a process is stopped or waits for ever,
and so do those of the recorder.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable

from governed_kernel.recorder import paths
from governed_kernel.recorder.processes import process_of
from governed_kernel.recorder.seccomp import Listener, Notification

__all__ = ["REGULATE", "ProcessSettings"]

_PRLIMIT = 302
_OF_MANY = {141: 0, 251: 1}
"""setpriority and ioprio_set name a process, a group or a user; by which number they begin."""
_OF_PROCESS, _OF_GROUP = 0, 1
REGULATE = frozenset((*_OF_MANY, 142, 144, 203, _PRLIMIT, 314))
"""The calls that set a limit or a priority."""
_OF_A_PROCESS = re.compile(r"/proc/(\d+)/")
_NAME_OF_THREAD = re.compile(r"/proc/(?:\d+/task/)?(\d+)/comm")


class ProcessSettings:
    """Lets calls through that set something of a process, or refuses them.

    Parameters
    ----------
    listener : Listener
        The reporting end of the filter.
    confined : bool
        Whether Landlock keeps the kernel from writing below ``/proc``.
    """

    def __init__(self, listener: Listener, *, confined: bool) -> None:
        self._listener = listener
        self._confined = confined
        self.may_regulate: Callable[[int, int], bool] | None = None
        """Whether a thread may set limits and priorities of another."""

    def regulated(self, notification: Notification) -> None:
        """Let a thread set limits and priorities of its kernel's processes, and nobody else's."""
        _, thread, number, arguments = notification
        kind, who = 0, arguments[0]
        if number in _OF_MANY:
            kind, who = arguments[0] - _OF_MANY[number], arguments[1]
        who = who & 0xFFFFFFFF or thread
        if kind in (_OF_PROCESS, _OF_GROUP) and self.may_regulate is not None:
            allowed = self.may_regulate(thread, who)
        else:
            allowed = False  # all of a user's
        if allowed or (number == _PRLIMIT and not arguments[2]):  # which only asks
            self._listener.proceed(notification)
        else:
            self._listener.refuse(notification, errno.EPERM)

    def may_set(self, thread: int, path: str) -> bool:
        """Whether writing to `path` sets nothing of another program's: its part of ``/proc``."""
        found = _OF_A_PROCESS.match(path)
        if found is None:
            return True
        return self.may_regulate is not None and self.may_regulate(thread, int(found[1]))

    def names_thread(self, notification: Notification, path: bytes) -> bool:
        """Let a confined process name its own threads; returns whether that was it.

        CUDA does so when it starts, and does not start otherwise. Landlock could only allow every
        write below ``/proc``, which for root are the settings of the machine: so the recorder
        opens the file for it. The system lets only threads of the same process write a name.
        """
        if not self._confined:
            return False
        thread = notification.thread
        found = _NAME_OF_THREAD.fullmatch(paths.real(thread, os.fsdecode(path)))
        process = process_of(thread)
        if found is None or process is None or process_of(int(found[1])) != process:
            return False
        try:
            descriptor = os.open(f"/proc/{process}/task/{found[1]}/comm", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            self._listener.give(notification, descriptor)
        except OSError:
            self._listener.proceed(notification)
        finally:
            os.close(descriptor)
        return True
