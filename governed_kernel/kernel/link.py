"""The kernel's end of the line to its recorder; the observers' pen."""

from __future__ import annotations

import contextlib
import contextvars
import os
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from governed_kernel.capture.emitter import THREAD_CELL, Cell, Decision, ObservedEvent
from governed_kernel.errors import GovernedError, RecorderLost, ResourceMissing
from governed_kernel.kernel.remembered import MADE
from governed_kernel.lineage.events import (
    CellEnded,
    CellStarted,
    Operation,
    PayloadDigest,
    Transformation,
)
from governed_kernel.lineage.journal import payload_of
from governed_kernel.recorder import messages
from governed_kernel.recorder.messages import Answer, Status

__all__ = ["RECORDER_VARIABLE", "Decide", "RecorderLink"]

RECORDER_VARIABLE = "GOVERNED_RECORDER_FD"
_ANSWER_BYTES = 65_536
_MOST_HELD = 64
_SECONDS_HELD = 0.25
_BEFORE = Cell(0, "")

Decide = Callable[[Operation, str], Decision]


class RecorderLink:
    """Sends events to the recorder, in order, from any thread and from forked children.

    Sending blocks when the recorder is behind, so nothing is lost; an interrupt waits until a
    message is whole. `confirm` and `ended` return when the recorder has written what came before.

    Waking the recorder costs the cell more than most steps do. So while a cell runs, steps whose
    results are in memory wait for what may not: an access, the next statement, a fork, the end.
    What is held by a kernel that is killed in the middle of a statement is lost with its memory.

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
        os.register_at_fork(before=self._deliver_all_the_same, after_in_child=self._begin_in_child)

    def _deliver_all_the_same(self) -> None:
        with contextlib.suppress(GovernedError):  # the next cell says that the recorder is lost
            self.deliver()

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
        self._held: list[bytes] = []
        self._held_since = 0.0
        self._cells: dict[Cell, int | GovernedError | None] = {}
        """The cells that run: the number of the announcement until it is answered, why a cell was
        refused, None once its start is on record."""
        self._ends: set[int] = set()
        """The numbers of the cells' ends that are announced and not answered."""
        self._answers: dict[int, Answer] = {}

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
        """Send an observer's event, or hold it for a moment; blocks rather than lose it."""
        if self._cells and isinstance(event, Transformation) and _stays_in_memory(event):
            self._hold(event)
        else:
            self._send(event)
        MADE.add(event)

    def _hold(self, event: Transformation) -> None:
        if not self._held:
            self._held_since = time.monotonic()
        self._held.append(messages.encode(event))
        late = time.monotonic() - self._held_since > _SECONDS_HELD
        if late or len(self._held) >= _MOST_HELD or not self._cells:  # its cell has just ended
            self.deliver()

    def deliver(self) -> None:
        """Send what is held."""
        if self._held:
            self._send(None)

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
        """Announce a cell, which may run once `confirm` returns. Give the token to `end`.

        Raises
        ------
        RecorderLost
            There is no recorder any more, or this session is recorded no longer.
        """
        started = CellStarted(
            execution=cell.execution,
            cell_id=cell.cell_id,
            source=self.payload(source),
            silent=silent,
        )
        with self._asking:
            self._cells[cell] = self._send(started)
        self._latest = cell
        return self._local.set(cell)

    def confirm(self) -> None:
        """Return when the start of the calling thread's cell is on record.

        Raises
        ------
        RecorderLost
            There is no recorder any more, or this session is recorded no longer.
        ResourceMissing
            The recorder can't write.
        """
        cell = self.cell()
        state = self._cells.get(cell)
        if isinstance(state, int):
            number = state
            with self._asking:
                _undisturbed(lambda: self._settle(cell, number))
            state = self._cells.get(cell)
        if isinstance(state, GovernedError):
            raise state

    def _settle(self, cell: Cell, number: int) -> None:
        """Note what the recorder answered to a cell's announcement."""
        if self._cells.get(cell) == number:  # else a disturbance came just after it was noted
            self._receive(number)
            self._cells[cell] = self._error_of(self._answers[number])
        self._answers.pop(number, None)

    def end(self, event: CellEnded, token: contextvars.Token[Cell]) -> int:
        """Announce a cell's end; returns what to give to `ended`, which says that it is on record.

        Raises
        ------
        RecorderLost
            There is no recorder any more, or this session is recorded no longer.
        ResourceMissing
            The cell's start could not be written, so it was not run.
        """
        try:
            self.confirm()  # code that could not be compiled was not run
            with self._asking:
                number = self._send(event)
                self._ends.add(number)
        finally:
            self._cells.pop(self.cell(), None)
            self._local.reset(token)
            self._deliver_all_the_same()  # what another thread did while the end was announced
        return number

    def ended(self, number: int) -> None:
        """Return when everything about the cell whose end has that number is on record.

        Raises
        ------
        RecorderLost
            There is no recorder any more, or this session is recorded no longer.
        ResourceMissing
            The recorder can't write.
        """
        with self._asking:
            error = self._error_of(self._answer_to(number))
            self._ends.discard(number)
        if error is not None:
            raise error

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

    def _send(self, message: messages.Message | None) -> int:
        """Send what is held, and a message; returns its number, or 0 if it waits behind another.

        Whatever is raised meanwhile (an interrupt, a user's alarm) is raised afterwards. The
        steps are such that each may be done twice: the recorder drops a packet that it has.
        """
        parcel = _Parcel([] if message is None else [messages.encode(message)])
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
            self._held.clear()
            return
        while self._waiting:
            self._deliver(self._waiting[0])
            if self._waiting[0].number:
                del self._waiting[0]

    def _deliver(self, parcel: _Parcel) -> None:
        if parcel.number:
            return
        if parcel.packets is None:
            parcel.texts, parcel.held = tuple(self._texts), tuple(self._held)
            body = messages.encode_said(parcel.texts, [*parcel.held, *parcel.own])
            parcel.packets = messages.packets(self._sender, self._number + 1, body)
        for taken, kept in ((parcel.texts, self._texts), (parcel.held, self._held)):
            for each in taken:
                if kept and kept[0] is each:
                    del kept[0]
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
        with self._asking:
            answer = self._answer_to(self._send(message))
        error = self._error_of(answer)
        if error is not None:
            raise error
        return answer

    def _answer_to(self, number: int) -> Answer:
        """Wait for the answer to a message; each can be had once."""
        found: list[Answer] = []

        def receive() -> None:
            if not found:
                self._receive(number)
                found.append(self._answers[number])
            self._answers.pop(number, None)

        _undisturbed(receive)
        return found[0]

    def _error_of(self, answer: Answer) -> GovernedError | None:
        """What the recorder says went wrong."""
        fault = answer.fault
        if fault is None:
            return None
        if fault.final:
            return self._lose(fault.why, fault.what)
        return ResourceMissing(fault.what, fault.why, fault.next)

    def _receive(self, number: int) -> None:
        """Take answers until that one; older ones that nobody waits for were given up.

        An answer is looked at before it is taken out, so that being disturbed loses none.
        """
        while number not in self._answers:
            try:
                data = self._connection.recv(_ANSWER_BYTES, socket.MSG_PEEK)
                answer = messages.decode_answer(data)
            except (OSError, msgspec.MsgspecError) as error:
                raise self._lose(str(error)) from error
            if answer.number in (number, *self._ends, *list(self._cells.values())):
                self._answers[answer.number] = answer
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


def _stays_in_memory(event: Transformation) -> bool:
    """Whether what a step made is nowhere else; what it read has been told by its access."""
    return all(thing.entity.startswith("memory:") for thing in event.outputs)


class _Parcel:
    """A message on its way: its packets that are not sent yet, and its number when all are."""

    __slots__ = ("held", "number", "own", "packets", "texts")

    def __init__(self, own: list[bytes]) -> None:
        self.own = own
        self.number = 0
        self.packets: list[bytes] | None = None
        self.texts: tuple[bytes, ...] = ()
        self.held: tuple[bytes, ...] = ()


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
