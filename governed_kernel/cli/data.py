"""``governed data``: the catalog of datasets and base models."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from governed_kernel.cli.options import (
    Passphrase,
    actor_option,
    console,
    json_option,
    passphrase_option,
    person_option,
    print_facts,
    workspace_option,
)
from governed_kernel.cli.transform import transform
from governed_kernel.governance import authorization, catalog, catalog_rows
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
            "--key", "keys", multiple=True, metavar="COLUMN", help="Names an entity; repeatable."
        ),
    ):
        function = option(function)
    return function


@click.group()
def data() -> None:
    """Datasets and base models: versions known by content, with class, owner and purposes."""


@data.command()
@click.argument("name")
@click.argument("source", metavar="PATH|ADDRESS")
@click.option(
    "--query", default="", metavar="SQL", help="Register its result; ADDRESS is a database."
)
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Of the query; repeatable.",
)
@click.option("--class", "data_class", required=True, help="A data class of governed.toml.")
@click.option("--owner", required=True, help="Who answers for it.")
@click.option(
    "--purpose", "purposes", multiple=True, required=True, help="May be given several times."
)
@click.option("--legal-basis", required=True, help="Why it may be used.")
@click.option("--retention", default="", metavar="DATE", help="It must be gone by then.")
@click.option("--kind", type=click.Choice(["data", "model"]), default="data", show_default=True)
@click.option("--licence", default="", help="For example Apache-2.0.")
@click.option("--origin", default="", help="Where it comes from, for people.")
@click.option("--intended-use", default="", help="What a base model is meant for.")
@click.option(
    "--training-data", default="", help="What is known of a base model's own training data."
)
@click.option(
    "--adaptation",
    default="",
    help="Why a base model is adapted, and why no smaller change solves the problem.",
)
@click.option(
    "--never-learn",
    multiple=True,
    metavar="COLUMN",
    help="A column that no model may be made from; may be given several times.",
)
@actor_option
@json_option
@workspace_option
def register(
    workspace: Workspace,
    name: str,
    source: str,
    query: str,
    parameters: tuple[str, ...],
    data_class: str,
    owner: str,
    purposes: tuple[str, ...],
    legal_basis: str,
    retention: str,
    kind: catalog.Kind,
    licence: str,
    origin: str,
    intended_use: str,
    training_data: str,
    adaptation: str,
    never_learn: tuple[str, ...],
    person: str,
    as_json: bool,
) -> None:
    """Register a file or folder as a version of NAME, with an immutable snapshot.

    An ADDRESS is brought by fsspec (s3://, gs://, https://, file:// …), or is the database that
    --query is asked of: sqlite:///PATH, duckdb:///PATH, postgresql://HOST/DATABASE. Credentials
    come from the environment; one in an address is refused. The same content again is the same
    version.
    """
    from governed_kernel.governance import sources

    named = dict(_named_value(text) for text in parameters)
    asked = {"statement": query, "parameters": named} if query else {}
    description = catalog.Description(
        data_class=data_class,
        owner=owner,
        purposes=purposes,
        legal_basis=legal_basis,
        kind=kind,
        retention_until=retention,
        licence=licence,
        origin=origin,
        intended_use=intended_use,
        training_data=training_data,
        adaptation=adaptation,
        never_learn=never_learn,
        source=sources.source_of(source) if sources.is_remote(source) else "",
        query=asked,
    )
    brought = _brought(workspace, name, source, asked)
    with brought as path, _progress(path) as progress:
        done = catalog.register(workspace, name, path, description, person, progress)
    _warn_of_the_end(done.version, retention)
    title = "was registered" if done.new else "is this content already; nothing was changed"
    facts = {
        **catalog_rows.shown(catalog_rows.row(done.version), as_json),
        "new": done.new,
        "card": workspace.relative(done.card),
        **_masked(workspace, done.version),
    }
    print_facts(facts, as_json, f"{catalog.label(done.version)} {title}")


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
@click.argument("name", metavar="NAME[@VERSION]")
@actor_option
@json_option
@workspace_option
def mask(workspace: Workspace, name: str, person: str, as_json: bool) -> None:
    """Make the copy of a version that those read for whom its class masks columns.

    Registering does so as well; this is for versions registered before governed.toml asked for it.
    """
    from governed_kernel.governance import masked_copies

    current = Register.read(workspace)
    current.check_policy()
    catalog.check_person(current, person)
    version = current.version(name)
    copy = masked_copies.make(workspace, version, catalog.verify(workspace, version), person)
    facts = {
        "version": catalog.label(version),
        "class": version.data_class,
        "masked": {},
        **_masked(workspace, version),
        "copy": str(copy) if copy else "none: its class masks nothing",
    }
    print_facts(facts, as_json, catalog.label(version))


@contextlib.contextmanager
def _brought(workspace: Workspace, name: str, source: str, asked: dict[str, Any]) -> Iterator[Path]:
    """What is registered, where it can be read: a query's result and what lies afar is a copy."""
    from governed_kernel.governance import sources

    with tempfile.TemporaryDirectory(prefix="governed-source-") as folder:
        if asked:
            path = Path(folder, f"{name}.parquet")
            sources.run_query(source, asked["statement"], asked["parameters"], path)
            yield path
        elif sources.is_remote(source):
            yield sources.fetch(source, Path(folder))
        else:
            yield workspace.named(Path(source))


def _masked(workspace: Workspace, version: DatasetRegistered) -> dict[str, Any]:
    """Which columns are masked, where the class masks some; a warning where it is none of these."""
    rule = workspace.settings.classes.get(version.data_class)
    if rule is None or not rule.masked or version.kind != "data":
        return {}
    from governed_kernel.governance import masked_copies

    masked, label = masked_copies.masked_in(workspace, version), catalog.label(version)
    if masked is None:
        said = f"of {label} no masked copy can be made; who may not see its columns reads nothing"
    elif not masked:
        said = f"no column of {label} is called {' or '.join(rule.masked)}: everybody sees all"
    else:
        return {"masked": masked}
    click.echo(f"governed: warning: {said}", err=True)
    return {"masked": masked or {}}


def _warn_of_the_end(version: DatasetRegistered, asked: str) -> None:
    """Say that a version had to be gone already, or is not kept as long as was asked for."""
    label, until = catalog.label(version), version.retention_until
    if authorization.is_expired(version):
        said = f"{label} had to be gone by {until}: nobody may read it, and no run use it"
    elif asked and catalog.as_day(asked) != until:
        said = f"{label} is kept until {until}, as before: no later day is taken"
    else:
        return
    click.echo(f"governed: warning: {said}", err=True)


def _named_value(text: str) -> tuple[str, Any]:
    from governed_kernel.governance.sources import typed

    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--parameter")
    return name, typed(value)


@contextlib.contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], None] | None]:
    """A bar on the terminal while much is hashed and copied."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    size = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
    with Progress(
        "copying and hashing",
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=size)
        yield lambda count: bar.advance(task, count)


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


data.add_command(transform)
