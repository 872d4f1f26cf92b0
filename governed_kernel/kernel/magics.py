"""``%governed``, ``%lineage`` and ``%%purpose``: what a cell can ask about its own session."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from governed_kernel.errors import UsageError
from governed_kernel.kernel.link import RecorderLink

__all__ = ["GovernedMagics"]


@magics_class
class GovernedMagics(Magics):
    """The magics of a governed kernel."""

    def __init__(self, shell: Any, link: RecorderLink) -> None:
        super().__init__(shell)
        self._link = link
        self._has_purpose = False
        shell.input_transformers_cleanup.append(_one_percent)
        shell.events.register("post_run_cell", self._forget_purpose)

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

    @no_var_expand
    @line_magic
    def lineage(self, line: str) -> Any:
        """``%lineage df``: where the columns of something in memory, or of a file, are from."""
        from governed_kernel.widgets import lineage

        wanted = line.strip()
        if not wanted:
            raise UsageError(
                "%lineage needs to be told of what",
                why="no variable or file was named",
                next="%lineage df, or %lineage 'clean.parquet'",
            )
        shell: Any = self.shell
        return lineage(shell.ev(wanted), name=wanted)

    @line_magic
    def purpose(self, line: str) -> None:
        """``%%purpose train`` on a cell's first line: what `data.load` in it is for."""
        from governed_kernel import data

        if not line.strip():
            raise UsageError(
                "%%purpose needs a purpose",
                why="none was named",
                next="%%purpose explore, train, evaluate or validate",
            )
        data.purpose_of_cell(line.strip())
        self._has_purpose = True

    def _forget_purpose(self, _result: Any) -> None:
        if self._has_purpose:
            from governed_kernel import data

            data.purpose_of_cell("")
            self._has_purpose = False


def _one_percent(lines: list[str]) -> list[str]:
    """The cell below ``%%purpose`` stays ordinary code, so that it is followed like any other."""
    if lines and lines[0].startswith("%%purpose"):
        return [lines[0][1:], *lines[1:]]
    return lines
