"""``governed lineage``: what was read, made and written, and what came of it."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governed_kernel.cli.options import (
    Passphrase,
    console,
    json_option,
    passphrase_option,
    person_option,
    print_facts,
    print_json,
    workspace_option,
)
from governed_kernel.errors import MissingExtra, UnknownName
from governed_kernel.files import write_atomically
from governed_kernel.lineage.dates import moment
from governed_kernel.lineage.store import Store
from governed_kernel.release.projection import opened, refresh
from governed_kernel.workspace import Workspace

if TYPE_CHECKING:
    from governed_kernel.lineage.graph import Graph

__all__ = ["lineage"]


def _up_to_date(workspace: Workspace) -> Store:
    """The store, brought up to date; what could not be read is said on standard error."""
    _announce(workspace)
    store = refresh(workspace)
    _warn(store)
    return store


@contextlib.contextmanager
def _open_and_up_to_date(workspace: Workspace) -> Iterator[Store]:
    """The same, opened once for a single question."""
    _announce(workspace)
    with opened(workspace) as store:
        _warn(store)
        yield store


def _announce(workspace: Workspace) -> None:
    if not workspace.keeps_lake and not workspace.store.exists() and sys.stderr.isatty():
        click.echo("governed: making the lineage store, once …", err=True)


def _warn(store: Store) -> None:
    for journal in store.report.journals:
        if journal.problem:
            click.echo(f"governed: warning: {journal.problem}", err=True)
        elif journal.torn:
            click.echo(
                f"governed: warning: the last record of session {journal.session_id} is "
                f"unfinished ({journal.torn} bytes) and was left out",
                err=True,
            )


@click.group()
def lineage() -> None:
    """Ask what was read, made and written, by which cell, and what came of it."""


@lineage.command("sql")
@click.argument("query")
@json_option
@workspace_option
def sql(workspace: Workspace, query: str, as_json: bool) -> None:
    """Run read-only SQL over the public views.

    "select view_name, comment from duckdb_views() where not internal" lists them.
    """
    with _open_and_up_to_date(workspace) as store:
        found = store.query(query)
    print_facts(found, as_json)


@lineage.command("sessions")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only N of them.")
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Pass over N.")
@click.option(
    "--search", default="", metavar="TEXT", help="In names, notebooks, runs, users, machines."
)
@json_option
@workspace_option
def sessions(
    workspace: Workspace, limit: int | None, offset: int, search: str, as_json: bool
) -> None:
    """List the recorded sessions, the newest first: how each ended, and what it lost.

    The state is "sealed", "running", "cut off" (its recorder was killed) or "journal gone"; "lost"
    counts what is on record as not recorded, such as cells for which the disk had no room.
    """
    from governed_kernel.lineage import session_states

    found = session_states.sessions(
        workspace, _up_to_date(workspace), limit=limit, offset=offset, search=search
    )
    title = "sessions" if limit is None else f"sessions ({len(found.sessions)} of {found.total})"
    print_facts(found.sessions, as_json, title)


@lineage.command("completeness")
@click.argument("session")
@json_option
@workspace_option
def completeness(workspace: Workspace, session: str, as_json: bool) -> None:
    """Say how much of what the witness of SESSION saw the observers explained."""
    store = _up_to_date(workspace)
    rows = store.query(
        """SELECT s.session_id, k.witness, k.witnessed, k.explained, k.unexplained
        FROM sessions s LEFT JOIN completeness k USING (session_id) WHERE s.session_id = ?""",
        [session],
    )
    if not rows:
        raise UnknownName(
            f"no session {session!r} is recorded",
            why="the journals of this workspace have none of that name",
            next="'governed lineage sessions' lists them",
        )
    left = store.query(
        """SELECT execution, operation, uri, via, evidence FROM accesses
        WHERE session_id = ? AND evidence IN ('unexplained', 'ambiguous') ORDER BY occurred_at""",
        [session],
    )
    if as_json:
        print_json({**rows[0], "accesses": left})
        return
    print_facts(rows[0], as_json, "completeness")
    print_facts(left, as_json, "not explained")


def _traced(found: Graph, as_json: bool, picture: Path | None) -> None:
    if picture is not None:
        from governed_kernel.lineage import pictures

        _draw(pictures.of_graph(found), picture)
    if as_json:
        print_json(found.as_json())
    elif picture is None:
        console().print(found.tree())


def _draw(svg: str, path: Path) -> None:
    write_atomically(path, svg.encode())
    click.echo(f"governed: drew {path}", err=True)


_svg = click.option(
    "--svg",
    "picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw it into this file instead of printing a tree.",
)
_depth = click.option(
    "--depth", type=click.IntRange(min=1), metavar="N", help="Follow at most N transformations."
)


@lineage.command("trace")
@click.argument("target", metavar="URI|PATH|DATASET|RELEASE|RUN")
@click.option("--columns", is_flag=True, help="Also show which source columns each column is from.")
@_depth
@_svg
@json_option
@workspace_option
def trace(
    workspace: Workspace,
    target: str,
    columns: bool,
    depth: int | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Show everything upstream of something, down to its sources."""
    from governed_kernel.lineage import graph

    store = _up_to_date(workspace)
    _traced(graph.trace(workspace, target, columns, depth, store=store), as_json, picture)


@lineage.command("impact")
@click.argument("target", metavar="URI|PATH|DATASET|RELEASE|RUN")
@click.option("--columns", is_flag=True, help="Also show which columns owe to its columns.")
@_depth
@_svg
@json_option
@workspace_option
def impact(
    workspace: Workspace,
    target: str,
    columns: bool,
    depth: int | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Show everything downstream of something: files, models, releases, deployments."""
    from governed_kernel.lineage import graph

    store = _up_to_date(workspace)
    _traced(graph.impact(workspace, target, columns, depth, store=store), as_json, picture)


@lineage.command("diff")
@click.argument("first", metavar="SESSION")
@click.argument("second", metavar="SESSION")
@_svg
@json_option
@workspace_option
def diff(
    workspace: Workspace, first: str, second: str, picture: Path | None, as_json: bool
) -> None:
    """Say what differs between two sessions: notebook, versions, accesses, columns, and so on."""
    from governed_kernel.lineage import comparison, pictures

    found = comparison.compare(workspace, first, second, store=_up_to_date(workspace))
    if picture is not None:
        _draw(pictures.of_comparison(found), picture)
    if as_json:
        print_json(found.as_json())
    elif picture is None:
        console().print(found.tree())


@lineage.command("readers")
@click.argument("target", metavar="DATASET|URI|PATH|RELEASE|RUN")
@click.option("--column", default="", help="Only readings of that column, or of unknown columns.")
@click.option("--from", "since", default="", metavar="DATE", help="The first day or moment, UTC.")
@click.option("--to", "until", default="", metavar="DATE", help="The last day or moment, UTC.")
@click.option("--parts", is_flag=True, help="Also who read what the dataset was split into.")
@json_option
@workspace_option
def readers(
    workspace: Workspace,
    target: str,
    column: str,
    since: str,
    until: str,
    parts: bool,
    as_json: bool,
) -> None:
    """List who read something, when, from which notebook and cell, and what allowed it."""
    from governed_kernel.lineage.readers import readers as find_readers

    rows = find_readers(
        workspace,
        target,
        column,
        moment(since) if since else None,
        moment(until, end_of_day=True) if until else None,
        parts=parts,
        store=_up_to_date(workspace),
    )
    if as_json:
        print_json(rows)
        return
    print_facts([_reading(row) for row in rows], as_json, f"readers of {target}")


def _reading(row: dict[str, Any]) -> dict[str, Any]:
    """A reading as a line that people can read; --json has all of it."""
    columns = row["columns"]
    version = f"@{row['version']}" if row["version"] else ""
    allowed = [row["decision"] or "not asked", *row["policies"]]
    if row["release"]:
        allowed += [row["release"], *(row["approved_by"] or ["approved by nobody"])]
    return {
        "when (UTC)": f"{row['occurred_at']:%Y-%m-%d %H:%M:%S}",
        "who": f"{row['person']} ({row['user_name']})" if row["person"] else row["user_name"],
        "notebook": row["notebook"],
        "cell": f"{row['execution']} in {row['session_id']}",
        "what": f"{row['dataset']}{version}" if row["dataset"] else row["uri"],
        "columns": "not known" if columns is None else ", ".join(columns),
        "decision": ", ".join(allowed),
        "purpose": row["purpose"],
    }


@lineage.command("unregistered")
@click.argument("release")
@json_option
@workspace_option
def unregistered(workspace: Workspace, release: str, as_json: bool) -> None:
    """List what a release read that is in no catalogued version, in its runs and in research.

    Code and suites that the release binds by digest are left out.
    """
    from governed_kernel.release.inputs import unregistered_inputs_of

    name, rows = unregistered_inputs_of(workspace, release, _up_to_date(workspace))
    print_facts(rows, as_json, f"unregistered inputs of {name}")


@lineage.command("texts")
@click.argument("session")
@person_option
@passphrase_option
@json_option
@workspace_option
def texts(
    workspace: Workspace, session: str, person: str, passphrase: Passphrase, as_json: bool
) -> None:
    """Show what people wrote in SESSION: sources of cells, statements, messages of errors.

    Where lineage.readers names roles only they may, and the store holds none of it. That somebody
    read it is put on record.
    """
    from governed_kernel.governance.reading import texts_of

    secret = passphrase(f"Passphrase of {person}")
    print_facts(texts_of(workspace, session, person, secret), as_json, f"texts of {session}")


@lineage.command("export")
@click.option(
    "--openlineage",
    "destination",
    required=True,
    metavar="FILE|URL|-",
    help="Events of OpenLineage: one a line into a file or onto standard output, or to a server.",
)
@click.option("--since", default="", metavar="DATE", help="Only sessions that began then or later.")
@json_option
@workspace_option
def export(workspace: Workspace, destination: str, since: str, as_json: bool) -> None:
    """Tell another system what sessions did: each notebook's run, its cells, data and columns.

    To a server only what it has not acknowledged yet is sent, also after a failure half-way; the
    key in OPENLINEAGE_API_KEY goes along. Cells' sources and other erasable texts are left out.
    """
    delivery = _delivery()
    store, start = _up_to_date(workspace), moment(since) if since else None
    if destination == "-":
        delivery.to_stream(store, sys.stdout.buffer, destination, start)
        return
    if "://" in destination:
        done = delivery.to_endpoint(store, destination, start)
    else:
        done = delivery.to_file(store, Path(destination), start)
    facts = {"to": done.destination, "sessions": done.sessions, "events": done.events}
    if done.before:
        facts["acknowledged before"] = done.before
    print_facts(facts, as_json, "exported")


def _delivery() -> Any:
    try:
        return importlib.import_module("governed_kernel.lineage.openlineage.delivery")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("openlineage", "attr", "requests"):
            raise MissingExtra("openlineage-python", "openlineage") from error
        raise
