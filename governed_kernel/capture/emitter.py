"""What an observer may say and ask: the one interface between the observers and the kernel.

The kernel implements it over its recorder's socket (`governed_kernel.kernel.link`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from governed_kernel.lineage.events import (
    Access,
    ObserverLost,
    Operation,
    PayloadDigest,
    Transformation,
)

__all__ = ["Cell", "Decision", "Emitter", "Observation", "current", "set_current"]

Observation: TypeAlias = Access | Transformation | ObserverLost
"""What an observer can report."""


class Cell(NamedTuple):
    """The execution of a cell that some code belongs to.

    Attributes
    ----------
    execution : int
        The prompt number; 0 before the first cell, negative outside the history (silent requests).
    cell_id : str
        The notebook's id of the cell; empty when the client gave none.
    """

    execution: int
    cell_id: str


@dataclass(frozen=True)
class Decision:
    """Whether an access may happen, and what policy knows of the resource."""

    allowed: bool
    reason: str = ""
    policies: list[str] = field(default_factory=list)
    dataset: str = ""
    version: str = ""
    data_class: str = ""


class Emitter(Protocol):
    """The observers' pen. Every method may be called from any thread and after a fork."""

    @property
    def session_id(self) -> str:
        """The session, as in ``memory://SESSION/N``."""
        ...

    def emit(self, event: Observation) -> None:
        """Send `event` to the recorder as it is; blocks rather than lose it.

        Raises
        ------
        RecorderLost
            The recorder is gone.
        """
        ...

    def cell(self) -> Cell:
        """The cell that the calling thread works for, else the one of the main thread."""
        ...

    def payload(self, text: str) -> PayloadDigest:
        """Hand erasable `text` to the recorder; events carry the digest only."""
        ...

    def decide(self, operation: Operation, path: str) -> Decision:
        """Ask policy whether `operation` on the absolute `path` may happen."""
        ...


_current: Emitter | None = None


def current() -> Emitter | None:
    """The emitter of this process, or None outside a governed kernel."""
    return _current


def set_current(emitter: Emitter | None) -> None:
    """Make `emitter` the one that `current` returns; the kernel does it once, at its start."""
    global _current
    _current = emitter
