"""``governed store``: the lineage store as a file, made anew from the journals at any time."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from governed_kernel.cli import keeping
from governed_kernel.cli.options import json_option, print_facts, print_json, workspace_option
from governed_kernel.workspace import Workspace

__all__ = ["store"]


@click.group()
def store() -> None:
    """Keep the lineage store: make it anew, look after what it is made from."""


def _progress(part: str) -> None:
    sys.stderr.write(f"  {part}\n")


@store.command("rebuild")
@json_option
@workspace_option
def rebuild(workspace: Workspace, as_json: bool) -> None:
    """Delete the lineage store and make it anew from journals and ledger, with the same contents.

    Nothing is lost: the store is made from the journals, and gates never ask it. Cards in catalog/
    that are gone are written anew as well.
    """
    from governed_kernel.release import projection

    made = projection.rebuild(workspace, _progress)
    facts = {
        "store": made.location,
        "bytes": made.size(),
        "events": sum(journal.events for journal in made.report.journals),
        "problems": [journal.problem for journal in made.report.journals if journal.problem],
    }
    print_facts(facts, as_json, "the lineage store was made anew")


@store.command("export")
@click.option(
    "--parquet",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder to make; it must not exist, or be empty.",
)
@json_option
@workspace_option
def export(workspace: Workspace, folder: Path, as_json: bool) -> None:
    """Write every public view of the lineage store to a Parquet file, all as of one moment.

    The folder appears when it is complete; contents.json in it says what is there.
    """
    from governed_kernel.lineage.parquet import export_parquet
    from governed_kernel.release.projection import refresh

    contents = export_parquet(refresh(workspace), folder, _progress)
    if as_json:
        print_json({"folder": str(folder.absolute()), **contents})
    else:
        rows = [{"view": view, "rows": count} for view, count in contents["rows"].items()]
        print_facts(rows, as_json, str(folder.absolute()))


@store.command("info")
@json_option
@workspace_option
def info(workspace: Workspace, as_json: bool) -> None:
    """Say what the lineage store and its journals hold, and how much room they take."""
    from governed_kernel.lineage.inventory import inventory
    from governed_kernel.release.projection import refresh

    print_facts(inventory(refresh(workspace)), as_json, "the lineage store")


@store.command("move")
@click.argument("target", metavar="file|ducklake:postgres:CONNECTION")
@click.option("--data", default="", metavar="DIR|s3://…", help="Folder for the lake's files.")
@click.option("--schema", default="", help="Schema of the lake's catalog; else 'governed'.")
@json_option
@workspace_option
def move(workspace: Workspace, target: str, data: str, schema: str, as_json: bool) -> None:
    """Move the lineage store into a lake that workspaces share, or back into a file.

    The new one is made from journals and ledger and held against the old one, table by table; only
    then do governed.toml name it and the old one go. A password is never named here: libpq finds
    it in ~/.pgpass, PGPASSWORD or a service file.
    """
    from governed_kernel.release import moving

    made, rows = moving.move(workspace, target, data, schema, _progress)
    facts = {
        "store": made.location,
        "tables compared": len(rows),
        "rows compared": sum(rows.values()),
    }
    print_facts(facts, as_json, "the lineage store was moved")


@store.command("import")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True))
@json_option
@workspace_option
def import_(workspace: Workspace, folder: Path, as_json: bool) -> None:
    """Take in the ledger and the sealed journals of the workspace in DIR, so that traces cross.

    They are verified first, and copied without texts, data and keys. Again, it brings what is new.
    """
    from governed_kernel.audit.importing import import_workspace
    from governed_kernel.release.projection import refresh

    facts = import_workspace(workspace, Workspace.open(folder), _progress)
    refresh(workspace)
    print_facts(facts, as_json, "imported")


for _command in (keeping.backup, keeping.collect, keeping.erase, keeping.restore):
    store.add_command(_command)
