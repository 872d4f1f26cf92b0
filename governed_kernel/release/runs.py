"""Runs as detached processes whose state is on disk: started, followed, interrupted, found dead.

Closing a terminal or a browser ends nothing. What lies on disk is told by `run_states`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from governed_kernel.canonical import canonical_json, digest_bytes, digest_file
from governed_kernel.errors import (
    GovernedError,
    IntegrityBroken,
    ResourceMissing,
    RunFailed,
)
from governed_kernel.files import write_atomically
from governed_kernel.governance import signing
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import FileDigest, RunEnded, RunStarted, now
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.release.outputs import excess
from governed_kernel.release.run_states import (
    ENDING,
    STATE,
    Plan,
    RunState,
    is_alive,
    papers,
    process_start,
    run_folder,
    state_of,
    update_state,
)
from governed_kernel.workspace import Workspace

__all__ = ["cancel", "finish", "follow", "follow_to_end", "reap", "reap_all", "start"]

_POLL_SECONDS = 0.2
_INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended
_STAGED = ".*-????????T??????-????????"
"""Folders of runs that are being made."""
_WORKER = (sys.executable, "-I", "-m", "governed_kernel.release")
"""Isolated: neither the person's PYTHONPATH nor a module in the folder stands before ours."""


def start(
    workspace: Workspace,
    plan: Plan,
    files: Iterable[str],
    extra: Mapping[str, bytes] = MappingProxyType({}),
) -> RunState:
    """Make the run's folder and start its worker, detached from this process.

    The start is on record in the ledger before the worker exists, so no attempt can go missing.

    Parameters
    ----------
    files : iterable of str
        What to copy from the plan's source: these files and nothing that lies beside them.
    extra : mapping
        Further files for the working folder: path → content.
    """
    folder = _make_folder(workspace, plan, files, extra)
    started = RunStarted(
        run_id=plan.run_id,
        release=plan.release,
        digest=plan.digest,
        kind=plan.kind,
        person=plan.person,
        parameters=plan.parameters,
        environment=plan.environment,
        subject_run=plan.subject.run_id if plan.subject else plan.repeats,
    )
    try:
        signing.record(workspace, started)
    except GovernedError:
        shutil.rmtree(folder, ignore_errors=True)  # it never began
        raise
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [*_WORKER, str(workspace.root), plan.run_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
        )
    _workers[plan.run_id] = process
    born = process_start(process.pid)
    return update_state(workspace, plan.run_id, pid=process.pid, pid_started=born)


def _make_folder(
    workspace: Workspace, plan: Plan, files: Iterable[str], extra: Mapping[str, bytes]
) -> Path:
    """The run's folder, complete under another name before it has its own."""
    folder = workspace.runs / plan.run_id
    staging = workspace.runs / f".{plan.run_id}"
    state = RunState(plan.run_id, plan.kind, plan.release, "starting", plan.person, now())
    with exclusive_lock(workspace.state / "starting.lock", AN_HOUR):
        for left in workspace.runs.glob(_STAGED):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        try:
            (staging / "output").mkdir(parents=True)
            for name in files:
                target = staging / "work" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(plan.source) / name, target)
            for name, content in extra.items():
                (staging / "work" / name).write_bytes(content)
            (staging / "plan.json").write_bytes(canonical_json(plan))
            (staging / STATE).write_bytes(msgspec.json.encode(state))
            staging.rename(folder)
        except OSError as error:
            shutil.rmtree(staging, ignore_errors=True)
            raise ResourceMissing(
                f"the folder of {plan.run_id} could not be made",
                why=error.strerror or str(error),
                next="free disk space or mend the permissions of .governed/runs, then run again",
            ) from error
    return folder


_workers: dict[str, subprocess.Popen[bytes]] = {}
"""Workers that this process started: it must collect their exit, or they stay as zombies."""


def follow(workspace: Workspace, run_id: str) -> Iterator[RunState]:
    """Each new state of a run until it is over; a dead worker is found and reported."""
    last: RunState | None = None
    while True:
        reap(workspace, run_id)
        state = state_of(workspace, run_id)
        if state != last:
            last = state
            yield state
        if state.is_over:
            _collect(run_id)
            return
        time.sleep(_POLL_SECONDS)


def _collect(run_id: str) -> None:
    """Wait for the exit of a worker of this process that has said its last word."""
    if (child := _workers.get(run_id)) is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=10)
            del _workers[run_id]


def follow_to_end(
    workspace: Workspace, run_id: str, watch: Callable[[RunState], None] = lambda _: None
) -> RunState:
    """Watch a run until it is over; Ctrl-C stops the run.

    Raises
    ------
    GovernedError
        The run did not succeed, with its own reason; interrupted, with the exit code 130.
    """
    state = state_of(workspace, run_id)
    try:
        for newer in follow(workspace, run_id):
            state = newer
            watch(state)
    except KeyboardInterrupt:
        state = cancel(workspace, run_id)
        watch(state)
    if state.state != "succeeded":
        raise _failure(state)
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


def cancel(workspace: Workspace, run_id: str, patience_seconds: float = 20.0) -> RunState:
    """Ask the worker to stop, then insist; returns the final state."""
    state = state_of(workspace, run_id)
    deadline = time.monotonic() + patience_seconds
    if not state.is_over and is_alive(state):
        os.kill(state.pid, signal.SIGTERM)
    while not state.is_over:
        if time.monotonic() > deadline and is_alive(state):
            os.kill(state.pid, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
        reap(workspace, run_id)
        state = state_of(workspace, run_id)
    return state


def reap(workspace: Workspace, run_id: str) -> None:
    """Put on record the end of a run whose worker died without a word (a kill, a power cut)."""
    folder = run_folder(workspace, run_id)
    if (child := _workers.get(run_id)) is not None and child.poll() is not None:
        del _workers[run_id]
    with exclusive_lock(folder / "state.lock", AN_HOUR):
        state = state_of(workspace, run_id)
        if state.is_over or is_alive(state) or _still_starting(state):
            return
        if _settle(workspace, run_id):
            return
        what = f"the worker of {run_id} died without a word"
        why = "it was killed, ran out of memory, or the machine went down"
        ended = RunEnded(
            run_id=run_id,
            state="interrupted",
            error="ResourceMissing",
            reason=f"{what}: {why}",
            seconds=state.seconds,
        )
        error = {"error": "RunFailed", "what": what, "why": why, "next": "run it again"}
        _end(workspace, state, ended, error=error)


def reap_all(workspace: Workspace) -> None:
    """`reap` every run of the workspace that is not over; who may not write leaves it to others."""
    if workspace.runs.is_dir() and os.access(workspace.state, os.W_OK):
        for plan in sorted(workspace.runs.glob("[!.]*/plan.json")):
            with contextlib.suppress(IntegrityBroken):  # one lost folder stops no other run
                reap(workspace, plan.parent.name)


def finish(workspace: Workspace, ended: RunEnded, **shown: Any) -> None:
    """Put the end of a run on record, once, and into ``state.json``.

    The ledger comes first: what people are shown is never ahead of the record.

    Parameters
    ----------
    **shown
        Further fields of `RunState`.
    """
    folder = run_folder(workspace, ended.run_id)
    with exclusive_lock(folder / "state.lock", AN_HOUR):
        state = state_of(workspace, ended.run_id)
        if not state.is_over:
            _end(workspace, state, ended, settled=True, **shown)


def _end(
    workspace: Workspace, state: RunState, ended: RunEnded, *, settled: bool = False, **shown: Any
) -> None:
    """The end, with the state's lock held.

    After a worker was killed its kernel may still be writing for a moment, so what it left in its
    output is on no record; otherwise (`settled`) everything is.
    """
    folder = run_folder(workspace, state.run_id)
    over = msgspec.structs.replace(state, state=ended.state, ended_at=now(), **shown)
    encoded = msgspec.json.encode(over)
    rest = settled and ended.state != "succeeded"
    if rest and (why := excess(folder / "output")):
        rest = False
        ended = msgspec.structs.replace(
            ended, reason=f"{ended.reason}; of its output nothing is on record: {why}"
        )
    final = FileDigest(STATE, digest_bytes(encoded), len(encoded))
    ended = msgspec.structs.replace(ended, papers=[final, *papers(folder, with_output=rest)])

    def is_running(register: Register) -> bool:
        known = [event for event in register.run_events if event.run_id == ended.run_id]
        started = any(isinstance(event, RunStarted) for event in known)
        return started and not any(isinstance(event, RunEnded) for event in known)

    # Written before it is on record, since the disk may be full or the worker killed in between.
    write_atomically(folder / ENDING, encoded)
    signing.record(workspace, ended, when=is_running)
    (folder / ENDING).replace(folder / STATE)


def _settle(workspace: Workspace, run_id: str) -> bool:
    """Put in place the end that is on record already; whether that was all that was missing."""
    ending = run_folder(workspace, run_id) / ENDING
    if not ending.exists():
        return False
    known = FileDigest(STATE, digest_file(ending), ending.stat().st_size)
    for event in Register.read(workspace).run_events:
        if isinstance(event, RunEnded) and event.run_id == run_id and known in event.papers:
            ending.replace(ending.with_name(STATE))
            return True
    ending.unlink()
    return False


def _still_starting(state: RunState) -> bool:
    """The moment between making the folder and knowing the worker's pid."""
    return state.pid == 0 and state.seconds < 30
