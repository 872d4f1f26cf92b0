"""``governed policy``: the rules in force."""

from __future__ import annotations

from typing import Any

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
from governed_kernel.errors import CheckFailed, UsageError
from governed_kernel.governance import explaining
from governed_kernel.governance import policy as actions
from governed_kernel.governance.cedar import Policies, Policy, schema_text
from governed_kernel.governance.genesis import write_starter_policies
from governed_kernel.governance.policy_cases import read_cases, run_cases
from governed_kernel.governance.register import Register
from governed_kernel.governance.rules import CASES, read_rules
from governed_kernel.workspace import Workspace

__all__ = ["policy"]


@click.group()
def policy() -> None:
    """The rules in governed.toml and policies/, which count once they were adopted."""


@policy.command()
@json_option
@workspace_option
def show(workspace: Workspace, as_json: bool) -> None:
    """The rules, and whether they are the ones adopted."""
    settings, adopted = workspace.settings, Register.read(workspace).policy
    policies, digest = read_rules(workspace)
    found = Policies(policies).policies
    facts = {"digest": digest, "adopted": adopted, "in_force": digest == adopted}
    if as_json:
        listed = msgspec.to_builtins(found)
        settled = msgspec.to_builtins(settings)
        print_facts({**facts, "settings": settled, "policies": listed}, as_json)
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
    print_facts([_line(policy) for policy in found], as_json, "Policies")


def _line(policy: Policy) -> dict[str, str]:
    place = f"{policy.file}:{policy.line}"
    return {"policy": policy.id, "effect": policy.effect, "where": place, "reason": policy.reason}


@policy.command()
@json_option
@workspace_option
def check(workspace: Workspace, as_json: bool) -> None:
    """Read every policy and hold it against the schema; names file and line of a mistake."""
    found, digest = actions.checked(workspace)
    files = len({policy.file for policy in found.policies})
    facts = {"policies": len(found.policies), "files": files, "digest": digest}
    print_facts(facts, as_json, "The policies are valid")


@policy.command()
def schema() -> None:
    """Print what policies may speak of: people, data, releases, actions."""
    click.echo(schema_text(), nl=False)


@policy.command()
@workspace_option
def starter(workspace: Workspace) -> None:
    """Write the commented starter set into policies/, where there is no policy yet."""
    written = write_starter_policies(workspace.policies)
    if not written:
        raise UsageError(
            "nothing was written",
            why=f"{workspace.policies} has policies already",
            next="edit them; 'governed policy check' checks them",
        )
    click.echo(f"wrote {', '.join(written)}; 'governed policy adopt --as ADMIN' makes them count")


@policy.command()
@json_option
@workspace_option
def test(workspace: Workspace, as_json: bool) -> None:
    """Ask the policies the cases in policies/cases.toml; exits with 1 when one fails or none is."""
    file = workspace.policies / CASES
    cases = read_cases(file)
    if not cases:
        raise CheckFailed(
            "no policy was tested",
            why=f"{file} {'has no [[case]]' if file.exists() else 'is not there'}",
            next="write cases; 'governed init' writes some to begin with into a new workspace",
        )
    outcomes = run_cases(workspace, Policies(read_rules(workspace).policies), cases)
    rows = [
        {
            "case": outcome.case.name,
            "outcome": "passed" if outcome.passed else "FAILED",
            "expected": outcome.case.wanted,
            "answer": outcome.said,
        }
        for outcome in outcomes
    ]
    print_facts(rows, as_json, f"{len(rows)} cases")
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if failed:
        raise CheckFailed(
            f"{len(failed)} of {len(outcomes)} cases are answered otherwise",
            why=f"first: {failed[0].case.name}: {failed[0].said}; "
            f"expected was {failed[0].case.wanted}",
            next="mend the policy or the case; 'governed policy explain' asks one question",
        )


@policy.command()
@click.argument("action")
@click.argument("resource", default="")
@person_option
@click.option("--purpose", default="", help="What data is read for; run or deployment to approve.")
@click.option("--mode", type=click.Choice(["research", "release"]), default="research")
@click.option("--run-kind", type=click.Choice(["", "release", "rerun", "validation"]), default="")
@click.option("--env", "environment", default="production", help="Where it would be deployed.")
@json_option
@workspace_option
def explain(
    workspace: Workspace,
    action: str,
    resource: str,
    person: str,
    purpose: str,
    mode: str,
    run_kind: str,
    environment: str,
    as_json: bool,
) -> None:
    """Say whether a person may do ACTION to RESOURCE, why, and what would change that.

    ACTION is read, promote, approve, accept-risk, answer-recall, reject, revoke, run, deploy,
    manage-people, register or recall; it is asked of what always holds (locked data, ended
    retention, needed roles, no own work) and of the policies as they lie there, adopted or not.
    Of run and deploy it also says what a release lacks for them, whoever asks. Nothing is done.
    """
    from governed_kernel.release.registry import Registry
    from governed_kernel.release.standing import refusal

    registry = Registry.read(workspace)
    register = registry.register
    rules = read_rules(workspace)
    asked = explaining.ask(
        register,
        action,
        resource,
        person,
        purpose=purpose,
        mode=mode,
        run_kind=run_kind,
        environment=environment,
    )
    found = explaining.explain(register, Policies(rules.policies), asked)
    reasons = [reason for _, reason in found.floor]
    if not (found.floor and found.verdict.allowed):
        reasons.append(found.verdict.why)
    facts: dict[str, Any] = {
        "allowed": found.verdict.allowed and not found.floor,
        "because": "; ".join(reasons),
        "policies": [*(policy for policy, _ in found.floor), *found.verdict.ids],
        "advice": found.verdict.advice,
        "adopted": rules.digest == register.policy,
        "gates": refusal(workspace, registry, action, resource),
        "would_be_allowed_if": found.changes,
        "masked": explaining.masked(register, asked),
    }
    if as_json:
        print_facts(facts, as_json)
        return
    gates, masked = facts.pop("gates"), facts.pop("masked")
    del facts["would_be_allowed_if"]
    print_facts(facts, as_json, f"{person}: {action} {resource}".strip())
    if found.floor:
        click.echo(f"no policy can change that{', but this would:' if found.changes else ''}")
    for change in found.changes:
        click.echo(f"it would be allowed if {change}")
    if masked:
        said = ", ".join(f"{column} ({how})" for column, how in masked.items())
        click.echo(f"for {person} its class masks {said}: data.load gives that copy, no path does")
    if gates:
        click.echo(f"whoever asks, gates refuse it now: {gates}")


@policy.command()
@person_option
@passphrase_option
@json_option
@workspace_option
def adopt(workspace: Workspace, person: str, passphrase: Passphrase, as_json: bool) -> None:
    """Sign for governed.toml and policies/ as they are; gates refuse what nobody signed for."""
    digest = actions.to_adopt(workspace)
    click.echo(f"{person} adopts governed.toml and policies with the digest {digest}", err=True)
    entry = actions.adopt(workspace, person, passphrase(f"Passphrase of {person}"), digest)
    print_facts(
        {"policy": digest, "person": person, "ledger_record": entry.number},
        as_json,
        "The policy was adopted",
    )
