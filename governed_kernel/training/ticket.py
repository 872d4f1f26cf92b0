"""The ticket of this kernel's run, with what only training and validation ask of it."""

from __future__ import annotations

import msgspec

from governed_kernel.governance import tickets

__all__ = ["Subject", "Ticket", "current_ticket"]


class Subject(msgspec.Struct, frozen=True):
    """What a validation run examines."""

    adapter: str
    """Folder of the saved adapter."""
    suite: str
    """Folder of the suite, as it was approved."""
    run_id: str = ""


class Ticket(tickets.Ticket, frozen=True):
    """``ticket.json``, with its output folder, thread count and the subject of a validation."""

    output: str = ""
    threads: int = 0
    subject: Subject | None = None


def current_ticket() -> Ticket | None:
    """The ticket of this run; ``None`` in a research session.

    Raises
    ------
    ResourceMissing
        A ticket is named and can't be read: a run never falls back to research rules.
    """
    return tickets.current(Ticket)
