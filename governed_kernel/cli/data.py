"""``governed data``: the catalog of datasets and base models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import click

from governed_kernel.cli.options import (
    Passphrase,
    actor_option,
    by_adopted_rules,
    json_option,
    passphrase_option,
    person_option,
    print_facts,
    workspace_option,
)
from governed_kernel.cli.registering import mask, register
from governed_kernel.cli.transform import transform
from governed_kernel.governance import catalog, catalog_rows
from governed_kernel.governance.holdings import holds
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["data"]

P = ParamSpec("P")
R = TypeVar("R")


def _held_against_each_other(function: Callable[P, R]) -> Callable[P, R]:
    """``--key``, ``--text`` and ``--time``: by what parts, or versions, must be apart."""
    for option in (
        click.option(
            "--time", default="", metavar="COLUMN", help="Later ones must not be earlier."
        ),
        click.option(
            "--text",
            "texts",
            multiple=True,
            metavar="COLUMN",
            help="Also by its words, and nearly alike (MinHash); repeatable.",
        ),
        click.option(
            "--key",
            "keys",
            multiple=True,
            metavar="COLUMN",
            help="Names an entity, as it is written; repeatable.",
        ),
    ):
        function = option(function)
    return function


@click.group()
def data() -> None:
    """Datasets and base models: versions known by content, with class, owner and purposes."""


@data.command("list")
@json_option
@workspace_option
def list_data(workspace: Workspace, as_json: bool) -> None:
    """Every version in the catalog."""
    rows = catalog_rows.rows(Register.read(workspace))
    print_facts([catalog_rows.shown(row, as_json) for row in rows], as_json, "Catalog")


@data.command()
@click.argument("name")
@json_option
@workspace_option
def show(workspace: Workspace, name: str, as_json: bool) -> None:
    """One version (NAME@VERSION, or the newest of NAME): facts, and what it may be used for."""
    current = Register.read(workspace)
    version = current.version(name)
    facts = catalog_rows.shown(catalog_rows.facts(workspace, current, version), as_json)
    print_facts(facts, as_json, catalog.label(version))


@data.command()
@click.argument("name")
@json_option
@workspace_option
def verify(workspace: Workspace, name: str, as_json: bool) -> None:
    """Hash every byte of a version again; exit code 4 when one is not what was registered."""
    version = Register.read(workspace).version(name)
    path = catalog.verify(workspace, version)
    facts = {"version": catalog.label(version), "sha256": version.sha256, "snapshot": str(path)}
    print_facts(facts, as_json, "Every byte is what was registered")


@data.command()
@click.argument("name")
@click.option(
    "--by", "code", required=True, metavar="FILE.py[:FUNCTION]", help="split(frame) → parts."
)
@click.option(
    "--target", "targets", multiple=True, metavar="COLUMN", help="Is predicted; repeatable."
)
@_held_against_each_other
@actor_option
@json_option
@workspace_option
def split(
    workspace: Workspace,
    name: str,
    code: str,
    keys: tuple[str, ...],
    targets: tuple[str, ...],
    texts: tuple[str, ...],
    time: str,
    person: str,
    as_json: bool,
) -> None:
    """Divide NAME by code into NAME-train, NAME-validation and NAME-holdout (locked).

    The code is one file, which is kept; it imports what is installed, no file of the workspace.
    Refused when a row, or an entity of --key, comes into more than one part. Afterwards only
    validation runs read the holdout, or NAME itself, which contains it; what was made from NAME
    before is told, and closed as it is, and so is what NAME was made from, which can be transformed
    on: what that makes is closed until it is divided, and held against this holdout then.
    """
    from governed_kernel.governance import split as splitting

    done = splitting.divide(
        workspace, name, code, person, keys=keys, targets=targets, texts=texts, time=time
    )
    facts: dict[str, Any] = {
        "dataset": catalog.label(done.parent),
        **{
            part: f"{catalog.label(found.version)}, {done.rows[part]} rows"
            for part, found in done.parts.items()
        },
        "dropped": done.dropped,
        "leaks": done.leaks,
        "closed": done.closed,
        "new": done.new,
    }
    title = "was divided" if done.new else "was divided in just this way before"
    print_facts(facts, as_json, f"{catalog.label(done.parent)} {title}")


@data.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME[@VERSION] NAME[@VERSION]…")
@click.option(
    "--ignore", "ignored", multiple=True, metavar="COLUMN", help="Makes no row differ; repeatable."
)
@_held_against_each_other
@click.option("--similarity", type=float, help="From which share texts are nearly alike.")
@actor_option
@json_option
@workspace_option
def leaks(
    workspace: Workspace,
    names: tuple[str, ...],
    keys: tuple[str, ...],
    ignored: tuple[str, ...],
    texts: tuple[str, ...],
    time: str,
    similarity: float | None,
    person: str,
    as_json: bool,
) -> None:
    """Hold versions against each other: rows, entities, texts and times that are in several.

    Only numbers are told, so that a locked holdout can be among them. What is found is on record;
    '[leaks] action' in governed.toml says whether it blocks (exit code 1) or warns.
    """
    from governed_kernel.governance.leak_checks import check_leaks
    from governed_kernel.governance.leaks import Asked

    share = workspace.settings.leaks.similarity if similarity is None else similarity
    asked = Asked(keys=keys, ignored=ignored, texts=texts, time=time, similarity=share)
    found = check_leaks(workspace, names, asked, person)
    facts = {"versions": found.versions, **found.checks, "outcome": found.outcome}
    print_facts(facts, as_json, "what they share")


@data.command()
@click.argument("name", metavar="NAME@VERSION")
@click.option("--reason", default="", help="Why; it stays in the ledger.")
@person_option
@passphrase_option
@json_option
@workspace_option
def withdraw(
    workspace: Workspace,
    name: str,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Take a version back: nobody may read it any more, and no release run starts with it.

    The same content under another name is withdrawn with it, and every folder that holds it. What
    was made from it is not: it is listed, and withdrawn version by version. A finding is opened on
    every release made from it, as by 'governed recall open'. Its content stays until 'governed
    store collect', and for ever where a release names it.
    """
    from governed_kernel.release.recall import withdraw as take_back

    workspace = by_adopted_rules(workspace, person, "data withdraw", name)
    secret = passphrase(f"Passphrase of {person}")
    called, found = take_back(workspace, name, person, secret, reason)
    version = Register.read(workspace).version(name)
    facts = {
        "version": catalog.label(version),
        "state": version.state,
        "sha256": version.sha256,
        **_also_and_not(workspace, version, found.versions),
        "recall": called,
        "releases": [row["release"] for row in found.releases],
        "unread": found.unread,
    }
    print_facts(facts, as_json, "withdrawn")


@data.command("may-learn")
@click.argument("name", metavar="NAME@VERSION")
@click.option("--column", "columns", multiple=True, metavar="COLUMN", help="Which; repeatable.")
@click.option("--close", "closes", is_flag=True, help="Take it back: what was opened is closed.")
@click.option("--reason", default="", help="Why; it stays in the ledger.")
@person_option
@passphrase_option
@json_option
@workspace_option
def may_learn(
    workspace: Workspace,
    name: str,
    columns: tuple[str, ...],
    closes: bool,
    reason: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Let models learn a column after all that a version was closed with by what it was made from.

    Lineage closes a column where it can't rule out that one goes into it that must never be
    learned, also where it only bears the name of one that was left out. It takes a data steward or
    an administrator who has looked, and is told by 'governed data show' and in every data bill.
    It holds for this content under each of its names, and for what is made from it later, until
    --close takes it back; what was registered meanwhile of what is made from it stays as it is.
    What anybody declared by --never-learn is not opened.
    """
    from governed_kernel.governance.may_learn import allow, close

    sign = close if closes else allow
    version = sign(workspace, name, columns, person, passphrase(f"Passphrase of {person}"), reason)
    facts = {
        "version": catalog.label(version),
        "closed" if closes else "opened": list(columns),
        "never_learn": version.never_learn,
    }
    print_facts(facts, as_json, "may not be learned any more" if closes else "may be learned")


def _also_and_not(
    workspace: Workspace, withdrawn: DatasetRegistered, family: Iterable[str]
) -> dict[str, list[str]]:
    """Other names of what was withdrawn, folders with it, and what was made from it and stays."""
    register = Register.read(workspace)
    others = [register.version(name) for name in family if name != catalog.label(withdrawn)]
    alike = [each for each in others if holds(each, withdrawn.sha256)]
    made = [each for each in others if each.state != "withdrawn"]
    return {
        "also_withdrawn": [catalog.label(each) for each in alike],
        "not_withdrawn": [catalog.label(each) for each in made],
    }


@data.command()
@click.option("--on", "day", default="", metavar="DATE", help="Another day than today.")
@click.option("--all", "everything", is_flag=True, help="Also what may still be kept.")
@json_option
@workspace_option
def retention(workspace: Workspace, day: str, everything: bool, as_json: bool) -> None:
    """List versions that had to be gone by now, and how many sessions read them since."""
    from governed_kernel.lineage.dates import moment
    from governed_kernel.lineage.events import now
    from governed_kernel.lineage.shortcomings import past_retention
    from governed_kernel.release.projection import refresh

    on = moment(day) if day else now()
    rows = past_retention(refresh(workspace), on.date(), everything=everything)
    print_facts(rows, as_json, "retention" if everything else "past their retention")


for command in (register, mask, transform):
    data.add_command(command)
