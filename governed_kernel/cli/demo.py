"""``governed demo``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click
from rich.table import Table

from governed_kernel.cli.options import console

__all__ = ["demo"]


@click.command()
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Leave workspace and keys in DIR for looking around.",
)
def demo(keep: Path | None) -> None:
    """The whole loop on real data: research, promotion, approval, run, release, audit.

    It types the commands that a user would type, in a fresh copy of the example workspace.
    """
    from governed_kernel.demonstration import Demonstration, make_writable

    folder = keep or Path(tempfile.mkdtemp(prefix="governed-demo-"))
    made = Demonstration(folder, click.echo)
    try:
        made.run()
        table = Table(title="The loop", title_justify="left")
        table.add_column("step")
        table.add_column("seconds", justify="right")
        for step in made.steps:
            table.add_row(step.title, f"{step.seconds:.1f}")
        table.add_row("total", f"{sum(step.seconds for step in made.steps):.1f}", style="bold")
        console().print("", table)
        if keep is not None:
            _say_where(made.workspace, made.people, made.run_id)
    finally:
        if keep is None:
            make_writable(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _say_where(workspace: Path, people: Path, run_id: str) -> None:
    out = console()
    out.print("", "Where to look:")
    for place, what in (
        ("release/biopsy-triage@1/diff.html", "what became of the research notebook"),
        (f".governed/runs/{run_id}/log.txt", "the run's log, with the optimiser's steps"),
        ("bundles/", "the signed bundle: model card, bom.cdx.json, model.sig, evaluation"),
    ):
        out.print(f"  {workspace / place}  {what}", markup=False, soft_wrap=True)
    out.print("Next:")
    # 'make demo' runs it from an environment that the reader's shell need not know
    program = "governed" if shutil.which("governed") else f"{sys.executable} -m governed_kernel"
    command = f"GOVERNED_HOME={people} {program} --workspace {workspace} lab"
    out.print(f"  {command}", markup=False, soft_wrap=True)
