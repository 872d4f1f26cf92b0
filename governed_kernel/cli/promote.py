"""``governed check`` and ``governed promote``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from governed_kernel.cli.options import (
    Passphrase,
    console,
    json_option,
    passphrase_option,
    person_option,
    print_facts,
    print_json,
    workspace_option,
)
from governed_kernel.release.findings import Finding, is_blocked
from governed_kernel.workspace import Workspace

__all__ = ["check", "promote"]

_STYLES = {"blocking": "bold red", "warning": "yellow", "note": "dim"}


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@json_option
@workspace_option
def check(workspace: Workspace, notebook: Path, as_json: bool) -> int:
    """Tell what stands between NOTEBOOK and a release.

    Exits with 1 when something does.
    """
    from governed_kernel.release.promotion import examine

    found = examine(workspace, workspace.named(notebook))
    blocked = is_blocked(found.findings)
    if as_json:
        print_json(
            {
                "notebook": workspace.relative(found.path),
                "session_id": found.session.session_id,
                "inputs": [item.name for item in found.session.inputs],
                "suites": [suite.path for suite in found.suites],
                "environment": found.environment.digest(),
                "promotable": not blocked,
                "findings": msgspec.to_builtins(found.findings),
            }
        )
    else:
        _show(found.findings)
        verdict = "can't be promoted yet" if blocked else "can be promoted"
        console().print(f"{workspace.relative(found.path)} {verdict}", markup=False)
    return 1 if blocked else 0


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--name", default="", metavar="RELEASE", help="Default: the notebook's name.")
@click.option("--risk-class", default="unrated", show_default=True, help="Of the use case.")
@person_option
@passphrase_option
@json_option
@workspace_option
def promote(
    workspace: Workspace,
    notebook: Path,
    name: str,
    risk_class: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Make a release candidate of NOTEBOOK, signed by its author."""
    from governed_kernel.release.promotion import promote as make

    made = make(
        workspace,
        workspace.named(notebook),
        person,
        passphrase(f"Passphrase of {person}"),
        name=name,
        risk_class=risk_class,
    )
    facts = {
        "release": made.release,
        "state": "candidate",
        "digest": made.digest,
        "notebook": workspace.relative(made.notebook),
        "diff": workspace.relative(made.diff),
        "warnings": [finding.what for finding in made.warnings],
    }
    print_facts(facts, as_json, f"{made.release} is a candidate")


def _show(findings: list[Finding]) -> None:
    out = console()
    for finding in findings:
        out.print(
            f"{finding.severity}: {finding.what}", style=_STYLES[finding.severity], markup=False
        )
        out.print(f"  why:  {finding.why}", markup=False)
        out.print(f"  next: {finding.next}", markup=False)
