"""``governed init``: make a workspace."""

from __future__ import annotations

import getpass
from pathlib import Path

import click

from governed_kernel.cli.options import Passphrase, json_option, passphrase_option, print_facts
from governed_kernel.governance import genesis, keys
from governed_kernel.governance.register import Register

__all__ = ["init", "new_passphrase"]


def new_passphrase(passphrase: Passphrase, person: str) -> bytes:
    """A passphrase for a key that is made now: on a terminal it is asked for twice."""
    chosen = passphrase(f"New passphrase for the key of {person}")
    if passphrase(f"The same again for {person}") != chosen:
        raise click.BadParameter("the two passphrases differ; nothing was made")
    return chosen


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--as",
    "person",
    envvar="GOVERNED_PERSON",
    metavar="PERSON",
    default=lambda: getpass.getuser().lower(),
    show_default="the user of this computer",
    help="The first administrator.",
)
@click.option("--printed-name", metavar="NAME", help="Their name as it stands beside signatures.")
@click.option("--name", metavar="NAME", default="", help="What the workspace is called.")
@passphrase_option
@json_option
def init(
    folder: Path,
    person: str,
    printed_name: str | None,
    name: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Make a workspace in DIR: its files, its ledger, its first administrator.

    Where DIR holds a governed.toml already (a clone of somebody's workspace) its files are kept.
    """
    known = keys.key_file(person).exists()
    secret = passphrase(f"Passphrase of {person}") if known else new_passphrase(passphrase, person)
    workspace = genesis.initialise(folder, person, printed_name or person, secret, name)
    register = Register.read(workspace)
    facts = {
        "workspace": register.name,
        "workspace_id": register.workspace_id,
        "folder": str(workspace.root),
        "administrator": person,
        "printed_name": register.person(person).printed_name,
        "policy": register.policy,
        "next": "governed people add NAME --role ROLE",
    }
    print_facts(facts, as_json, "A workspace was made")
