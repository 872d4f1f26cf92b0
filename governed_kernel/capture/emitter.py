"""What observers may ask of the session they run in: four calls and no more.

`governed_kernel.kernel` implements it over the recorder's socket; tests with a list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from governed_kernel.lineage.events import (
    Access,
    ObserverLost,
    Operation,
    PayloadDigest,
    Transformation,
)

__all__ = [
    "THREAD_CELL",
    "Cell",
    "Decision",
    "Emitter",
    "ObservedEvent",
    "current",
    "set_current",
]

THREAD_CELL = "_governed_cell"
"""The attribute by which a thread knows the `Cell` it works for."""

ObservedEvent: TypeAlias = Access | Transformation | ObserverLost


@dataclass(frozen=True, slots=True)
class Cell:
    """The cell that a thread works for.

    Attributes
    ----------
    execution : int
        The prompt number; 0 before the first cell, negative outside the history (silent requests).
    cell_id : str
        The notebook's id of the cell; empty when the client gave none.
    """

    execution: int
    cell_id: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What policy says about one access, and what the catalog knows of its target."""

    allowed: bool
    reason: str = ""
    policies: list[str] = field(default_factory=list)
    dataset: str = ""
    version: str = ""
    data_class: str = ""
    advice: str = ""


class Emitter(Protocol):
    """The way from an observer to the session's record."""

    def emit(self, event: ObservedEvent) -> None:
        """Hand an event to the recorder as it is; nothing is filled in.

        It blocks rather than lose an event, and raises `RecorderLost` when there is no recorder.
        A step between things in memory may be taken down with the next event.
        """

    def cell(self) -> Cell:
        """The cell of the calling thread, else the one the main thread runs."""

    def payload(self, text: str) -> PayloadDigest:
        """Register text that may hold personal data; events carry only its digest."""

    def decide(self, operation: Operation, path: str) -> Decision:
        """Whether policy lets the session do `operation` on `path` (a path or a URI)."""


_current: Emitter | None = None


def current() -> Emitter | None:
    """The emitter of this process, or None outside a governed kernel."""
    return _current


def set_current(emitter: Emitter | None) -> None:
    """Make `emitter` the one that `current` returns; the kernel does it once, at its start."""
    global _current
    _current = emitter
