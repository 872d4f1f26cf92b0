"""The kernel's end of the line to its recorder; the observers' pen."""

from __future__ import annotations

import contextlib
import contextvars
import os
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from governed_kernel.capture.emitter import THREAD_CELL, Cell, Decision, ObservedEvent
from governed_kernel.errors import GovernedError, RecorderLost, ResourceMissing
from governed_kernel.kernel.remembered import MADE
from governed_kernel.lineage.events import CellEnded, CellStarted, Operation, PayloadDigest
from governed_kernel.lineage.journal import payload_of
from governed_kernel.recorder import messages
from governed_kernel.recorder.messages import Answer, Status

__all__ = ["RECORDER_VARIABLE", "Decide", "RecorderLink"]

RECORDER_VARIABLE = "GOVERNED_RECORDER_FD"
_ANSWER_BYTES = 65_536
_BEFORE = Cell(0, "")

Decide = Callable[[Operation, str], Decision]


class RecorderLink:
    """Sends events to the recorder, in order, from any thread and from forked children.

    Sending blocks when the recorder is behind, so nothing is lost; an interrupt waits until a
    message is whole. `begin` and `end` return when the recorder has written what came before.

    Parameters
    ----------
    connection : socket.socket
        This end of the ``SOCK_SEQPACKET`` pair.
    decide : callable
        Asks policy about an access.
    cell : Cell
        What is running when it begins.
    child : bool
        Whether this process is not the kernel itself.
    """

    def __init__(
        self,
        connection: socket.socket,
        decide: Decide,
        *,
        cell: Cell = _BEFORE,
        child: bool = False,
    ) -> None:
        self._connection = connection
        self._decide = decide
        self._local = contextvars.ContextVar[Cell]("governed_cell")
        self._latest = cell
        self._lost: GovernedError | None = None
        self._socket = _identity(connection.fileno())
        self._in_child = child
        self._forget_parent()
        os.register_at_fork(after_in_child=self._begin_in_child)

    def _begin_in_child(self) -> None:
        self._in_child = True
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

    @classmethod
    def from_environment(cls, decider: Callable[[], Decide]) -> RecorderLink:
        """The link that the recorder left for its kernel, deciding as `decider` says.

        Raises
        ------
        RecorderLost
            There is none: the kernel was not started by a recorder.
        """
        try:
            descriptor = int(os.environ.pop(RECORDER_VARIABLE))
            os.set_inheritable(descriptor, False)
            connection = socket.socket(fileno=descriptor)
            if connection.family != socket.AF_UNIX or connection.type != socket.SOCK_SEQPACKET:
                raise OSError("the descriptor is no link")
        except (KeyError, ValueError, OSError) as error:
            raise RecorderLost(
                "this kernel has no recorder",
                why="it was not started by one, and nothing may run unrecorded",
                next="start the kernel 'governed-research' from a Jupyter client",
            ) from error
        return cls(connection, decider())

    # --- the observers' side: `capture.emitter.Emitter` ------------------------------------

    def emit(self, event: ObservedEvent) -> None:
        """Send an observer's event; blocks rather than lose it."""
        self._send(event)
        MADE.add(event)

    def cell(self) -> Cell:
        """The cell of this thread or task, else the one that started it, else the latest."""
        found = self._local.get(None)
        if found is not None:
            return found
        inherited = getattr(threading.current_thread(), THREAD_CELL, None)
        return inherited if isinstance(inherited, Cell) else self._latest

    def payload(self, text: str) -> PayloadDigest:
        """Hand erasable text to the recorder; returns what events carry instead."""
        digest, line = payload_of(text)
        self._texts.append(line)  # it goes with the message that names it
        return digest

    def decide(self, operation: Operation, path: str) -> Decision:
        """Ask policy whether `operation` on `path` may happen."""
        return self._decide(operation, path)

    def heir(self) -> Any:
        """What lets a Python process that is started anew report here as well."""
        from governed_kernel.kernel.heirs import Heir

        return Heir(self)

    def fileno(self) -> int:
        """The descriptor of this end."""
        return self._connection.fileno()

    # --- the kernel's side -----------------------------------------------------------------

    def begin(self, cell: Cell, source: str, *, silent: bool) -> contextvars.Token[Cell]:
        """Announce a cell; returns when that is on record. Give the token to `end`.

        Raises
        ------
        RecorderLost
            There is no recorder any more, or this session is recorded no longer.
        ResourceMissing
            The recorder can't write.
        """
        self._ask(
            CellStarted(
                execution=cell.execution,
                cell_id=cell.cell_id,
                source=self.payload(source),
                silent=silent,
            )
        )
        self._latest = cell
        return self._local.set(cell)

    def end(self, event: CellEnded, token: contextvars.Token[Cell]) -> None:
        """Announce a cell's end; returns when everything about it is on record."""
        try:
            self._ask(event)
        finally:
            self._local.reset(token)

    def status(self) -> Status:
        """How the recorder is."""
        status = self._ask(messages.StatusRequested()).status
        if status is None:
            raise self._lose("the recorder's answer makes no sense")
        return status

    def follow_threads(self) -> None:
        """Let every thread started from now on know the cell that started it."""
        start = threading.Thread.start

        def start_in_cell(thread: threading.Thread) -> None:
            thread.__dict__[THREAD_CELL] = self.cell()
            start(thread)

        start_in_cell.__doc__ = start.__doc__
        start_in_cell.__name__, start_in_cell.__qualname__ = start.__name__, start.__qualname__
        start_in_cell.__module__ = start.__module__
        threading.Thread.start = start_in_cell  # type: ignore[method-assign, assignment]

    # --- the wire --------------------------------------------------------------------------

    def _send(self, message: messages.Message) -> int:
        """Send a whole message; returns its number, or 0 when it waits behind another.

        Whatever is raised meanwhile (an interrupt, a user's alarm) is raised afterwards. The
        steps are such that each may be done twice: the recorder drops a packet that it has.
        """
        parcel = _Parcel(messages.encode(message))
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
            body = messages.encode_said(parcel.texts, parcel.body)
            parcel.packets = messages.packets(self._sender, self._number + 1, body)
        for text in parcel.texts:
            if self._texts and self._texts[0] is text:
                del self._texts[0]
        try:
            while parcel.packets:
                self._connection.send(parcel.packets[0])
                del parcel.packets[0]
        except OSError as error:
            raise self._lose(str(error)) from error
        self._number += 1
        parcel.number = self._number

    def _ask(self, message: messages.Message) -> Answer:
        """Send a request and wait for its answer."""
        found: list[Answer] = []
        with self._asking:
            number = self._send(message)
            _undisturbed(lambda: self._receive(number, found))
        fault = found[0].fault
        if fault is None:
            return found[0]
        if fault.final:
            raise self._lose(fault.why, fault.what)
        raise ResourceMissing(fault.what, fault.why, fault.next)

    def _receive(self, number: int, found: list[Answer]) -> None:
        """Wait for the answer of that number; older ones were given up.

        An answer is looked at before it is taken out, so that being disturbed loses none.
        """
        while not found:
            try:
                data = self._connection.recv(_ANSWER_BYTES, socket.MSG_PEEK)
                answer = messages.decode_answer(data)
            except (OSError, msgspec.MsgspecError) as error:
                raise self._lose(str(error)) from error
            if answer.number >= number:
                found.append(answer)
            with contextlib.suppress(BlockingIOError):
                self._connection.recv(_ANSWER_BYTES, socket.MSG_DONTWAIT)

    def _lose(self, why: str, what: str = "this session has lost its recorder") -> RecorderLost:
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

    __slots__ = ("body", "number", "packets", "texts")

    def __init__(self, body: bytes) -> None:
        self.body = body
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
