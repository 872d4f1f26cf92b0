"""``governed policy``: the rules in force."""

from __future__ import annotations

import click
import msgspec

from governed_kernel.cli.options import (
    Passphrase,
    json_option,
    passphrase_option,
    person_option,
    print_facts,
    workspace_option,
)
from governed_kernel.governance import policy as actions
from governed_kernel.governance.register import Register
from governed_kernel.workspace import Workspace

__all__ = ["policy"]


@click.group()
def policy() -> None:
    """The rules in governed.toml, which count once an administrator has signed for them."""


@policy.command()
@json_option
@workspace_option
def show(workspace: Workspace, as_json: bool) -> None:
    """The rules, and whether they are the ones adopted."""
    settings, adopted = workspace.settings, Register.read(workspace).policy
    digest = settings.policy_digest()
    facts = {"digest": digest, "adopted": adopted, "in_force": digest == adopted}
    if as_json:
        print_facts({**facts, "settings": msgspec.to_builtins(settings)}, as_json)
        return
    print_facts(facts, as_json, "Policy")
    classes = [
        {"class": name, "description": known.description, "purposes": known.purposes}
        for name, known in settings.classes.items()
    ]
    print_facts(classes, as_json, "Data classes")
    rules = [
        {"approval for": purpose, "required": rule.required, "roles": rule.roles}
        for purpose, rule in (
            ("run", settings.approvals.run),
            ("deployment", settings.approvals.deployment),
        )
    ]
    print_facts(rules, as_json, "Approvals")


@policy.command()
@person_option
@passphrase_option
@json_option
@workspace_option
def adopt(workspace: Workspace, person: str, passphrase: Passphrase, as_json: bool) -> None:
    """Sign for the governed.toml that lies there now; gates refuse one that nobody signed for."""
    digest = workspace.settings.policy_digest()
    click.echo(f"{person} adopts governed.toml with the digest {digest}", err=True)
    entry = actions.adopt(workspace, person, passphrase(f"Passphrase of {person}"))
    print_facts(
        {"policy": digest, "person": person, "ledger_record": entry.number},
        as_json,
        "The policy was adopted",
    )
