"""One session: listens to the kernel and to the system, and writes down what happens."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import socket
import time
from collections.abc import Callable

from governed_kernel.errors import GovernedError
from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    Completeness,
    ObserverLost,
    SessionEnded,
    Transformation,
)
from governed_kernel.recorder import messages
from governed_kernel.recorder.accesses import Accesses
from governed_kernel.recorder.confinement import Confinement
from governed_kernel.recorder.early import EarlyWitness
from governed_kernel.recorder.line import Line
from governed_kernel.recorder.messages import Answer, Fault, Said, Status
from governed_kernel.recorder.processes import BEFORE, Cell, Processes, is_orphaned
from governed_kernel.recorder.reconciliation import Reconciler
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.recorder.restrictions import Restrictions
from governed_kernel.recorder.start import StartedKernel
from governed_kernel.recorder.survivors import end_survivors
from governed_kernel.recorder.watching import Watch
from governed_kernel.recorder.witness import Witness

__all__ = ["Session"]

_SECONDS_BETWEEN_LOOKS = 0.25
_SHARE_OF_ASKING = 10
"""So many times as long as it took nobody asks again what is restricted, while cells run."""
_MILLISECONDS_TO_COLLECT = 2
_MILLISECONDS_TO_SYNC = 250
_MILLISECONDS_AT_REST = 1000
_MOST_PENDING = 1000
_SECONDS_TO_VANISH = 0.5
_SECONDS_FOR_HASHING = 20.0


class Session:
    """The recorder's loop.

    Parameters
    ----------
    record : SessionRecord
        Where everything is written.
    kernel : StartedKernel
        The kernel.
    link, quiet : socket.socket
        The recorder's ends of the pairs that the kernel reports through.
    witness : Witness or None
        None where the system can't witness.
    lacks : str
        ``full``, or why less is witnessed.
    confinement : Confinement or None
        In release mode, what the kernel may reach.
    restrictions : Restrictions, optional
        In research, what the kernel's processes may not open.
    """

    def __init__(
        self,
        record: SessionRecord,
        kernel: StartedKernel,
        link: socket.socket,
        quiet: socket.socket,
        witness: Witness | None,
        lacks: str,
        confinement: Confinement | None,
        restrictions: Restrictions | None = None,
    ) -> None:
        self._record = record
        self._kernel = kernel
        self._link = link
        self._witness = witness
        self._lacks = lacks
        self._confinement = confinement
        self._restrictions = restrictions
        self._reconciler = Reconciler(lacks)
        self._processes = Processes(kernel.pid)
        self._line = Line(link, quiet, self._said, self._meddled, self._quiet_closed)
        self._accesses = Accesses(record, restrictions, self._lose)
        self._fault: Fault | None = None
        self._ended = False
        self._ask_again = 0.0
        """When it may be asked again what is restricted, while a cell runs."""
        self._parent = int(os.environ.get("JPY_PARENT_PID") or 0)
        self._handlers: dict[int, Callable[[], None]] = {}
        self._poll = select.poll()
        self._watching: Watch | None = None
        if witness is not None:
            self._watching = Watch(
                witness,
                record,
                self._reconciler,
                self._accesses,
                kernel,
                self._processes,
                restrictions,
                self._hear,
                self._lose,
            )
            self._watch(kernel.listener, self._watching.look)
        self._watch(link.fileno(), self._hear)
        self._watch(self._accesses.descriptor, self._accesses.take_digests)
        self._process = os.pidfd_open(kernel.pid)
        self._watch(self._process, self._kernel_ended)
        self._reconciler.started(BEFORE)

    def _watch(self, descriptor: int, handler: Callable[[], None]) -> None:
        self._handlers[descriptor] = handler
        self._poll.register(descriptor, select.POLLIN)

    def catch_up(self, early: EarlyWitness) -> None:
        """Look at what went on, and answer what waits, since the kernel began."""
        assert self._watching is not None
        self._watching.catch_up(early)

    # --- the loop ------------------------------------------------------------------------

    def run(self) -> int:
        """Record until the kernel ends; returns its wait status."""
        looked = time.monotonic()
        while not self._ended:
            # one call after another: how long to wait is only asked when there is none
            ready = self._poll.poll(0) or self._poll.poll(self._milliseconds_to_wait())
            if self._watching is not None:
                self._watching.is_said = len(ready) > 1
            for descriptor, happened in ready:
                if happened & select.POLLIN or descriptor not in self._handlers:
                    self._handlers[descriptor]()
                else:
                    self._lost(descriptor)
            if not ready or self._record.pending > _MOST_PENDING:
                self._record.flush()
            now = time.monotonic()
            if now - looked >= _SECONDS_BETWEEN_LOOKS:
                looked = now
                self._look_around(now)
        _, status = os.waitpid(self._kernel.pid, 0)
        return status

    def _milliseconds_to_wait(self) -> int:
        if self._record.pending:
            return _MILLISECONDS_TO_COLLECT
        busy = self._record.waits or self._processes.running
        return _MILLISECONDS_TO_SYNC if busy else _MILLISECONDS_AT_REST

    def _look_around(self, now: float) -> None:
        """What is due whether or not anything happens."""
        self._hear(quietly=True)
        self._record.sync_if_due()
        if self._processes.running and now >= self._ask_again:
            self._ask_meanwhile()
        if self._parent and is_orphaned(self._parent):
            self._kernel.end("the process that started the kernel is gone")

    def _ask_meanwhile(self) -> None:
        """Let what was withdrawn or forbidden since a cell began hold for the rest of it.

        Nothing is opened until the answer is there; so most of the time goes by without asking.
        """
        if self._restrictions is None:
            return
        begun = time.monotonic()
        # Where there is no answer, what was refused stays so, and the next cell is told why not.
        with contextlib.suppress(GovernedError):
            if self._restrictions.refresh() and self._witness is not None:
                self._witness.names.forget()
        ended = time.monotonic()
        self._ask_again = ended + _SHARE_OF_ASKING * (ended - begun)

    def _lost(self, descriptor: int) -> None:
        """The other end is closed: by the kernel's end, or by a cell that meddles."""
        try:
            self._poll.unregister(descriptor)
        except KeyError:
            return  # an answer that nobody took said so before
        if descriptor == self._link.fileno() and not self._kernel_is_over():
            self._meddled("the kernel closed its link to the recorder")

    def _kernel_is_over(self) -> bool:
        """Whether the kernel has ended, or is about to: it lets go of its files a little before."""
        return bool(select.select([self._process], [], [], _SECONDS_TO_VANISH)[0])

    def _kernel_ended(self) -> None:
        self._ended = True

    def _hear(self, *, quietly: bool = False) -> None:
        """Take every packet that the kernel has sent."""
        if not self._line.hear(quietly=quietly):
            self._lost(self._link.fileno())

    def _quiet_closed(self) -> None:
        # whether the kernel ends takes a while to see, and is of no interest after a fault
        if self._fault is None and not self._kernel_is_over():
            self._meddled("the kernel closed its link to the recorder")

    # --- what the kernel says ------------------------------------------------------------

    def _said(self, number: int, said: Said) -> None:
        for line in said.texts:
            self._record.text(line)
        for message in said.messages:
            self._take(number, message)

    def _take(self, number: int, message: messages.Message) -> None:
        match message:
            case CellStarted():
                self._answer(number, self._cell_started(message))
            case CellEnded():
                self._answer(number, self._cell_ended(message))
            case messages.StatusRequested():
                self._answer(number, self._record.flush(), self.status())
            case Access():
                self._reconciler.observed(message, self._accesses.accept(message))
            case _:
                if isinstance(message, Transformation):
                    self._accesses.transformed(message)
                self._record.add(message)

    def _answer(self, number: int, fault: Fault | None, status: Status | None = None) -> None:
        if fault is not None and fault.final:
            self._meddled(fault.why)
        answer = messages.encode(Answer(number, self._fault or fault, status))
        try:
            self._link.send(answer)
        except BlockingIOError:
            self._meddled("answers to the kernel are not read")
        except OSError:
            self._lost(self._link.fileno())

    def _cell_started(self, event: CellStarted) -> Fault | None:
        cell = Cell(event.execution, event.cell_id)
        if cell in self._processes.running:
            self._meddled(f"cell {cell.execution} was started twice")
        if self._restrictions is not None:
            try:
                self._restrictions.refresh()
            except GovernedError as error:
                return Fault(error.what, error.why, error.next)
        if self._witness is not None:
            self._witness.names.forget()  # others change files between two cells
        if self._watching is not None:
            self._watching.judge()
        self._settle()
        self._record.add(event)
        self._processes.started(cell)
        self._reconciler.started(cell)
        fault = self._record.flush()
        if fault is not None:  # it is not run
            self._processes.ended(cell)
            refused = CellEnded(execution=cell.execution, cell_id=cell.cell_id, status="abort")
            self._record.add(refused)
        return fault

    def _cell_ended(self, event: CellEnded) -> Fault | None:
        cell = Cell(event.execution, event.cell_id)
        if cell not in self._processes.running:
            self._meddled(f"cell {cell.execution} ended without running")
            return None
        self._processes.ended(cell)
        if self._witness is not None:
            self._witness.names.forget()  # what is opened from now on is no longer this cell's
        self._settle()
        self._record.add(event)
        self._record.add(self._completeness())
        return self._record.settle()

    def _settle(self) -> None:
        """Record what nobody explained, and what files hold now."""
        settled = self._reconciler.settle(self._processes.running)
        for witnessed in settled.again:
            self._record.add(witnessed)
        for access in settled.unexplained:
            self._accesses.accept(access)
        self._accesses.settle()

    def status(self) -> Status:
        """How this session is, for ``%governed status``."""
        reconciler = self._reconciler
        return Status(
            session_id=self._record.session,
            mode="release" if self._confinement else "research",
            journal=str(self._record.path),
            witness=self._lacks,
            records=self._record.head.records,
            witnessed=reconciler.witnessed,
            explained=reconciler.explained,
            unexplained=reconciler.unexplained,
            environment=self._witness.environment if self._witness else 0,
        )

    def _completeness(self) -> Completeness:
        return self._reconciler.completeness(self._witness.environment if self._witness else 0)

    # --- what goes wrong -----------------------------------------------------------------

    def _lose(self, observer: str, name: str, text: str) -> None:
        running = self._processes.running
        cell = running[-1] if running else BEFORE
        self._record.add(
            ObserverLost(
                execution=cell.execution,
                cell_id=cell.cell_id,
                observer=observer,
                error_name=name,
                error=self._record.payload(text),
            )
        )

    def _meddled(self, what: str) -> None:
        """Someone works against the record: nothing more runs, and a release ends at once."""
        if self._fault is not None:
            return
        self._lose("link", "LinkTampered", what)
        self._record.flush()
        self._fault = Fault(
            "this session is recorded no longer",
            what,
            "restart the kernel; nothing more runs in this one",
            final=True,
        )
        if self._confinement is not None:
            self._kernel.end(what)

    # --- the end -------------------------------------------------------------------------

    def finish(self, status: int) -> str:
        """Write the last records and seal; returns what went wrong, or nothing."""
        patience = math.inf if self._confinement else _SECONDS_FOR_HASHING
        deadline = time.monotonic() + patience
        if self._restrictions is not None:
            self._restrictions.close()
        ended = end_survivors(lambda: self._drain(0))
        self._drain(0)
        self._hear(quietly=True)
        for cell in self._processes.running:
            self._processes.ended(cell)
            died = CellEnded(execution=cell.execution, cell_id=cell.cell_id, status="died")
            self._record.add(died)
        self._settle()
        self._accesses.finish(deadline)
        self._record.add(self._completeness())
        code = os.waitstatus_to_exitcode(status)
        self._record.add(SessionEnded(exit_status=code, reason=self._why(code, ended)))
        return self._record.seal()

    def _drain(self, wait: int) -> None:
        """Handle what is still waiting in the sockets."""
        while True:
            ready = [
                (descriptor, happened)
                for descriptor, happened in self._poll.poll(wait)
                if happened & select.POLLIN and self._handlers[descriptor] != self._kernel_ended
            ]
            if not ready:
                return
            for descriptor, _ in ready:
                self._handlers[descriptor]()

    def _why(self, code: int, ended: int) -> str:
        reasons = [self._kernel.reason] if self._kernel.reason else []
        if code < 0:
            reasons.append(f"killed by {signal.Signals(-code).name}")
        if self._fault is not None and self._fault.why not in reasons:
            reasons.append(self._fault.why)
        if ended:
            reasons.append(f"{ended} processes outlived the kernel and were ended")
        return "; ".join(reasons)
