"""``governed run`` and ``governed validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from governed_kernel.cli.options import (
    json_option,
    person_option,
    print_facts,
    proof_of,
    proof_option,
    workspace_option,
)
from governed_kernel.errors import CheckFailed
from governed_kernel.release import runs
from governed_kernel.release.run_states import RunState
from governed_kernel.workspace import Workspace

__all__ = ["run", "validate"]

_detach = click.option("--detach", is_flag=True, help="Start it and return at once.")


@click.command()
@click.argument("release")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A parameter within its approved schema; may be repeated.",
)
@_detach
@person_option
@proof_option
@json_option
@workspace_option
def run(
    workspace: Workspace,
    release: str,
    parameters: tuple[tuple[str, str], ...],
    detach: bool,
    person: str,
    proof: Path | None,
    as_json: bool,
) -> None:
    """Execute the approved RELEASE headlessly, in a process of its own.

    Ctrl-C stops the run; closing the terminal does not.
    """
    from governed_kernel.release.execution import start_release

    secret = proof_of(workspace, person, proof)
    state = start_release(workspace, release, person, parameters, proof=secret)
    _report(workspace, state, detach, as_json)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--suite", default="", metavar="PATH", help="Default: the release's first suite.")
@_detach
@person_option
@proof_option
@json_option
@workspace_option
def validate(
    workspace: Workspace,
    run_id: str,
    suite: str,
    detach: bool,
    person: str,
    proof: Path | None,
    as_json: bool,
) -> None:
    """Run a suite of the release over what RUN made.

    Only a validation run may read the locked holdout. Exits with 1 when the suite says no.
    """
    from governed_kernel.cli.watching import line_printer
    from governed_kernel.release.execution import start_validation
    from governed_kernel.release.registry import Registry

    secret = proof_of(workspace, person, proof)
    state = start_validation(workspace, run_id, person, suite, proof=secret)
    if detach:
        _report(workspace, state, detach, as_json)
        return
    runs.follow_to_end(workspace, state.run_id, line_printer())
    found = Registry.read(workspace).run(run_id).validated
    assert found is not None
    cases = [
        {
            "layer": case.layer,
            "case": case.case_id,
            "outcome": case.outcome,
            "value": round(case.value, 6),
            "threshold": case.threshold,
            "blocking": case.blocking,
            "note": case.note,
        }
        for case in found.cases
    ]
    if as_json:
        print_facts(
            {"run": run_id, "suite": found.suite, "passed": found.passed, "cases": cases}, True
        )
    else:
        print_facts(cases, False, f"{found.suite} over {run_id}")
    if not found.passed:
        failing = [case["case"] for case in cases if case["outcome"] != "passed"]
        raise CheckFailed(
            f"{found.suite} did not pass",
            why=f"not passed: {', '.join(map(str, failing))}",
            next="mend the notebook and promote a new version, run with other parameters, or have "
            "the risk of one case accepted: 'governed release accept-risk RELEASE CASE'",
        )


def _report(workspace: Workspace, state: RunState, detach: bool, as_json: bool) -> None:
    from governed_kernel.cli.watching import line_printer

    if not detach:
        state = runs.follow_to_end(workspace, state.run_id, line_printer())
    facts: dict[str, Any] = {
        "run": state.run_id,
        "release": state.release,
        "state": state.state,
        "seconds": round(state.seconds, 1),
        "device": state.device,
        "artifacts": [artifact.name for artifact in state.artifacts],
        "folder": str(workspace.runs / state.run_id),
    }
    print_facts(facts, as_json, f"{state.run_id}: {state.state}")
