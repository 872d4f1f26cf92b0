"""``governed check`` and ``governed promote``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from governed_kernel.release.findings import is_blocked
from governed_kernel.visible import visible
from governed_kernel.workspace import Workspace

if TYPE_CHECKING:
    from governed_kernel.release.promotion import Examination

__all__ = ["check", "promote"]

_STYLES = {"blocking": "bold red", "warning": "yellow", "note": "dim"}
_LONGEST = 72


def _release_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a release is called, and what people say of it."""
    for option in (
        click.option(
            "--field",
            "fields",
            nargs=2,
            multiple=True,
            metavar="TABLE.FIELD TEXT",
            help="A field of the card, such as model_card.contact; may be repeated.",
        ),
        click.option(
            "--card",
            type=click.Path(path_type=Path),
            help="The use-case card. Default: cards/RELEASE.toml.",
        ),
        click.option("--name", default="", metavar="RELEASE", help="Default: the notebook's name."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@_release_options
@json_option
@workspace_option
def check(
    workspace: Workspace,
    notebook: Path,
    name: str,
    card: Path | None,
    fields: tuple[tuple[str, str], ...],
    as_json: bool,
) -> int:
    """Tell what stands between NOTEBOOK and a release.

    Exits with 1 when something does.
    """
    from governed_kernel.release import intake
    from governed_kernel.release.promotion import examine

    found = examine(workspace, workspace.named(notebook), name=name, card=card, fields=fields)
    blocked = is_blocked(found.findings)
    if as_json:
        print_json(
            {
                "notebook": workspace.relative(found.path),
                "session_id": found.session.session_id,
                "inputs": [item.name for item in found.session.inputs],
                "suites": [suite.path for suite in found.suites],
                "environment": found.environment.digest(),
                "release": found.name,
                "card": dict(intake.facts(found.card)),
                "missing": [msgspec.to_builtins(item) for item in intake.missing(found.card)],
                "promotable": not blocked,
                "findings": msgspec.to_builtins(found.findings),
            }
        )
    else:
        _show(found)
        verdict = "can't be promoted yet" if blocked else "can be promoted"
        console().print(f"{workspace.relative(found.path)} {verdict}", markup=False)
    return 1 if blocked else 0


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@_release_options
@person_option
@passphrase_option
@json_option
@workspace_option
def promote(
    workspace: Workspace,
    notebook: Path,
    name: str,
    card: Path | None,
    fields: tuple[tuple[str, str], ...],
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Make a release candidate of NOTEBOOK, signed by its author.

    What only people can say of it is taken from its card, asked for on a terminal where it is
    missing, and bound into the release.
    """
    from governed_kernel.release.promotion import promote as make

    fields = (*fields, *_asked(workspace, notebook, name, card, fields))

    made = make(
        workspace,
        workspace.named(notebook),
        person,
        passphrase(f"Passphrase of {person}"),
        name=name,
        card=card,
        fields=fields,
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


def _asked(
    workspace: Workspace,
    notebook: Path,
    name: str,
    card: Path | None,
    fields: tuple[tuple[str, str], ...],
) -> list[tuple[str, str]]:
    """The fields that nobody filled in, asked for where there is a terminal to ask on."""
    if not sys.stdin.isatty():
        return []
    from governed_kernel.release import intake
    from governed_kernel.release.manifest import check_name

    stem = check_name(name or notebook.stem.replace("_", "-").lower())
    known, _ = intake.examine(workspace, stem, card, fields)
    return [
        (item.field, click.prompt(f"{item.field}: {item.asks}", err=True))
        for item in intake.missing(known)
    ]


def _show(found: Examination) -> None:
    out, lines = console(), _first_lines(found)
    for finding in found.findings:
        out.print(
            f"{finding.severity}: {finding.what}", style=_STYLES[finding.severity], markup=False
        )
        if finding.cell_id in lines:
            out.print(f"  cell: {lines[finding.cell_id]}", markup=False)
        out.print(f"  why:  {finding.why}", markup=False)
        out.print(f"  next: {finding.next}", markup=False)


def _first_lines(found: Examination) -> dict[str, str]:
    """What each cell begins with, by its id; of none that a secret was found in."""
    from governed_kernel.release.notebook import code_cells

    hidden = {finding.cell_id for finding in found.findings if finding.code == "secret"}
    lines = {
        cell.cell_id: cell.source.strip().splitlines()[0] for cell in code_cells(found.document)
    }
    return {
        cell_id: visible(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…")
        for cell_id, line in lines.items()
        if cell_id not in hidden
    }
