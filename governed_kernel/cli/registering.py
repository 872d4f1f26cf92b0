"""``governed data register`` and ``mask``: what enters the catalog, and its masked copy."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from governed_kernel.cli.options import (
    actor_option,
    json_option,
    print_facts,
    workspace_option,
)
from governed_kernel.cli.reading import copying
from governed_kernel.governance import authorization, catalog, catalog_rows, descriptions
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.visible import visible
from governed_kernel.workspace import Workspace

__all__ = ["mask", "register"]


@click.command()
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
    help="Of the query; repeatable. It is written :NAME for SQLite, $NAME for DuckDB, and for "
    "PostgreSQL $1, $2 … in the order given. What is written as a number is one (12, -0.5, not "
    "012); cast it where the column is text, and text where it is a date: $1::date.",
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
    help="A column that no model may be made from; may be given several times. What a session "
    "made of such columns is registered with them unasked.",
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
    kind: descriptions.Kind,
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

    An ADDRESS is brought by fsspec (s3://, gs://, https:// …), or is the database that
    --query is asked of: sqlite:///PATH, duckdb:///PATH, postgresql://HOST/DATABASE. Credentials
    come from the environment; one in an address is refused. The same content again is the same
    version.
    """
    from governed_kernel.governance import sources

    source = sources.on_this_machine(source)
    named = _named_values(parameters)
    asked = {"statement": query, "parameters": named} if query else {}
    description = descriptions.Description(
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
    with brought as path, copying(path) as progress:
        done = catalog.register(workspace, name, path, description, person, progress)
    _warn_of_the_end(done.version, retention)
    _tell_inherited(done.version, never_learn)
    for odd in done.version.odd:
        click.echo(f"governed: warning: {visible(odd)}", err=True)
    title = "was registered" if done.new else "is this content already; nothing was changed"
    facts = {
        **catalog_rows.shown(catalog_rows.row(done.version), as_json),
        "new": done.new,
        "card": workspace.relative(done.card),
        **_masked(workspace, done.version),
    }
    print_facts(facts, as_json, f"{catalog.label(done.version)} {title}")


@click.command()
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
    descriptions.check_person(current, person)
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


def _tell_inherited(version: DatasetRegistered, asked: tuple[str, ...]) -> None:
    """Say which columns are never to be learned because of what a session made them from."""
    more = [column for column in version.never_learn if column not in asked]
    if more and version.made_from:
        named = ", ".join(column or "a column without a name" for column in more)
        said = f"{named} of {catalog.label(version)} may never be learned: a session "
        said += f"made it from {', '.join(version.made_from)}, of which such columns go into it, "
        said += "or may, as far as is known; a data steward who has looked opens one by "
        click.echo(f"governed: {visible(said)}'governed data may-learn'", err=True)


def _warn_of_the_end(version: DatasetRegistered, asked: str) -> None:
    """Say that a version had to be gone already, or is not kept as long as was asked for."""
    label, until = catalog.label(version), version.retention_until
    if authorization.is_expired(version):
        said = f"{label} had to be gone by {until}: nobody may read it, and no run use it"
    elif asked and descriptions.as_day(asked) != until:
        said = f"{label} is kept until {until}, as before: no later day is taken"
    else:
        return
    click.echo(f"governed: warning: {said}", err=True)


def _named_values(texts: tuple[str, ...]) -> dict[str, Any]:
    from governed_kernel.governance.sources import typed

    values: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--parameter")
        if name in values:
            raise click.BadParameter(f"{name!r} is given twice", param_hint="--parameter")
        values[name] = typed(value)
    return values
