"""Long work on a terminal or in a log: which step, which cell, how long."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from governed_kernel.errors import GovernedError, RunFailed
from governed_kernel.release import runs
from governed_kernel.release.runs import RunState
from governed_kernel.workspace import Workspace

__all__ = ["follow_to_end", "line_printer"]

_INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended


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


def follow_to_end(workspace: Workspace, run_id: str, watch: Callable[[RunState], None]) -> RunState:
    """Watch a run until it is over; Ctrl-C stops the run and says so.

    Raises
    ------
    GovernedError
        The run did not succeed, with its own reason; interrupted, with the exit code 130.
    """
    state = runs.state_of(workspace, run_id)
    try:
        state = _last(runs.follow(workspace, run_id), watch, state)
    except KeyboardInterrupt:
        state = runs.cancel(workspace, run_id)
        watch(state)
    if state.state != "succeeded":
        raise _failure(state)
    return state


def _last(
    states: Iterable[RunState], watch: Callable[[RunState], None], state: RunState
) -> RunState:
    for newer in states:
        watch(newer)
        state = newer
    return state


def _failure(state: RunState) -> GovernedError:
    what = str(state.error.get("what", "the run failed"))
    error = RunFailed(
        what if state.run_id in what else f"{state.run_id}: {what}",
        why=str(state.error.get("why", "")),
        next=str(state.error.get("next", "")),
    )
    code = _INTERRUPTED if state.state == "interrupted" else state.error.get("exit_code")
    if isinstance(code, int):
        error.exit_code = code  # type: ignore[misc]  # the worker's own refusal decides the code
    return error
