"""``governed approve``, ``reject`` and ``revoke``: a person's signature under a release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from governed_kernel.governance import approvals
from governed_kernel.governance.counting import Purpose, unmet
from governed_kernel.governance.register import Register
from governed_kernel.governance.verification import Entry
from governed_kernel.workspace import Workspace

__all__ = ["approve", "reject", "revoke"]


@click.command()
@click.argument("release")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["run", "deployment"]),
    default="run",
    show_default=True,
    help="What is approved.",
)
@click.option(
    "--run", "run_id", default="", metavar="RUN", help="For deployment; else the newest validated."
)
@click.option(
    "--meaning",
    type=click.Choice(approvals.MEANINGS),
    default="reviewed",
    show_default=True,
    help="What the signature means.",
)
@click.option("--comment", default="", metavar="TEXT", help="Kept with the signature.")
@person_option
@passphrase_option
@json_option
@workspace_option
def approve(
    workspace: Workspace,
    release: str,
    purpose: Purpose,
    run_id: str,
    meaning: str,
    comment: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Sign that RELEASE may be run, or that one run of it may be deployed.

    What is signed is verified, and shown before the passphrase is asked for.
    """
    from governed_kernel.cli.reviewed import show
    from governed_kernel.release.review import review

    found = review(workspace, release, purpose, person, run_id, to_sign=True)
    name = found.release.name
    what = f"that {found.run_id} may be deployed" if found.run_id else "that it may be run"
    signs = f"{_printed_name(workspace, person)} signs: {meaning}, {what}"
    show(found.release, signs, found.digest, found.facts)
    entry = approvals.approve(
        workspace,
        name,
        purpose,
        person,
        passphrase(f"Passphrase of {person}"),
        meaning=meaning,
        digest=found.digest,
        evidence=found.evidence,
        run_id=found.run_id or run_id,
        comment=comment,
    )
    register = Register.read(workspace)
    given = register.approvals_for(name, found.digest, purpose, found.run_id)
    facts: dict[str, Any] = {
        "release": name,
        "for": purpose,
        **({"run": found.run_id} if found.run_id else {}),
        "person": person,
        "printed_name": register.person(person).printed_name,
        "meaning": meaning,
        "digest": found.digest,
        "ledger_record": entry.number,
        "approvals": sum(approval.counts for approval in given),
        "required": register.rule(purpose, name).required,
        "missing": unmet(register.rule(purpose, name), [item for item in given if item.counts]),
    }
    if as_json:
        facts["reviewed"] = found.facts
    print_facts(facts, as_json, f"{name} was approved for {purpose}")


def _ending(name: str, help: str, said: str, end: Callable[..., Entry]) -> click.Command:
    """A command that ends a release by a signature and a reason."""

    @click.command(name, help=help)
    @click.argument("release")
    @click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the record.")
    @person_option
    @passphrase_option
    @json_option
    @workspace_option
    def command(
        workspace: Workspace,
        release: str,
        reason: str,
        person: str,
        passphrase: Passphrase,
        as_json: bool,
    ) -> None:
        from governed_kernel.cli.reviewed import show_release
        from governed_kernel.release.overview import places
        from governed_kernel.release.registry import Registry

        workspace = by_adopted_rules(workspace, person, name, release)
        found = Registry.read(workspace).release(release)
        show_release(found, f"{_printed_name(workspace, person)} signs: {said}", found.digest)
        secret = passphrase(f"Passphrase of {person}")
        entry = end(workspace, found.name, person, secret, digest=found.digest, reason=reason)
        live = places(Registry.read(workspace).live().get(found.name, ()))
        facts = {
            "release": found.name,
            "person": person,
            "ledger_record": entry.number,
            "live": [f"{item['environment']}/{item['slot']}" for item in live],
        }
        print_facts(facts, as_json, f"{found.name} was {said}")
        for item in live:
            where = f"--env {item['environment']} --slot {item['slot']}"
            click.echo(
                f"governed: warning: {item['bundle']} is live in {item['environment']}, slot "
                f"{item['slot']}, until something else is: 'governed rollback {where}', or "
                f"'governed deploy RELEASE {where}'",
                err=True,
            )

    return command


reject = _ending("reject", "Say no to RELEASE for good.", "rejected", approvals.reject)
revoke = _ending(
    "revoke",
    "Withdraw RELEASE: it can't be run or deployed any more.",
    "revoked",
    approvals.revoke,
)


def _printed_name(workspace: Workspace, person: str) -> str:
    known = Register.read(workspace).people.get(person)
    return known.printed_name if known else person
