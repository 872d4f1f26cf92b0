"""``governed deploy`` and ``governed rollback``."""

from __future__ import annotations

import dataclasses

import click

from governed_kernel.cli.options import (
    Passphrase,
    by_adopted_rules,
    json_option,
    passphrase_option,
    person_option,
    print_facts,
    workspace_option,
)
from governed_kernel.workspace import Workspace

__all__ = ["deploy", "rollback"]


@click.command()
@click.argument("release")
@click.option("--env", "environment", required=True, help="Where: preprod, production …")
@click.option("--run", "run_id", default="", metavar="RUN", help="Default: the newest validated.")
@click.option("--slot", default="default", show_default=True, help="One bundle is live in a slot.")
@click.option("--reason", default="", metavar="TEXT", help="Kept in the record.")
@person_option
@passphrase_option
@json_option
@workspace_option
def deploy(
    workspace: Workspace,
    release: str,
    environment: str,
    run_id: str,
    slot: str,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Put the bundle of RELEASE live; it is sealed first where that was not done yet."""
    from governed_kernel.release.deployment import deploy as put_live

    made = put_live(
        workspace,
        release,
        environment,
        person,
        passphrase(f"Passphrase of {person}"),
        run_id=run_id,
        slot=slot,
        reason=reason,
    )
    again = " already; nothing was changed" if made.replaced == made.bundle else ""
    title = f"{made.release} is live in {environment}{again}"
    print_facts(dataclasses.asdict(made), as_json, title)


@click.command()
@click.option("--env", "environment", required=True, help="Where: preprod, production …")
@click.option("--slot", default="default", show_default=True, help="One bundle is live in a slot.")
@click.option("--reason", default="", metavar="TEXT", help="Kept in the record.")
@person_option
@passphrase_option
@json_option
@workspace_option
def rollback(
    workspace: Workspace,
    environment: str,
    slot: str,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Put live again what was live before, in one signed step.

    What was revoked since, or is not whole any more, is passed over.
    """
    from governed_kernel.release.deployment import roll_back

    made = roll_back(
        by_adopted_rules(workspace, person, "rollback", environment),
        environment,
        person,
        passphrase(f"Passphrase of {person}"),
        slot=slot,
        reason=reason,
    )
    title = f"{made.release} is live in {environment} again"
    print_facts(dataclasses.asdict(made), as_json, title)
