"""``governed recall``: what was made from withdrawn data, and what becomes of it."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import click

from governed_kernel.cli.options import (
    Passphrase,
    actor_option,
    by_adopted_rules,
    json_option,
    passphrase_option,
    person_option,
    print_facts,
    print_json,
    workspace_option,
)
from governed_kernel.visible import visible
from governed_kernel.workspace import Workspace

__all__ = ["recall"]

_record = click.option(
    "--record",
    nargs=2,
    default=None,
    metavar="COLUMN VALUE",
    help="A record only: rows whose COLUMN is VALUE. The ledger never says which.",
)


@click.group()
def recall() -> None:
    """Data that is taken back, and the releases made from it."""


@recall.command()
@click.argument("name", metavar="NAME@VERSION")
@_record
@actor_option
@json_option
@workspace_option
def plan(
    workspace: Workspace,
    name: str,
    record: tuple[str, str] | None,
    person: str,
    as_json: bool,
) -> None:
    """List everything downstream of a version or of a record; nothing is changed.

    A record is looked for by who may see all values of the data: the answer tells of them.
    """
    from governed_kernel.release.recall import downstream

    _show(dataclasses.asdict(downstream(workspace, name, record, person)), as_json)


@recall.command("open")
@click.argument("name", metavar="NAME@VERSION")
@_record
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the record.")
@person_option
@passphrase_option
@json_option
@workspace_option
def open_recall(
    workspace: Workspace,
    name: str,
    record: tuple[str, str] | None,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Withdraw a version or a record, and open a finding on every release made from it.

    These releases are neither run nor deployed until somebody answers for each.
    """
    from governed_kernel.release.recall import recall as take_back

    workspace = by_adopted_rules(workspace, person, "recall", name)
    secret = passphrase(f"Passphrase of {person}")
    called, found = take_back(workspace, name, person, secret, reason, record)
    _show({"recall": called, **dataclasses.asdict(found)}, as_json)


@recall.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that were answered, too.")
@json_option
@workspace_option
def list_recalls(workspace: Workspace, everything: bool, as_json: bool) -> None:
    """The findings that recalls opened on releases."""
    from governed_kernel.release.registry import Registry

    rows = [
        {
            "recall": finding.recall.recall,
            "release": name,
            "versions": sorted(finding.recall.versions),
            "records": finding.recall.records,
            "reason": finding.recall.reason,
            "opened_at": finding.opened_at,
            "opened_by": finding.recall.person,
            "state": finding.state,
            "answered_by": finding.answer.person if finding.answer else "",
            "answer": finding.answer.reason if finding.answer else "",
        }
        for name, finding in Registry.read(workspace).recalls()
        if everything or finding.answer is None
    ]
    print_facts(rows, as_json, "Recalls")


@recall.command()
@click.argument("called", metavar="RECALL")
@click.argument("release")
@click.option(
    "--decision",
    type=click.Choice(["continue", "stop"]),
    required=True,
    help="Whether the release may be run and deployed again.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the record.")
@person_option
@passphrase_option
@json_option
@workspace_option
def answer(
    workspace: Workspace,
    called: str,
    release: str,
    decision: Literal["continue", "stop"],
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Answer what RECALL asks of RELEASE, by a signature; never its author's."""
    from governed_kernel.release.recall import answer as give

    secret = passphrase(f"Passphrase of {person}")
    said = give(workspace, called, release, person, secret, decision=decision, reason=reason)
    facts = {"recall": called, "release": said.release, "decision": decision, "person": person}
    print_facts(facts, as_json, f"{called} is answered for {said.release}")


def _show(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(facts)
        return
    named = {key: value for key, value in facts.items() if key == "recall" and value}
    named["versions"] = ", ".join(
        f"{name} ({facts['records'][name]} records)" if name in facts["records"] else name
        for name in facts["versions"]
    )
    print_facts(named, False, "Downstream")
    if facts["unread"]:
        click.echo("Could not be read, so that nobody can tell whether it has to do with it:")
        for each in facts["unread"]:
            click.echo(f"  {visible(each)}")
        click.echo("A release among these is taken to read it; restore what is missing.")
    for title in ("files", "releases", "runs", "bundles", "deployments"):
        if facts[title]:
            print_facts(facts[title], False, title.capitalize())
