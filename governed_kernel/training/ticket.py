"""The ticket of the run this kernel belongs to, as far as notebooks' code needs it.

The worker writes ``ticket.json`` before it starts the kernel and names it in
``GOVERNED_TICKET``; a research kernel has none.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from governed_kernel.errors import ResourceMissing

__all__ = ["TICKET_VARIABLE", "Ticket", "TicketInput", "current_ticket"]

TICKET_VARIABLE = "GOVERNED_TICKET"


class TicketInput(msgspec.Struct, frozen=True):
    """One dataset version or base model the run may read."""

    dataset: str
    version: str
    kind: str
    path: str
    sha256: str

    @property
    def label(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.dataset}@{self.version}"


class Subject(msgspec.Struct, frozen=True):
    """What a validation run examines."""

    adapter: str
    suite: str


class Ticket(msgspec.Struct, frozen=True):
    """The fields of ``ticket.json`` that `training` and `validation` rest on."""

    run_id: str
    kind: str
    output: str
    threads: int = 0
    inputs: dict[str, TicketInput] = {}
    subject: Subject | None = None

    def input(self, dataset: str) -> TicketInput | None:
        """The input of that dataset name, or of that ``NAME@VERSION``."""
        for label, found in self.inputs.items():
            if dataset in (label, found.dataset):
                return found
        return None


def current_ticket() -> Ticket | None:
    """The ticket of this run; ``None`` in a research session.

    Raises
    ------
    ResourceMissing
        A ticket is named and can't be read: a run must not fall back to research rules.
    """
    named = os.environ.get(TICKET_VARIABLE)
    if not named:
        return None
    try:
        return msgspec.json.decode(Path(named).read_bytes(), type=Ticket)
    except (OSError, msgspec.MsgspecError) as error:
        raise ResourceMissing(
            "the ticket of this run could not be read",
            why=f"{named}: {error}",
            next="start the run again with 'governed run RELEASE'; tickets are not made by hand",
        ) from error
