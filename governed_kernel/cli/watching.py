"""Long work on a terminal or in a log: which step, which cell, how long."""

from __future__ import annotations

import sys
from collections.abc import Callable

from governed_kernel.release.run_states import RunState

__all__ = ["line_printer"]


def line_printer() -> Callable[[RunState], None]:
    """A function that prints each change of a run's state as a line on standard error."""
    shown: set[tuple[str, object]] = set()

    def show(state: RunState) -> None:
        progress = state.progress
        key = (state.run_id, (state.state, progress.cell) if not state.is_over else state.state)
        if key in shown:
            return
        shown.add(key)
        place = (
            f"cell {progress.cell}/{progress.cells}  {progress.heading}" if progress.cells else ""
        )
        said = place if state.state == "running" and place else state.state
        sys.stderr.write(f"  {state.run_id}  {state.seconds:6.1f} s  {said}\n")
        sys.stderr.flush()

    return show
