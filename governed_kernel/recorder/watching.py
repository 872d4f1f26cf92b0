"""What the witness sees, credited to cells, held against what is explained, and written down."""

from __future__ import annotations

from collections.abc import Callable

from governed_kernel.lineage.events import Access, now
from governed_kernel.recorder import paths
from governed_kernel.recorder.accesses import Accesses
from governed_kernel.recorder.early import EarlyWitness
from governed_kernel.recorder.processes import Cell, Credit, Processes
from governed_kernel.recorder.reconciliation import Reconciler
from governed_kernel.recorder.record import SessionRecord
from governed_kernel.recorder.restrictions import Restriction, Restrictions
from governed_kernel.recorder.seccomp import Notification
from governed_kernel.recorder.sightings import Sighting
from governed_kernel.recorder.start import StartedKernel
from governed_kernel.recorder.witness import Witness

__all__ = ["Watch"]


class Watch:
    """Looks at one call after another with the witness.

    Parameters
    ----------
    witness : Witness
        Answers the calls.
    record, reconciler, accesses
        Where what was seen is written down, held against what is explained, and followed.
    kernel : StartedKernel
        The kernel, which ends where it read what is denied.
    processes : Processes
        Know whose doing a call is.
    restrictions : Restrictions or None
        What may not be opened.
    hear : callable
        Takes what the kernel has said by now.
    lose : callable
        Told where a call can't be looked at: who failed, the error's name, and its text.
    """

    def __init__(
        self,
        witness: Witness,
        record: SessionRecord,
        reconciler: Reconciler,
        accesses: Accesses,
        kernel: StartedKernel,
        processes: Processes,
        restrictions: Restrictions | None,
        hear: Callable[[], None],
        lose: Callable[[str, str, str], None],
    ) -> None:
        self._witness = witness
        self._record = record
        self._reconciler = reconciler
        self._accesses = accesses
        self._kernel = kernel
        self._processes = processes
        self._restrictions = restrictions
        self._hear = hear
        self._lose = lose
        self._begun = False
        self.is_said = True
        """Whether more than a call may wait. The link is looked at after the listener: nothing is
        in it that was said before a call which is found alone."""
        self._credit: Credit | None = None
        """Whose doing what the witness looks at is."""
        self._moment = now()
        """When that was."""
        witness.before_it_goes_on = self._find_out_whose
        witness.main_thread = kernel.pid
        witness.settings.may_regulate = processes.regulates

    def catch_up(self, early: EarlyWitness) -> None:
        """Look at what went on, and answer what waits, since the kernel began."""
        self._begun = early.executed
        for notification, path in early.opened:
            try:
                self._saw_late(self._witness.late(notification, path))
            except (OSError, ValueError) as error:
                self._lose("witness", type(error).__name__, str(error))
        for notification in early.waiting:
            if self._kernel.reason:
                return  # it is being killed: nothing of it goes on
            self.look(notification)

    def look(self, notification: Notification | None = None) -> None:
        """Let the witness look at a notification, by default at the next."""
        witness = self._witness
        try:
            notification = notification or witness.receive()
            if notification is None:
                return
            if self.is_said:
                self._hear()  # the cell that it works for may have been announced a moment ago
            self._credit = None
            sightings = witness.examine(notification)
        except (OSError, ValueError) as error:
            self._lose("witness", type(error).__name__, str(error))
            return
        for sighting in sightings:
            for one in (sighting, *self._reconciler.moved_with(sighting)):
                self._saw(one, self._credit)
        known = self._restrictions is not None and self._restrictions.is_known
        if known and witness.unjudged:
            self.judge()

    def judge(self) -> None:
        """Look again at what was opened before it was known what is restricted."""
        self._saw_late(self._witness.judged())

    def _saw_late(self, sightings: list[Sighting]) -> None:
        """What had to go on before anybody could say no.

        A session in which that was denied data ends: what would carry it out comes later.
        """
        self._moment = now()
        for sighting in sightings:
            self._saw(sighting)
            if sighting.denied is not None:
                self._kernel.end(f"{sighting.path} was read before it could be refused")

    def _find_out_whose(self, thread: int, executes: bool) -> None:
        self._moment = now()  # before what the caller says of what it is about to do
        self._credit = self._processes.credit(thread, starts=executes)

    def _saw(self, sighting: Sighting, credit: Credit | None = None) -> None:
        if not self._begun and (sighting.thread, sighting.operation) == (
            self._kernel.pid,
            "execute",
        ):
            self._begun = True  # the recorder's own act
            return
        self._accesses.saw(sighting)
        cell, certain, process = credit or self._processes.credit(sighting.thread)
        if sighting.denied is not None:
            self._refused(sighting, sighting.denied, cell, certain)
            return
        witnessed = self._reconciler.witnessed_one(
            sighting, cell, certain=certain, process=process, moment=self._moment
        )
        if witnessed is not None:
            self._record.add(witnessed)

    def _refused(self, sighting: Sighting, why: Restriction, cell: Cell, certain: bool) -> None:
        """Put an open on record that the witness refused."""
        self._accesses.accept(
            Access(
                execution=cell.execution,
                cell_id=cell.cell_id,
                operation=sighting.operation,
                kind="file",
                uri=paths.file_uri(sighting.path),
                via=f"witness:{sighting.call}",
                evidence="observed" if certain else "ambiguous",
                dataset=why.dataset,
                version=why.version,
                data_class=why.data_class,
                decision="denied",
                policies=why.policies,
            )
        )
