"""The ticket of a run, as far as loading its inputs rests on it.

The worker writes ``ticket.json`` into the run's folder and names it in ``GOVERNED_TICKET``. In the
release kernel it stands for the register: neither ledger nor personal folder can be read there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from governed_kernel.capture.emitter import Decision
from governed_kernel.errors import ResourceMissing

__all__ = ["Ticket", "TicketInput", "current"]


class TicketInput(msgspec.Struct, frozen=True):
    """One dataset version or base model that the run may read."""

    dataset: str
    version: str
    kind: str
    path: str
    sha256: str
    data_class: str = ""
    purposes: tuple[str, ...] = ()

    def decision(self, allowed: bool = True, reason: str = "", policy: str = "") -> Decision:
        """A decision about this input."""
        return Decision(
            allowed=allowed,
            reason=reason,
            policies=[policy] if policy else [],
            dataset=self.dataset,
            version=self.version,
            data_class=self.data_class,
        )


class Ticket(msgspec.Struct, frozen=True):
    """``ticket.json``, as far as access to data rests on it."""

    run_id: str
    release: str
    kind: str
    inputs: dict[str, TicketInput] = {}

    def input(self, name: str) -> TicketInput | None:
        """The input meant by ``NAME`` or ``NAME@VERSION``."""
        for label, found in self.inputs.items():
            if name in (label, found.dataset):
                return found
        return None


T = TypeVar("T", bound=Ticket)


def current(kind: type[T] = Ticket) -> T | None:  # type: ignore[assignment]  # PEP 696 is 3.13
    """The ticket of the run that this process belongs to; None in research.

    Parameters
    ----------
    kind : type
        A `Ticket` that knows more of its fields.

    Raises
    ------
    ResourceMissing
        A ticket is named and can't be read: a run never falls back to other rules.
    """
    named = os.environ.get("GOVERNED_TICKET")
    if not named:
        return None
    try:
        return msgspec.json.decode(Path(named).read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise ResourceMissing(
            "the ticket of this run can't be read",
            why=f"{named}: {error}",
            next="start the run again with 'governed run RELEASE'",
        ) from error
