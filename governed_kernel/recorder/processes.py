"""Which cell a process or thread belongs to.

The kernel's own threads belong to the cell that is running: certainly the main one, which runs
cells, and what started since the cell began. One that is older may work for the cell that started
it (a thread that outlives its cell) or for this one (a library's pool): that is not certain. A
child belongs to the cell that was running when it started, however long it lives, and so does what
it starts itself.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

__all__ = ["BEFORE", "Cell", "Credit", "Processes", "boot_time", "is_orphaned", "process_of"]


class Cell(NamedTuple):
    """One execution of a cell, as `CellStarted` names it."""

    execution: int
    cell_id: str


class Credit(NamedTuple):
    """Whose doing something is.

    Attributes
    ----------
    certain : bool
        Whether it can be no other cell's.
    process : int
        The process that did it; the thread itself where that is not known any more.
    """

    cell: Cell
    certain: bool
    process: int


BEFORE = Cell(0, "")
"""Stands for the time before the first cell."""

_FRESH_SECONDS = 0.1
_DEEPEST = 32
_REMEMBERED = 50
_TICK = 1 / os.sysconf("SC_CLK_TCK")


class _Began(NamedTuple):
    """When a cell began: the moment, and the newest thread that there was."""

    moment: float
    newest: int


def boot_time() -> float:
    """Seconds since the machine started, on the clock that ``/proc`` uses."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Processes:
    """Credits threads and children to cells.

    Parameters
    ----------
    kernel : int
        Process id of the kernel.
    """

    def __init__(self, kernel: int) -> None:
        self.kernel = kernel
        self._load = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
        self._running: dict[Cell, _Began] = {}
        self._ended: list[tuple[float, float, Cell]] = []
        self._last = BEFORE
        self._children: dict[tuple[int, float], tuple[Cell, bool]] = {}

    @property
    def running(self) -> list[Cell]:
        """The cells that run now; more than one with subshells."""
        return list(self._running)

    def started(self, cell: Cell) -> None:
        """A cell begins."""
        self._running[cell] = _Began(boot_time(), self._newest_thread())
        self._last = cell

    def ended(self, cell: Cell) -> None:
        """A cell is over."""
        start = self._running.pop(cell, None)
        if start is not None:
            self._ended.append((start.moment, boot_time(), cell))

    def credit(self, thread: int, *, starts: bool = False) -> Credit:
        """The cell that `thread` (of any process) works for, and whether that is certain.

        `starts` says that it executes a program: a child that nothing is known of yet was
        started a moment ago, by the only cell that runs.
        """
        if thread == self.kernel:
            return Credit(*self._now(), thread)
        process = process_of(thread)
        if process == self.kernel:
            return Credit(*self._of_thread(thread), process)
        if process is not None:
            found = self._of_child(process, starts=starts)
            if found is not None:
                return Credit(*found, process)
        return Credit(self._now()[0], certain=False, process=process or thread)

    def _newest_thread(self) -> int:
        """The number that was given last to a thread or process (proc(5), ``/proc/loadavg``).

        A cell waits for this, and opening the file takes eight times as long as reading it.
        """
        return int(os.pread(self._load, 128, 0).rsplit(None, 1)[-1])

    def _of_thread(self, thread: int) -> tuple[Cell, bool]:
        """The cell of a thread of the kernel's that is not its main one."""
        cell, certain = self._now()
        birth = _birth_of(thread)
        began = self._running.get(cell)
        if birth is None or (began is not None and _is_older(thread, birth[1], began)):
            certain = False
        return cell, certain

    def regulates(self, thread: int, other: int) -> bool:
        """Whether a thread may set limits and priorities of another, of the kernel's or a child's.

        Not of the recorder or anybody else of the same user: one who can't open files any more, or
        waits for a processor for ever, is stopped as well as killed.
        """
        process, wanted = process_of(thread), process_of(other)
        if process is None or wanted is None:
            return False
        for _ in range(_DEEPEST):
            if wanted in (process, self.kernel):
                return True
            birth = _birth_of(wanted)
            if birth is None or birth[0] <= 1:
                return False
            wanted = birth[0]
        return False

    def _of_child(
        self, process: int, *, starts: bool = False, depth: int = 0
    ) -> tuple[Cell, bool] | None:
        """The cell of a child of the kernel's, or of another child; None when it is gone."""
        birth = _birth_of(process)
        if birth is None:
            return None
        parent, start = birth
        known = self._children.get((process, start))
        if known is not None:
            return known
        if parent == self.kernel:
            fresh = starts and len(self._running) == 1 and boot_time() - start < _FRESH_SECONDS
            known = self._now() if fresh else self._at(start)
        elif parent not in (os.getpid(), 1) and depth < _DEEPEST:
            known = self._of_child(parent, depth=depth + 1)
        if known is None:  # whoever started it is gone, and may have been any cell's
            cell, certain = self._at(start)
            known = cell, certain and cell is BEFORE
        self._children[(process, start)] = known
        return known

    def _now(self) -> tuple[Cell, bool]:
        if len(self._running) == 1:
            return next(iter(self._running)), True
        if self._running:
            return self._last, False
        return self._last, self._last is BEFORE

    def _at(self, start: float) -> tuple[Cell, bool]:
        """Who ran when a process started; ``/proc`` rounds that moment down to a tick."""
        running = [cell for cell, began in self._running.items() if began.moment <= start + _TICK]
        over = [
            cell
            for began, end, cell in self._ended[-_REMEMBERED:]
            if end >= start and began <= start + _TICK
        ]
        if running:
            return running[-1], len(running) == 1 and not over
        if over:
            return over[-1], len(over) == 1
        return self._last, self._last is BEFORE


def is_orphaned(parent: int) -> bool:
    """Whether the process that started this one, `parent`, is gone.

    It may not have been the direct parent; and a zombie is gone.
    """
    if os.getppid() == parent:
        return False
    try:
        line = Path(f"/proc/{parent}/stat").read_bytes()
    except OSError:
        return True
    return line.rpartition(b")")[2].split()[0] in (b"Z", b"X")


def process_of(thread: int) -> int | None:
    """The process that a thread belongs to; None when it is gone."""
    try:
        status = Path(f"/proc/{thread}/status").read_bytes()
    except OSError:
        return None
    _, _, rest = status.partition(b"\nTgid:")
    return int(rest.split(None, 1)[0]) if rest else None


def _is_older(thread: int, birth: float, began: _Began) -> bool:
    """Whether a thread was there before a cell.

    ``/proc`` rounds its birth down to a tick. Of that tick its number decides: numbers only grow,
    and start again from below after thousands.
    """
    if abs(birth - began.moment) > _TICK:
        return birth < began.moment
    return thread <= began.newest


def _birth_of(process: int) -> tuple[int, float] | None:
    """Who started a process, and when, in seconds on the clock of `boot_time`."""
    try:
        line = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:
        return None
    # the command, in parentheses, may hold anything; field 4 is the second after it
    fields = line.rpartition(b")")[2].split()
    return int(fields[1]), int(fields[19]) * _TICK
