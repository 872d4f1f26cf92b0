"""The worker of one run: ``python -m governed_kernel.release WORKSPACE RUN``.

It checks again what the gate checked (time has passed), executes the notebook by papermill in a
confined kernel, collects what was made, and puts the end on record. Whatever happens, the run
ends as succeeded, failed or interrupted, with a reason.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from governed_kernel.errors import (
    GovernedError,
    IntegrityBroken,
    LockHeld,
    ResourceMissing,
    RunFailed,
    SignatureRefused,
)
from governed_kernel.files import read_regular
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import Artifact, RunEnded, RunStarted
from governed_kernel.lineage.sessions import session_of_run
from governed_kernel.locks import A_DAY, patiently
from governed_kernel.release import admission, gate, manifest, run_states, runs
from governed_kernel.release.execution import record_validation
from governed_kernel.release.learned import check_learned
from governed_kernel.release.manifest import ReleaseManifest
from governed_kernel.release.outputs import collect
from governed_kernel.release.registry import Registry
from governed_kernel.release.run_states import Plan, Progress, run_folder
from governed_kernel.release.tickets import kernel_environment, stage_inputs, write_ticket
from governed_kernel.workspace import Workspace

__all__ = ["check_again", "execute", "main"]

_SECONDS_FOR_PROGRESS = 1.0
_TAKE_FINGERPRINT = (
    "import os; os.nice(19)\n"  # the notebook comes first
    "from governed_kernel.training import fingerprints; fingerprints.main()"
)


def main(arguments: list[str]) -> int:
    """Execute one run to its end; the exit code is 0 only when it succeeded."""
    root, run_id = arguments
    workspace = Workspace.open(Path(root))
    signal.signal(signal.SIGTERM, _interrupt)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    plan = run_states.plan_of(workspace, run_id)
    _say(f"{plan.kind} {run_id} of {plan.release}, parameters {plan.parameters}")
    started = time.monotonic()
    error: GovernedError | None = None
    state = "failed"
    artifacts: list[Artifact] = []
    facts: dict[str, Any] = {}
    try:
        run_states.update_state(workspace, run_id, state="running", pid=os.getpid())
        snapshots = check_again(workspace, plan)
        artifacts, facts = execute(workspace, plan, snapshots)
        if plan.subject is not None:  # whoever keeps a lock must not cost what hours have made
            with patiently(A_DAY):
                record_validation(workspace, plan)
        state = "succeeded"
    except KeyboardInterrupt:
        state = "interrupted"
        error = RunFailed(
            f"{run_id} was interrupted",
            why="it was asked to stop",
            next=f"start it again with 'governed run {plan.release}'",
        )
    except GovernedError as refusal:
        error = refusal
    except Exception as failure:  # the last word of a worker must be a reason, whatever failed
        logging.getLogger(__name__).exception("unexpected failure")
        error = RunFailed(
            f"{run_id} failed",
            why=f"{type(failure).__name__}: {failure}",
            next=f"read {run_folder(workspace, run_id) / 'log.txt'}",
        )
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    seconds = time.monotonic() - started
    with patiently(A_DAY):
        try:
            _finish(workspace, plan, state, error, artifacts, facts, seconds)
        except SignatureRefused as refusal:  # what it says can't be signed; that it ended can
            error = refusal
            _finish(workspace, plan, "failed", error, [], {}, seconds)
    return 0 if error is None else error.exit_code


def check_again(workspace: Workspace, plan: Plan) -> dict[str, Path]:
    """What may have changed since the gate: approvals, inputs, the staged notebook and code.

    Returns where each input lies.
    """
    registry = Registry.read(workspace)
    record = registry.release(plan.release)
    if record.digest != plan.digest:
        raise IntegrityBroken(
            f"{plan.release} is not the release this run was started for",
            why=f"its digest is {record.digest}, the run's is {plan.digest}",
            next="start the run again",
        )
    work = run_folder(workspace, plan.run_id) / "work"
    bound = manifest.load(work, record.digest)
    manifest.check_nothing_else(work, bound, *([plan.notebook] if plan.subject else []))
    _check_plan(plan, registry.run(plan.run_id).started, bound)
    if plan.kind == "release":  # an audit may repeat what was approved then, whatever came since
        gate.check_state(record)
        gate.check_approvals(registry.register, record, bound)
    validation = plan.subject is not None
    return admission.check_inputs(workspace, registry.register, plan.inputs, validation=validation)


def _check_plan(plan: Plan, started: RunStarted, bound: ReleaseManifest) -> None:
    """Refuse a plan that says something else than the ledger, which is what an audit repeats."""
    subject = plan.subject.run_id if plan.subject else plan.repeats
    planned: dict[str, Any] = {
        "kind": plan.kind,
        "parameters": plan.parameters,
        "environment": plan.environment,
        "subject_run": subject,
    }
    wrong = [name for name, value in planned.items() if value != getattr(started, name)]
    if plan.subject is None and (plan.notebook, plan.inputs) != (bound.notebook.path, bound.inputs):
        wrong.append("notebook or inputs")
    if plan.threads != bound.threads:
        wrong.append("threads")
    if wrong:
        raise IntegrityBroken(
            f"plan.json of {plan.run_id} is not what was asked for",
            why=f"other than on record are {', '.join(wrong)}",
            next="start the run again",
        )


def execute(
    workspace: Workspace, plan: Plan, snapshots: Mapping[str, Path]
) -> tuple[list[Artifact], dict[str, Any]]:
    """Execute the notebook; returns its artifacts and the platform's fingerprint.

    Raises
    ------
    RunFailed
        A cell failed, never ended, or ended the kernel; the partial notebook is kept.
    """
    folder = run_folder(workspace, plan.run_id)
    stage_inputs(workspace, plan, snapshots)
    ticket = write_ticket(workspace, plan, snapshots)
    environment = kernel_environment(workspace, plan, ticket)
    source = folder / "work" / plan.notebook
    executed = folder / "notebook.ipynb"
    with _fingerprint(environment) as facts:
        _papermill(workspace, plan, source, executed, environment)
    session = session_of_run(workspace, plan.run_id)
    if not session:
        raise IntegrityBroken(
            f"{plan.run_id} left no journal",
            why="its kernel was not started by a recorder",
            next="install the product again, so that its kernels are its own, and run again",
        )
    if plan.subject is None:
        check_learned(workspace, Register.read(workspace), session)
    output = folder / "output"
    executed.rename(output / "notebook.ipynb")
    return collect(output), facts()


def _papermill(
    workspace: Workspace, plan: Plan, source: Path, executed: Path, environment: dict[str, str]
) -> None:
    deadline = time.monotonic() + plan.timeout_seconds
    try:
        papermill.execute_notebook(
            str(source),
            str(executed),
            parameters=plan.parameters,
            engine_name="governed",
            kernel_name="governed-release",
            cwd=str(source.parent),
            progress_bar=False,
            stdout_file=sys.stdout,
            stderr_file=sys.stderr,
            start_timeout=120,
            deadline=deadline,
            kernel_environment=environment,
            on_cell=_progress(workspace, plan),
        )
    except PapermillExecutionError as error:
        raise RunFailed(
            f"cell {error.cell_index + 1} of {plan.notebook} failed",
            why=f"{error.ename}: {str(error.evalue)[:500]}",
            next=f"the notebook up to there is {executed}; mend the research notebook "
            "and promote a new version",
        ) from error
    except CellTimeoutError as error:
        raise RunFailed(
            "a cell did not end in time",
            why=f"the run was given {plan.timeout_seconds:.0f} seconds",
            next="raise run.timeout_minutes in governed.toml (an administrator adopts it), "
            "or mend the cell",
        ) from error
    except DeadKernelError as error:
        raise RunFailed(
            "the kernel died",
            why="a cell killed it, or it ran out of memory",
            next=f"read {executed.parent / 'log.txt'}",
        ) from error
    except OSError as error:
        raise ResourceMissing(
            "the run could not write what it made",
            why=error.strerror or str(error),
            next="free disk space, then start the run again",
        ) from error


def _progress(workspace: Workspace, plan: Plan) -> Callable[[int, Any], None]:
    source = read_regular(run_folder(workspace, plan.run_id) / "work" / plan.notebook)
    cells = len(msgspec.json.decode(source)["cells"]) + 1  # papermill adds one
    heading = ""

    def on_cell(index: int, cell: Any) -> None:
        nonlocal heading
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("#"):
                heading = line.lstrip("# ").strip()[:80]
        progress = Progress(min(index + 1, cells), cells, heading)
        with contextlib.suppress(LockHeld):  # people see the next one; what is computed goes on
            run_states.update_state(
                workspace, plan.run_id, patience=_SECONDS_FOR_PROGRESS, progress=progress
            )

    return on_cell


@contextlib.contextmanager
def _fingerprint(environment: dict[str, str]) -> Iterator[Callable[[], dict[str, Any]]]:
    """Take the platform's fingerprint in a process with the kernel's environment, meanwhile."""
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_FINGERPRINT],
        env=environment,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )

    def facts() -> dict[str, Any]:
        said, _ = process.communicate(timeout=120)
        found: dict[str, Any] = msgspec.json.decode(said)
        return found

    try:
        yield facts
    finally:
        if sys.exc_info()[0] is not None:
            process.kill()
            process.communicate()


def _finish(
    workspace: Workspace,
    plan: Plan,
    state: Any,
    error: GovernedError | None,
    artifacts: list[Artifact],
    facts: dict[str, Any],
    seconds: float,
) -> None:
    # Before the end is put on record, so that the log on record is the whole of it.
    _say(f"{plan.run_id} {state} after {seconds:.1f} s" + (f"\n{error}" if error else ""))
    session = session_of_run(workspace, plan.run_id)
    ended = RunEnded(
        run_id=plan.run_id,
        state=state,
        artifacts=artifacts,
        session_id=session,
        error=type(error).__name__ if error else "",
        reason=str(error) if error else "",
        seconds=round(seconds, 3),
        fingerprint=facts,
    )
    runs.finish(
        workspace,
        ended,
        error=error.describe() if error else {},
        artifacts=artifacts,
        session_id=session,
        device=_device(facts),
    )


def _device(facts: dict[str, Any]) -> str:
    gpus = facts.get("gpu") or []
    if gpus and (facts.get("torch") or {}).get("device") == "cuda":
        return str(gpus[0].get("name", "GPU"))
    return str((facts.get("cpu") or {}).get("model", ""))


def _interrupt(_: int, __: Any) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
