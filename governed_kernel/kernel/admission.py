"""Who may start a release kernel: the worker of a run that the ledger knows, and nobody else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from governed_kernel.errors import Refused
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import RunEnded, RunStarted
from governed_kernel.recorder import landlock
from governed_kernel.recorder.confinement import read_ticket
from governed_kernel.workspace import Workspace

__all__ = ["admit_release"]


def admit_release(workspace: Workspace, environment: Mapping[str, str]) -> Path:
    """Check that this process starts a release kernel for a run; returns the run's ticket.

    Raises
    ------
    Refused
        It does not: someone started the kernel by hand, or with another run's ticket.
    """
    run_id = environment.get("GOVERNED_RUN", "")
    named = environment.get("GOVERNED_TICKET", "")
    if not run_id or not named:
        raise _refused("it was started by hand, not by a run")
    path = Path(named).resolve()
    if path != (workspace.runs / run_id / "ticket.json").resolve() or "/" in run_id:
        raise _refused(f"{path} is not the ticket of {run_id} in {workspace.root}")
    ticket = read_ticket(path)
    if ticket.run_id != run_id:
        raise _refused(f"the ticket is for {ticket.run_id}, not for {run_id}")
    if ticket.pid not in _lineage_of(os.getpid()):
        raise _refused(f"process {ticket.pid}, which the ticket was written for, did not start it")
    _check_ledger(workspace, run_id)
    _check_machine(workspace)
    return path


def _refused(why: str) -> Refused:
    return Refused(
        "a release kernel runs only for an approved release",
        why=why,
        next="use 'governed-research' to explore, or 'governed run RELEASE' to run a release",
    )


def _check_ledger(workspace: Workspace, run_id: str) -> None:
    """The ledger must know the run as started and not as over."""
    known = [event for event in Register.read(workspace).run_events if event.run_id == run_id]
    started = any(isinstance(event, RunStarted) for event in known)
    if not started or any(isinstance(event, RunEnded) for event in known):
        raise _refused(f"the ledger knows no running {run_id}")


def _check_machine(workspace: Workspace) -> None:
    """Say before a process starts what the recorder would refuse."""
    if landlock.version() < 6 and not workspace.settings.run.without_witness:
        raise Refused(
            "this machine can't confine a release run",
            why=f"Landlock ABI {landlock.version()}; 6 is needed",
            next="use Linux 6.12 or newer, or let an administrator set run.without_witness",
        )


def _lineage_of(process: int) -> list[int]:
    """`process` and its living ancestors, the nearest first."""
    found = []
    while process > 0:
        found.append(process)
        try:
            line = Path(f"/proc/{process}/stat").read_text(errors="replace")
        except OSError:
            break
        process = int(line.rpartition(")")[2].split()[1])
    return found
