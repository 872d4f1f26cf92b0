"""``governed audit``: verify everything, repeat a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.markup import escape, render
from rich.tree import Tree

from governed_kernel.cli.options import (
    console,
    json_option,
    person_option,
    print_facts,
    print_json,
    proof_of,
    proof_option,
    workspace_option,
)
from governed_kernel.errors import CheckFailed, IntegrityBroken, UnknownName
from governed_kernel.visible import visible
from governed_kernel.workspace import Workspace

if TYPE_CHECKING:
    from governed_kernel.audit.as_of import Standing
    from governed_kernel.audit.report import Report

__all__ = ["audit"]


@click.group()
def audit() -> None:
    """Verify what was recorded; execute a run again and compare."""


@audit.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="For a bundle: file of the key that must have signed it ('governed audit key').",
)
@click.option(
    "--since",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="For a workspace: a checkpoint you kept ('governed audit checkpoint').",
)
@click.option(
    "--incremental",
    is_flag=True,
    help="For a workspace: leave out sealed sessions whose files are as you last verified them.",
)
@click.option(
    "--no-store",
    is_flag=True,
    help="For a workspace: leave out the lineage store's rows, on which nothing rests; holding "
    "them against the journals takes as long as making the store anew.",
)
@click.option(
    "--accept-older",
    is_flag=True,
    help="For a workspace: take the ledger though it ends before what you saw of it, because an "
    "older backup was restored. What you give up by that is told from then on.",
)
@json_option
@click.pass_context
def verify(
    context: click.Context,
    path: Path | None,
    key: Path | None,
    since: Path | None,
    incremental: bool,
    no_store: bool,
    accept_older: bool,
    as_json: bool,
) -> None:
    """Recompute everything from bytes up: a workspace, or the bundle at PATH alone.

    A bundle alone proves that it is whole; with --key also who made it. With --since nothing
    before that checkpoint can have been rewritten, even by an administrator who signed
    everything anew. What --incremental left out (the lineage store as well) is said, and what that
    relies on; it is never reported as good. Exits with 4 when something is not what was recorded,
    and names it.
    """
    from governed_kernel.audit.verification import verify_bundle, verify_workspace

    def progress(part: str) -> None:
        sys.stderr.write(f"  verifying {part}\n")

    if path is not None and (path / "signature.dsse.json").exists():
        report = verify_bundle(path, key.read_text() if key else "")
    elif path is not None and not (path / "governed.toml").exists():
        raise UnknownName(
            f"{path} is neither a bundle nor a workspace",
            why="it has neither signature.dsse.json nor governed.toml",
            next="name a folder below bundles/, or a workspace",
        )
    else:
        named = (context.find_root().obj or {}).get("workspace")
        place = path or (Path(named) if named else None)
        workspace = Workspace.open(place) if place else Workspace.find()
        store = not (incremental or no_store)
        how = {"incremental": incremental, "store": store, "accept_older": accept_older}
        report = verify_workspace(workspace, progress, since, **how)
    if as_json:
        print_json({"whole": report.is_whole, "checks": msgspec.to_builtins(report.checks)})
    else:
        for kind, outcomes in report.counts().items():
            said = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
            console().print(f"{kind:<10} {said}", markup=False)
        for check in report.checks:
            if check.outcome not in ("ok", "unread") or (
                path is not None and check.kind == "bundle"
            ):
                console().print(
                    f"{check.outcome.upper()}: {check.kind} {check.subject}: {check.detail}",
                    markup=False,
                )
        if report.is_whole:
            console().print(_verdict(report))
    if not report.is_whole:
        first = report.broken[0]
        raise IntegrityBroken(
            f"{len(report.broken)} of {len(report.checks)} checks failed",
            why=f"first: {first.kind} {first.subject}: {first.detail}",
            next="restore what is named from a backup; "
            + ("everything else verifies" if len(report.checks) > len(report.broken) else _NOTHING),
        )


_NOTHING = "nothing else could be looked at before that"


def _verdict(report: Report) -> str:
    """What a verification without a finding shows, and what it does not."""
    from governed_kernel.audit.seen import RELIES_ON

    left = len(report.unread)
    if not left:
        return "everything verifies"
    return f"all that was read verifies; {left} sealed sessions were not read again, by {RELIES_ON}"


@audit.command()
@json_option
@workspace_option
def key(workspace: Workspace, as_json: bool) -> None:
    """Print the public key that this workspace's bundles are signed with.

    Give it to whoever verifies bundles elsewhere, by a way that they trust.
    """
    from governed_kernel.governance.public_keys import parse_public_key
    from governed_kernel.governance.register import Register

    pem = Register.read(workspace).service_key
    if as_json:
        print_json({"key_id": parse_public_key(pem).keyid, "public_key": pem})
    else:
        click.echo(pem.strip())


@audit.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@json_option
@workspace_option
def checkpoint(workspace: Workspace, file: Path | None, as_json: bool) -> None:
    """Sign where the ledger stands, and write that to FILE to be kept elsewhere.

    'governed audit verify --since FILE' proves later that nothing before it was rewritten.
    """
    from governed_kernel.canonical import canonical_json
    from governed_kernel.files import write_atomically
    from governed_kernel.governance.signing import take_checkpoint
    from governed_kernel.lineage.attestations import Checkpoint

    entry = take_checkpoint(workspace)
    assert isinstance(entry.predicate, Checkpoint)
    said = entry.predicate
    name = f"{workspace.root.name}-{said.size}.checkpoint.json"
    target = file or Path(name)
    write_atomically(target, canonical_json(entry.envelope) + b"\n", mode=0o644)
    facts = {"size": said.size, "root": said.root, "file": str(target.absolute())}
    print_facts(facts, as_json, "a checkpoint; keep it where nobody of this workspace can write")


@audit.command("as-of")
@click.argument("date", metavar="DATE")
@click.option("--env", "environment", default="", help="Only what was live in that environment.")
@json_option
@workspace_option
def as_of(workspace: Workspace, date: str, environment: str, as_json: bool) -> None:
    """Say what was approved, live and running at DATE (a day's end, or a moment; UTC).

    It is read off the verified ledger as it stood then: with the digests of bundles, releases and
    evidence, the approvals that counted then, and the outcome of validation.
    """
    from governed_kernel.audit import as_of as standing
    from governed_kernel.lineage.dates import moment

    found = standing.as_of(workspace, moment(date, end_of_day=True), environment)
    if as_json:
        print_json(found)
        return
    tree = _standing(found)
    lines = list(_lines(tree))
    if len(lines) > _MANY:  # drawing thousands of branches takes longer than finding them
        click.echo("\n".join(lines))
    else:
        console().print(tree)


_MANY = 200


def _lines(tree: Tree, depth: int = 0) -> Iterator[str]:
    """A tree as indented text."""
    yield "  " * depth + visible(render(str(tree.label)).plain)
    for branch in tree.children:
        yield from _lines(branch, depth + 1)


def _standing(found: Standing) -> Tree:
    """How things stood, as a tree of text."""
    at, known = found.at, found.ledger
    root = Tree(f"[bold]as of {at:%Y-%m-%d %H:%M:%S} UTC[/bold]")
    root.add(f"[dim]by {known['records']} records of the ledger, root {known['root']}[/dim]")
    if known["bear_a_later_time"]:
        numbers = ", ".join(map(str, known["bear_a_later_time"]))
        root.add(f"[yellow]a clock stepped back: records {numbers} bear a later time[/yellow]")
    if not found.policy["is_known"]:
        root.add("[yellow]other rules are in force now: what counted is not known[/yellow]")
    elif not found.policy["is_in_force_now"]:
        root.add("[dim]by the rules that were in force then; now there are others[/dim]")
    live = root.add(f"[bold]live[/bold] [dim]{len(found.live)}[/dim]")
    for item in found.live:
        place = f"{item['environment']}/{item['slot']}"
        branch = live.add(escape(f"{place}: {item['bundle']}"))
        since = f"since {item['live_from']:%Y-%m-%d %H:%M:%S} by {item['person']}"
        branch.add(escape(f"{since}, bundle digest {item['bundle_digest']}"))
        branch.add(escape(f"{item['release']} ({item['state']}), run {item['run']}"))
        _add_evidence(branch, item)
    approved = root.add(f"[bold]approved[/bold] [dim]{len(found.approved)}[/dim]")
    for item in found.approved:
        text = f"{item['release']} ({item['state']}) by {item['author']}, digest {item['digest']}"
        _add_evidence(approved.add(escape(text)), item)
    running = root.add(f"[bold]running[/bold] [dim]{len(found.running)}[/dim]")
    for item in found.running:
        since = f"since {item['started_at']:%Y-%m-%d %H:%M:%S}"
        running.add(escape(f"{item['run']} of {item['release']}, {since} by {item['person']}"))
    return root


def _add_evidence(branch: Tree, item: dict[str, Any]) -> None:
    """What a deployment or a release rests on."""
    for given in item["approvals"]:
        said = {True: "counted", False: "did not count", None: "not known"}[given["counts"]]
        why = f": {given['reason']}" if given["reason"] else ""
        text = f"approval for {given['purpose']} by {given['printed_name']} {said}{why}"
        branch.add(escape(f"{text} ({given['signed_at']:%Y-%m-%d %H:%M:%S})"))
    checked = item.get("validation")
    if checked:
        cases = ", ".join(f"{number} {outcome}" for outcome, number in checked["cases"].items())
        verdict = "passed" if checked["passed"] else "failed"
        branch.add(escape(f"validation {checked['suite']} {verdict}: {cases}"))
    for read in item["inputs"]:
        branch.add(escape(f"input {read['name']} {read['sha256']}"))


@audit.command()
@click.argument("release")
@click.option("--html", is_flag=True, help="Write the pages; without it, the facts are printed.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the pages go. Default: reports/RELEASE in the workspace.",
)
@json_option
@workspace_option
def report(
    workspace: Workspace, release: str, html: bool, output: Path | None, as_json: bool
) -> None:
    """Tell RELEASE to people: a page for risk managers, one for engineers, and an index.

    Each of the two prints to one A4 page; the index says where the evidence for each point of the
    EU AI Act's Annex IV lies.
    """
    from governed_kernel.audit.annex_iv import points
    from governed_kernel.audit.dossier import Dossier

    found = Dossier.read(workspace, release)
    facts: dict[str, Any] = {
        "release": found.release.name,
        "state": found.release.state,
        "risk_class": found.bound.risk_class,
        "bundle": found.verified,
        "open": found.concerns(),
    }
    if html:
        from governed_kernel.audit.pages import write

        folder = output or workspace.root / "reports" / found.release.name
        facts["pages"] = [str(path) for path in write(found, folder)]
    if as_json:
        facts["annex_iv"] = [item._asdict() for item in points(found)]
    print_facts(facts, as_json, f"{found.release.name}")


@audit.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "-p",
    "--parameter",
    "overrides",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Change an approved parameter on purpose, to see what it changes.",
)
@person_option
@proof_option
@json_option
@workspace_option
def rerun(
    workspace: Workspace,
    run_id: str,
    overrides: tuple[tuple[str, str], ...],
    person: str,
    proof: Path | None,
    as_json: bool,
) -> None:
    """Execute RUN again from its bundle, in an empty folder, and compare the bits.

    Prints IDENTICAL, EQUIVALENT (within the approved tolerance, same gates) or DIFFERENT (exits
    with 1), and what differs. Within the tolerance are weights and the numbers of tables and JSON
    files; pictures may follow weights that moved, and what the notebook prints otherwise,
    durations of the run aside, is shown. Files of the environment that are not what was installed
    are named in every case.
    """
    from governed_kernel.audit.rerun import rerun as repeat
    from governed_kernel.cli.watching import line_printer

    secret = proof_of(workspace, person, proof)
    found = repeat(workspace, run_id, person, overrides, line_printer(), proof=secret)
    if as_json:
        print_json(found)
    else:
        out = console()
        out.print(found.verdict, style="bold green" if found.verdict != "DIFFERENT" else "bold red")
        out.print(f"weights   {found.weights_sha256}")
        if found.weights_sha256 != found.original_weights_sha256:
            out.print(f"original  {found.original_weights_sha256}")
        out.print(f"re-run    {found.rerun_id}, {found.seconds} s, log {found.log}", markup=False)
        out.print(f"compared  {len(found.compared)} artifacts")
        for line in [*found.differences, *found.surroundings]:
            out.print(f"  {line}", markup=False)
    if found.verdict == "DIFFERENT":
        raise CheckFailed(
            f"{found.rerun_id} is different from {run_id}",
            why=f"{len(found.differences)} differences, the first: {found.differences[0]}",
            next="the list above names each; surroundings that differ may explain it",
        )
