"""The recorder's ends of the two ways by which a kernel tells it things.

What comes by the quiet way wakes nobody. It lies in the system's memory, where it outlives the
kernel, and is taken with whatever comes next by the other way, in the order in which it was said.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable

import msgspec

from governed_kernel.recorder import messages
from governed_kernel.recorder.messages import Assembler, Said

__all__ = ["Line"]

_MOST = 4_096
"""More packets than the system keeps of either way; `__main__` says how much that is."""
_AT_ONCE = 256
_TURNS = 4


class Line:
    """Hears what a kernel says.

    Parameters
    ----------
    link : socket.socket
        The end of the pair that wakes the recorder, and takes its answers.
    quiet : socket.socket
        The end of the pair that does not.
    take : callable
        Given each message's number and what is said in it.
    tampered : callable
        Told of what no honest kernel sends.
    closed : callable
        Told that the quiet end alone is closed, before anything that came beside it is taken: no
        answer says yet that all is well.
    """

    def __init__(
        self,
        link: socket.socket,
        quiet: socket.socket,
        take: Callable[[int, Said], None],
        tampered: Callable[[str], None],
        closed: Callable[[], None],
    ) -> None:
        link.setblocking(False)
        quiet.setblocking(False)
        self._link, self._quiet = link, quiet
        self._take, self._tampered, self._closed = take, tampered, closed
        self._assembler = Assembler()
        self._waiting: deque[bytes] = deque()
        """What came by the quiet way, and may be the next or not."""
        self._first: bytes | None = None
        """The first of these, if what should be before it had not come when it was looked for."""
        self._since = 0
        """Packets that have come by the other way since."""

    def hear(self, *, quietly: bool = False) -> bool:
        """Take what was sent, not for ever if somebody goes on and on.

        Returns whether more can come: the kernel still holds its end of the link.

        Parameters
        ----------
        quietly : bool
            Also what came by the quiet way alone; else only what goes before something by the
            other one.
        """
        for _ in range(_TURNS):
            # In this order: what was said before any of these is found by then.
            packets, is_open = _received(self._link, _AT_ONCE)
            if packets or quietly or self._waiting:
                quiet, quiet_open = _received(self._quiet, _MOST)
                self._waiting += quiet
                if is_open and not quiet_open:
                    self._closed()
            for packet in packets:
                self._hear_quiet(before=packet)
                self._add(packet)
            self._hear_quiet()
            if self._waiting:
                self._look_for_missing(len(packets))
            if not self._waiting:
                self._first = None
                return is_open
        return True

    def _look_for_missing(self, came: int) -> None:
        """What should be before what waits was sent before it: it comes at once, or never."""
        if self._waiting[0] is not self._first:
            self._first, self._since = self._waiting[0], 0
            return
        self._since += came
        if not came or self._since > _MOST:
            self._waiting.clear()
            self._tampered("a message is missing on the link to the recorder")

    def _hear_quiet(self, *, before: bytes | None = None) -> None:
        """Take what is next by the quiet way, and was not said after a packet by the other one."""
        while self._waiting and self._assembler.is_next(self._waiting[0]):
            if before is not None and _came_after(self._waiting[0], before):
                break
            self._add(self._waiting.popleft())

    def _add(self, packet: bytes) -> None:
        try:
            try:
                complete = self._assembler.add(packet)
            except messages.LinkTampered as error:
                self._tampered(f"{error} on the link to the recorder")
                complete = self._assembler.resume(packet)  # a kernel waits for its answer
            if complete is not None:
                number, body = complete
                self._take(number, messages.decode_said(body))
        except (ValueError, msgspec.MsgspecError) as error:
            self._tampered(f"{error} on the link to the recorder")


def _came_after(packet: bytes, other: bytes) -> bool:
    """Whether the sender of both said a packet after another."""
    (sender, number), (same, earlier) = messages.said_by(packet), messages.said_by(other)
    return sender == same and number > earlier


def _received(end: socket.socket, most: int) -> tuple[list[bytes], bool]:
    """The packets that wait, up to so many; and whether there may be more."""
    found: list[bytes] = []
    while len(found) < most:
        try:
            packet = end.recv(messages.PACKET_BYTES + 64)
        except BlockingIOError:
            return found, True
        except OSError:
            packet = b""
        if not packet:
            return found, False
        found.append(packet)
    return found, True
