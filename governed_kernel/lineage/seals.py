"""What a ledger says of finished sessions."""

from __future__ import annotations

import contextlib

from governed_kernel.errors import GovernedError
from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace

__all__ = ["Seals"]


class Seals:
    """What the ledger says of finished sessions; read when it is first asked for."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._found: dict[str, SessionSealed] | None = None
        self.distrusted: set[str] = set()

    def all(self) -> dict[str, SessionSealed]:
        """Session → its seal; none where the ledger does not verify."""
        if self._found is None:
            self._found = {}
            with contextlib.suppress(GovernedError):  # verification says what is wrong with it
                for event in Ledger(self._workspace).events():
                    if isinstance(event, SessionSealed):
                        self._found[event.session_id] = event
        return self._found

    def of(self, session: str) -> SessionSealed | None:
        """The seal of a session whose journal is to be taken by its digest."""
        return None if session in self.distrusted else self.all().get(session)
