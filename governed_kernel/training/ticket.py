"""The ticket of this kernel's run, with what only training and validation ask of it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from governed_kernel.errors import ResourceMissing
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
    if tickets.current() is None:
        return None
    try:
        return msgspec.json.decode(Path(os.environ["GOVERNED_TICKET"]).read_bytes(), type=Ticket)
    except msgspec.MsgspecError as error:
        raise ResourceMissing(
            "the ticket of this run can't be read",
            why=str(error),
            next="start the run again with 'governed run RELEASE'",
        ) from error
