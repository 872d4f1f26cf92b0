"""``%governed``: what a cell can ask about its own session."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_magic, magics_class

from governed_kernel.errors import UsageError
from governed_kernel.kernel.link import RecorderLink

__all__ = ["GovernedMagics"]


@magics_class
class GovernedMagics(Magics):
    """The magics of a governed kernel."""

    def __init__(self, shell: Any, link: RecorderLink) -> None:
        super().__init__(shell)
        self._link = link

    @line_magic
    def governed(self, line: str) -> None:
        """``%governed status``: session, recorder and counts so far."""
        if line.strip() not in ("", "status"):
            raise UsageError(
                f"%governed {line.strip()} is unknown",
                why="there is one request so far",
                next="%governed status",
            )
        status = self._link.status()
        rows = {
            "session": status.session_id,
            "mode": status.mode,
            "recorder": "recording" if status.witness == "full" else status.witness,
            "journal": status.journal,
            "records": status.records,
            "accesses witnessed": status.witnessed,
            "explained": status.explained,
            "unexplained": status.unexplained,
            "set aside as environment": status.environment,
        }
        width = max(map(len, rows))
        print("\n".join(f"{name:<{width}}  {value}" for name, value in rows.items()))  # noqa: T201
