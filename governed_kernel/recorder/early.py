"""Keeps a kernel going while its recorder is still importing what it needs.

The first hundred milliseconds of a kernel are its interpreter reading its own libraries. Those
opens are answered at once and looked at later; whatever else comes waits.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable

from governed_kernel.recorder.seccomp import Listener, Notification, Unreadable

__all__ = ["EarlyWitness"]

_OPENAT, _EXECVE = 257, 59
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_OWN = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_LIBRARIES = tuple(
    os.fsencode(f"{place.rstrip('/')}/")
    for place in {sys.prefix, sys.base_prefix, _OWN, "/usr", "/lib", "/lib64", "/etc"}
)
"""What an interpreter reads while it starts; whatever else is asked for can wait for an answer."""
_SWITCH_SECONDS = 20e-6


class EarlyWitness:
    """Answers a kernel's first calls, in this thread, while another thread works.

    Attributes
    ----------
    opened : list of (Notification, bytes)
        Opens of libraries for reading that went on, with the path.
    waiting : list of Notification
        Calls that are not answered yet.
    listener : Listener
        Where they come from.
    executed : bool
        Whether the kernel's program began.
    """

    def __init__(self, listener: Listener) -> None:
        self.opened: list[tuple[Notification, bytes]] = []
        self.waiting: list[Notification] = []
        self.listener = listener
        self.executed = False

    def attend(self, work: Callable[[], None]) -> None:
        """Answer until `work`, done in another thread, is over; what it raised is raised."""
        over = os.eventfd(0, os.EFD_CLOEXEC)
        failures: list[BaseException] = []

        def do_work() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)
            finally:
                os.eventfd_write(over, 1)

        usual = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)  # an answer must not wait for an import
        thread = threading.Thread(target=do_work)
        thread.start()
        poll = select.poll()
        poll.register(over, select.POLLIN)
        poll.register(self.listener.descriptor, select.POLLIN)
        going_on = True
        while going_on:
            for descriptor, happened in poll.poll():
                if descriptor == over:
                    going_on = False
                elif happened & select.POLLIN:
                    self._answer()
                else:
                    poll.unregister(descriptor)  # the kernel has ended already
        thread.join()
        sys.setswitchinterval(usual)
        os.close(over)
        if failures:
            raise failures[0]

    def _answer(self) -> None:
        listener = self.listener
        notification = listener.receive()
        if notification is None:
            return
        _, thread, number, arguments = notification
        if number == _OPENAT and not arguments[2] & _WRITING:
            try:
                path = listener.text(thread, arguments[1])
            except Unreadable:
                path = b""
            if path.startswith(_LIBRARIES) and b"/../" not in path:
                listener.proceed(notification)
                self.opened.append((notification, path))
                return
        elif number == _EXECVE and not self.executed:
            self.executed = True  # the recorder's own act: the kernel's program begins
            listener.proceed(notification)
            return
        self.waiting.append(notification)
