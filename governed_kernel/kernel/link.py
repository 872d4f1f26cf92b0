"""The kernel's end of the line to its recorder; the observers' pen."""

from __future__ import annotations

import contextvars
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from governed_kernel.capture.emitter import THREAD_CELL, Cell, Decision, ObservedEvent
from governed_kernel.errors import GovernedError, RecorderLost
from governed_kernel.kernel.remembered import MADE
from governed_kernel.kernel.wire import Wire
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
_BEFORE = Cell(0, "")

Decide = Callable[[Operation, str], Decision]


class RecorderLink:
    """Tells the recorder of cells and of what observers see, from any thread and forked children.

    `confirm` and `ended` return when the recorder has written what came before.

    While a cell runs, steps whose results are in memory wake nobody: the recorder takes them with
    what it must know at once (an access, the end), and a few times a second. They have left the
    kernel by then, which may be killed.

    Parameters
    ----------
    connection : socket.socket
        This end of the ``SOCK_SEQPACKET`` pair.
    decide : callable
        Asks policy about an access.
    quiet : socket.socket, optional
        This end of the pair that does not wake the recorder.
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
        quiet: socket.socket | None = None,
        cell: Cell = _BEFORE,
        child: bool = False,
    ) -> None:
        self._wire = Wire(connection, quiet, child=child)
        self._decide = decide
        self._local = contextvars.ContextVar[Cell]("governed_cell")
        self._latest = cell
        self._cells: dict[Cell, int | GovernedError | None] = {}
        """The cells that run: the number of the announcement until it is answered, why a cell was
        refused, None once its start is on record."""
        os.register_at_fork(after_in_child=self._begin_in_child)

    def _begin_in_child(self) -> None:
        self._cells = {}

    @classmethod
    def from_environment(cls, decider: Callable[[], Decide]) -> RecorderLink:
        """The link that the recorder left for its kernel, deciding as `decider` says.

        Raises
        ------
        RecorderLost
            There is none: the kernel was not started by a recorder.
        """
        try:
            link, quiet = map(_end, os.environ.pop(RECORDER_VARIABLE).split())
        except (KeyError, ValueError, OSError) as error:
            raise RecorderLost(
                "this kernel has no recorder",
                why="it was not started by one, and nothing may run unrecorded",
                next="start the kernel 'governed-research' from a Jupyter client",
            ) from error
        return cls(link, decider(), quiet=quiet)

    # --- the observers' side: `capture.emitter.Emitter` ------------------------------------

    def emit(self, event: ObservedEvent) -> None:
        """Send an observer's event; blocks rather than lose it."""
        step = isinstance(event, Transformation) and _stays_in_memory(event)
        self._wire.send(event, quietly=step and bool(self._cells))
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
        self._wire.text(line)
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
        return self._wire.fileno()

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
        self._cells[cell] = self._wire.request(started)
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
            number, state = state, self._wire.error_of(self._wire.answer(state))
            self._cells[cell] = state
            self._wire.forget(number)
        if isinstance(state, GovernedError):
            raise state

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
            return self._wire.request(event)
        finally:
            self._cells.pop(self.cell(), None)
            self._local.reset(token)

    def ended(self, number: int) -> None:
        """Return when everything about the cell whose end has that number is on record.

        Raises
        ------
        RecorderLost
            There is no recorder any more, or this session is recorded no longer.
        ResourceMissing
            The recorder can't write.
        """
        self._answered(number)

    def status(self) -> Status:
        """How the recorder is."""
        status = self._answered(self._wire.request(messages.StatusRequested())).status
        if status is None:
            raise self._wire.lose("the recorder's answer makes no sense")
        return status

    def _answered(self, number: int) -> Answer:
        """The answer to a request; raises what the recorder says went wrong."""
        answer = self._wire.answer(number)
        self._wire.forget(number)
        error = self._wire.error_of(answer)
        if error is not None:
            raise error
        return answer

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


def _end(descriptor: str) -> socket.socket:
    """The kernel's end of a pair, for itself alone.

    Raises
    ------
    OSError
        It is none.
    """
    number = int(descriptor)
    os.set_inheritable(number, False)
    end = socket.socket(fileno=number)
    if end.family != socket.AF_UNIX or end.type != socket.SOCK_SEQPACKET:
        raise OSError("the descriptor is no link")
    return end


def _stays_in_memory(event: Transformation) -> bool:
    """Whether what a step made is nowhere else; what it read has been told by its access."""
    return all(thing.entity.startswith("memory:") for thing in event.outputs)
