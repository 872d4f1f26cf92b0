"""``governed store``: the lineage store as a file, made anew from the journals at any time."""

from __future__ import annotations

import sys

import click

from governed_kernel.cli import keeping
from governed_kernel.cli.options import json_option, print_facts, workspace_option
from governed_kernel.workspace import Workspace

__all__ = ["store"]


@click.group()
def store() -> None:
    """Keep the lineage store: make it anew, look after what it is made from."""


@store.command("rebuild")
@json_option
@workspace_option
def rebuild(workspace: Workspace, as_json: bool) -> None:
    """Delete the lineage store and make it anew from journals and ledger, with the same contents.

    Nothing is lost: the store is made from the journals, and gates never ask it.
    """
    from governed_kernel.release import projection

    def progress(part: str) -> None:
        sys.stderr.write(f"  {part}\n")

    made = projection.rebuild(workspace, progress)
    facts = {
        "store": str(made.path),
        "bytes": made.path.stat().st_size,
        "events": sum(journal.events for journal in made.report.journals),
        "problems": [journal.problem for journal in made.report.journals if journal.problem],
    }
    print_facts(facts, as_json, "the lineage store was made anew")


for _command in (keeping.backup, keeping.collect, keeping.erase, keeping.restore):
    store.add_command(_command)
