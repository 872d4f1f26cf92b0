"""``governed approve``, ``reject`` and ``revoke``: a person's signature under a release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from governed_kernel.cli.options import (
    Passphrase,
    json_option,
    passphrase_option,
    person_option,
    print_facts,
    workspace_option,
)
from governed_kernel.errors import NotApproved
from governed_kernel.governance import approvals
from governed_kernel.governance.counting import Purpose
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import FileDigest
from governed_kernel.workspace import Workspace

if TYPE_CHECKING:
    from governed_kernel.release.registry import ReleaseRecord

__all__ = ["approve", "reject", "revoke"]

_reason = click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the record.")


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

    What is signed is shown before the passphrase is asked for.
    """
    found = _release(workspace, release)
    digest, evidence = found.digest, list[FileDigest]()
    if purpose == "deployment":
        run_id, digest, evidence = _evidence(found, run_id)
    _show_what(workspace, found, person, meaning, purpose, run_id, digest, evidence)
    entry = approvals.approve(
        workspace,
        found.name,
        purpose,
        person,
        passphrase(f"Passphrase of {person}"),
        meaning=meaning,
        digest=digest,
        evidence=evidence,
        run_id=run_id,
        comment=comment,
    )
    register = Register.read(workspace)
    counting = [
        given
        for given in register.approvals_for(found.name, digest, purpose, run_id)
        if given.counts
    ]
    facts: dict[str, Any] = {
        "release": found.name,
        "for": purpose,
        **({"run": run_id} if run_id else {}),
        "person": person,
        "printed_name": register.person(person).printed_name,
        "meaning": meaning,
        "digest": digest,
        "ledger_record": entry.number,
        "approvals": len(counting),
        "required": register.rule(purpose).required,
    }
    print_facts(facts, as_json, f"{found.name} was approved for {purpose}")


@click.command()
@click.argument("release")
@_reason
@person_option
@passphrase_option
@json_option
@workspace_option
def reject(
    workspace: Workspace,
    release: str,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Say no to RELEASE for good."""
    found = _release(workspace, release)
    _show_what(workspace, found, person, "rejected", "", "", found.digest, [])
    secret = passphrase(f"Passphrase of {person}")
    entry = approvals.reject(
        workspace, found.name, person, secret, digest=found.digest, reason=reason
    )
    facts = {"release": found.name, "person": person, "ledger_record": entry.number}
    print_facts(facts, as_json, f"{found.name} was rejected")


@click.command()
@click.argument("release")
@_reason
@person_option
@passphrase_option
@json_option
@workspace_option
def revoke(
    workspace: Workspace,
    release: str,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Withdraw RELEASE: it can't be run or deployed any more."""
    found = _release(workspace, release)
    _show_what(workspace, found, person, "revoked", "", "", found.digest, [])
    secret = passphrase(f"Passphrase of {person}")
    entry = approvals.revoke(
        workspace, found.name, person, secret, digest=found.digest, reason=reason
    )
    facts = {"release": found.name, "person": person, "ledger_record": entry.number}
    print_facts(facts, as_json, f"{found.name} was revoked")


def _release(workspace: Workspace, name: str) -> ReleaseRecord:
    from governed_kernel.release.registry import Registry

    return Registry.read(workspace).release(name)


def _evidence(release: ReleaseRecord, run_id: str) -> tuple[str, str, list[FileDigest]]:
    """The run that is approved, with the digest and the list of its evidence."""
    for run in reversed(release.runs):
        chosen = run.run_id == run_id if run_id else run.validated is not None
        if chosen and run.started.kind == "release":
            return run.run_id, *run.evidence()
    raise NotApproved(
        f"{release.name} has no such run to deploy",
        why=f"{run_id} is no run of it" if run_id else "none of its runs was validated",
        next=f"see 'governed release show {release.name}'",
    )


def _show_what(
    workspace: Workspace,
    release: ReleaseRecord,
    person: str,
    meaning: str,
    purpose: str,
    run_id: str,
    digest: str,
    evidence: list[FileDigest],
) -> None:
    """On standard error, so that it is read before the passphrase is typed."""
    known = Register.read(workspace).people.get(person)
    lines = [
        f"{known.printed_name if known else person} signs: {meaning}",
        f"  release   {release.name} ({release.state}), by {release.author}",
        *([f"  for       {purpose}"] if purpose else []),
        *([f"  run       {run_id}"] if run_id else []),
        f"  digest    {digest}",
        *(f"  evidence  {file.sha256[:16]}…  {file.path}" for file in evidence),
    ]
    click.echo("\n".join(lines), err=True)
