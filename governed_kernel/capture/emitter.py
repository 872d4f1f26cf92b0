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

__all__ = ["Cell", "Decision", "Emitter", "ObservedEvent"]

ObservedEvent: TypeAlias = Access | Transformation | ObserverLost


@dataclass(frozen=True, slots=True)
class Cell:
    """The cell that a thread works for."""

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


class Emitter(Protocol):
    """The way from an observer to the session's record."""

    def emit(self, event: ObservedEvent) -> None:
        """Hand an event to the recorder as it is; nothing is filled in."""

    def cell(self) -> Cell:
        """The cell of the calling thread, else the one the main thread runs."""

    def payload(self, text: str) -> PayloadDigest:
        """Register text that may hold personal data; events carry only its digest."""

    def decide(self, operation: Operation, path: str) -> Decision:
        """Whether policy lets the session do `operation` on `path` (a path or a URI)."""
