"""Messages to the recorder and its answers: whole, in order, from any thread and after a fork."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable

import msgspec

from governed_kernel.errors import GovernedError, RecorderLost, ResourceMissing
from governed_kernel.recorder import messages
from governed_kernel.recorder.messages import Answer

__all__ = ["Wire"]

_ANSWER_BYTES = 65_536


class Wire:
    """The kernel's ends of the pairs of sockets.

    Sending blocks when the recorder is behind, so nothing is lost; an interrupt waits until a
    message is whole. A message may go by a second, quiet pair, since waking the recorder costs the
    sender more than most of what it is told. The recorder puts both in order by their numbers.

    Parameters
    ----------
    connection : socket.socket
        This end of the ``SOCK_SEQPACKET`` pair.
    quiet : socket.socket, optional
        This end of the quiet one; it is the kernel's alone, and no child's.
    child : bool
        Whether this process is not the kernel itself.
    """

    def __init__(
        self, connection: socket.socket, quiet: socket.socket | None = None, *, child: bool = False
    ) -> None:
        self._connection = connection
        self._quiet = quiet
        self._lost: GovernedError | None = None
        self._socket = _identity(connection.fileno())
        self._in_child = child
        self._forget_parent()
        os.register_at_fork(after_in_child=self._begin_in_child)

    def _begin_in_child(self) -> None:
        self._in_child = True
        if self._quiet is not None:
            self._quiet.close()
            self._quiet = None
        self._forget_parent()

    def _forget_parent(self) -> None:
        """A forked child is a sender of its own; a lock that its parent held is not its lock."""
        self._sender = int.from_bytes(secrets.token_bytes(8), "little")
        self._number = 0
        self._sending = threading.RLock()
        self._asking = threading.Lock()
        self._busy = False
        self._waiting: deque[_Parcel] = deque()
        self._texts: list[bytes] = []
        self._awaited: set[int] = set()
        self._answers: dict[int, Answer] = {}

    def fileno(self) -> int:
        """The descriptor of this end."""
        return self._connection.fileno()

    # --- what is said ----------------------------------------------------------------------

    def text(self, line: bytes) -> None:
        """Have a line for the payload file go with the next message, which names it."""
        self._texts.append(line)

    def send(self, message: messages.Message, *, quietly: bool = False) -> int:
        """Send a message; returns its number, or 0 if it waits behind another.

        Whatever is raised meanwhile (an interrupt, a user's alarm) is raised afterwards. The
        steps are such that each may be done twice: the recorder drops a packet that it has.

        Raises
        ------
        RecorderLost
            There is no recorder any more, or this session is recorded no longer.
        """
        parcel = _Parcel(messages.encode(message), quietly and self._quiet is not None)
        with self._sending:
            if self._busy:  # a signal's handler or a finaliser, in the middle of another message
                self._waiting.append(parcel)
                return 0
            self._busy = True
            try:
                self._waiting.appendleft(parcel)
                _undisturbed(self._deliver_all)
            finally:
                self._busy = False
        return parcel.number

    def _deliver_all(self) -> None:
        if self._lost is not None:
            raise self._lost
        if self._in_child and _identity(self._connection.fileno()) != self._socket:
            # It let go of its files, as one does between fork and exec: the number may be another
            # file's now. The kernel is still recorded, and of this child the witness tells.
            self._waiting.clear()
            self._texts.clear()
            return
        while self._waiting:
            self._deliver(self._waiting[0])
            if self._waiting[0].number:
                del self._waiting[0]

    def _deliver(self, parcel: _Parcel) -> None:
        if parcel.number:
            return
        if parcel.packets is None:
            parcel.texts = tuple(self._texts)
            body = messages.encode_said(parcel.texts, [parcel.message])
            packets = messages.packets(self._sender, self._number + 1, body)
            parcel.quietly = parcel.quietly and len(packets) == 1
            parcel.packets = packets
        for each in parcel.texts:
            if self._texts and self._texts[0] is each:
                del self._texts[0]
        try:
            while parcel.packets:
                if not (parcel.quietly and self._sent_quietly(parcel.packets[0])):
                    self._connection.send(parcel.packets[0])
                del parcel.packets[0]
        except OSError as error:
            raise self.lose(str(error)) from error
        self._number += 1
        parcel.number = self._number

    def _sent_quietly(self, packet: bytes) -> bool:
        """Whether a packet lies where the recorder will find it; else it must be woken."""
        try:
            return self._quiet is not None and bool(self._quiet.send(packet, socket.MSG_DONTWAIT))
        except OSError:  # there is no more room, or somebody closed it, which the recorder sees
            return False

    # --- what is asked ---------------------------------------------------------------------

    def request(self, message: messages.Message) -> int:
        """Send what the recorder answers; returns its number, for `answer`.

        Raises
        ------
        RecorderLost
            As `send`.
        """
        with self._asking:
            number = self.send(message)
            self._awaited.add(number)
        return number

    def answer(self, number: int) -> Answer:
        """Wait for the answer to a request; it can be had until `forget`, interrupted or not.

        Raises
        ------
        RecorderLost
            There is no recorder any more, or what it says makes no sense.
        """
        with self._asking:
            _undisturbed(lambda: self._receive(number))
            return self._answers[number]

    def forget(self, number: int) -> None:
        """Nobody will ask for this answer any more."""
        self._awaited.discard(number)
        self._answers.pop(number, None)

    def _receive(self, number: int) -> None:
        """Take answers until that one; older ones that nobody waits for were given up.

        An answer is looked at before it is taken out, so that being disturbed loses none.
        """
        while number not in self._answers:
            try:
                data = self._connection.recv(_ANSWER_BYTES, socket.MSG_PEEK)
                answer = messages.decode_answer(data)
            except (OSError, msgspec.MsgspecError) as error:
                raise self.lose(str(error)) from error
            if answer.number == number or answer.number in self._awaited:
                self._answers[answer.number] = answer
            with contextlib.suppress(BlockingIOError):
                self._connection.recv(_ANSWER_BYTES, socket.MSG_DONTWAIT)

    # --- what goes wrong -------------------------------------------------------------------

    def error_of(self, answer: Answer) -> GovernedError | None:
        """What the recorder says went wrong."""
        fault = answer.fault
        if fault is None:
            return None
        if fault.final:
            return self.lose(fault.why, fault.what)
        return ResourceMissing(fault.what, fault.why, fault.next)

    def lose(self, why: str, what: str = "this session has lost its recorder") -> RecorderLost:
        """Send nothing from now on; returns what is to be raised."""
        self._waiting.clear()
        self._lost = RecorderLost(
            what,
            why=why,
            next="save your work and restart the kernel; nothing more runs in this one",
        )
        return self._lost


def _identity(descriptor: int) -> tuple[int, int] | None:
    """Which file or socket a descriptor leads to."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Parcel:
    """A message on its way: its packets that are not sent yet, and its number when all are."""

    __slots__ = ("message", "number", "packets", "quietly", "texts")

    def __init__(self, message: bytes, quietly: bool) -> None:
        self.message = message
        self.quietly = quietly
        self.number = 0
        self.packets: list[bytes] | None = None
        self.texts: tuple[bytes, ...] = ()


def _undisturbed(work: Callable[[], None]) -> None:
    """Do `work`, which may be done again, to its end; what disturbs it is raised afterwards."""
    disturbance: BaseException | None = None
    while True:
        try:
            work()
            break
        except GovernedError:
            raise
        except BaseException as error:
            disturbance = error
    if disturbance is not None:
        raise disturbance
