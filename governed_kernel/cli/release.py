"""``governed release``: the registry of releases, their runs and bundles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

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
from governed_kernel.files import write_atomically
from governed_kernel.release import runs
from governed_kernel.release.overview import overview, places
from governed_kernel.release.registry import Registry
from governed_kernel.visible import visible
from governed_kernel.workspace import Workspace

__all__ = ["release"]


@click.group()
def release() -> None:
    """Releases, their states, runs and bundles."""


@release.command("list")
@json_option
@workspace_option
def list_releases(workspace: Workspace, as_json: bool) -> None:
    """Every release with its state, its newest bundle, and which of its bundles is live where."""
    runs.reap_all(workspace)
    registry = Registry.read(workspace)
    live = registry.live()
    rows: list[dict[str, Any]] = [
        {
            "release": record.name,
            "state": record.state,
            "author": record.author,
            "digest": record.digest,
            "runs": len(record.runs),
            "bundle": record.bundle.name if record.bundle else "",
            "live": places(live.get(record.name, ())),
        }
        for record in registry.releases.values()
    ]
    if not as_json:
        rows = [{**row, "live": _where(row["live"], row["bundle"])} for row in rows]
    print_facts(rows, as_json, "Releases")


def _where(live: list[dict[str, str]], newest: str) -> list[str]:
    """Where a release is live, and with which bundle if that is not its newest."""
    return [
        f"{item['environment']}/{item['slot']}"
        + (f": {item['bundle']}" if item["bundle"] != newest else "")
        for item in live
    ]


@release.command()
@click.argument("name", metavar="RELEASE")
@click.option(
    "--svg",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the path into a new SVG file.",
)
@json_option
@workspace_option
def show(workspace: Workspace, name: str, svg: Path | None, as_json: bool) -> None:
    """The whole path of RELEASE: commit, run, validation, approvals, bundle, deployments."""
    from governed_kernel.release.path import picture

    runs.reap_all(workspace)
    registry = Registry.read(workspace)
    facts = overview(registry, registry.release(name))
    if svg is not None:
        write_atomically(svg, picture(facts).encode())
    if as_json:
        print_json(facts)
        return
    _draw(facts)


@release.command()
@click.argument("name", metavar="RELEASE")
@json_option
@workspace_option
def card(workspace: Workspace, name: str, as_json: bool) -> int:
    """The use-case card of the releases of that name: what it says, and what is missing.

    Written from a template to cards/RELEASE.toml where there is none. Exits with 1 when a field is
    missing, is blank or begins with a mark to be filled in (TODO: …), or governed.toml has no
    such risk class.
    """
    from governed_kernel.release import intake
    from governed_kernel.release.manifest import check_name

    path = intake.start(workspace, check_name(name.partition("@")[0]))
    text = intake.read(path, required=True)
    found = intake.parse(text, path)
    missing = [msgspec.to_builtins(item) for item in intake.missing(found, text)]
    unknown = intake.unknown_class(workspace, found)
    facts: dict[str, Any] = {
        "card": workspace.relative(path),
        "said": dict(intake.facts(found)),
        "missing": missing,
        "risk_classes": {
            known: risk.description for known, risk in workspace.settings.risk_classes.items()
        },
        "unknown_risk_class": unknown,
    }
    if as_json:
        print_json(facts)
    else:
        print_facts(facts["said"], False, str(facts["card"]))
        for item in missing:
            click.echo(f"{facts['card']}, line {item['line']}: nobody said {item['asks']}")
        if unknown:
            known = ", ".join(facts["risk_classes"])
            click.echo(visible(f"governed.toml has no risk class {unknown!r}; it has {known}"))
    return 1 if missing or unknown else 0


@release.command("accept-risk")
@click.argument("name", metavar="RELEASE")
@click.argument("case")
@click.option("--run", "run_id", default="", metavar="RUN", help="Default: the newest validated.")
@click.option("--until", required=True, metavar="DATE", help="The last day it counts (ISO 8601).")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the record.")
@click.option("--control", required=True, metavar="TEXT", help="What is done instead.")
@person_option
@passphrase_option
@json_option
@workspace_option
def accept_risk(
    workspace: Workspace,
    name: str,
    case: str,
    run_id: str,
    until: str,
    reason: str,
    control: str,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Let one failing CASE of a validation pass until a day, by a signature.

    Its author accepts no risk of a release; a new validation is judged anew.
    """
    from governed_kernel.release import acceptance

    acceptance.check_terms(until, reason, control)  # before anybody is asked for a passphrase
    registry = Registry.read(workspace)
    record = registry.release(name)
    run = acceptance.judged_run(registry, record, run_id)
    _, failing = acceptance.accepted_case(run, case)
    click.echo(
        f"{person} accepts until {until}: {failing.layer}/{failing.case_id} of {run.run_id} "
        f"({record.name}), {failing.value:.4g} against {failing.threshold:.4g}",
        err=True,
    )
    said = acceptance.accept(
        workspace,
        record.name,
        case,
        person,
        passphrase(f"Passphrase of {person}"),
        until=until,
        reason=reason,
        control=control,
        run_id=run.run_id,
    )
    facts = msgspec.to_builtins(said)
    print_facts(facts, as_json, f"{case} of {record.name} may fail until {until}")


@release.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--tar",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Pack it into a new file as well; the same bundle always gives the same bytes.",
)
@person_option
@json_option
@workspace_option
def build(workspace: Workspace, run_id: str, tar: Path | None, person: str, as_json: bool) -> None:
    """Make, sign and register the bundle of RUN; `governed deploy` does it too."""
    from governed_kernel.release import bundle

    made = bundle.build(workspace, run_id, person)
    packed = {"tar": str(tar), "tar_sha256": bundle.pack(workspace, made, tar)} if tar else {}
    facts = {
        "bundle": made.name,
        "release": made.release,
        "run": made.run_id,
        "sha256": made.digest,
        "folder": str(workspace.bundles / made.name),
        **packed,
    }
    print_facts(facts, as_json, f"{made.name} is sealed")


def _draw(facts: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.tree import Tree

    tree = Tree(f"[bold]{escape(facts['release'])}[/bold]  {facts['state']}")
    tree.add(f"digest {facts['digest']}")
    tree.add(escape(f"from {facts['notebook']} by {facts['author']}, risk {facts['risk_class']}"))
    path = tree.add("path")
    nodes = [path]
    for depth, line in _path(facts):
        nodes = [*nodes[: depth + 1], nodes[depth].add(escape(line))]
    history = tree.add("history")
    for step in facts["history"]:
        history.add(
            escape(
                f"{step['at']:%Y-%m-%d %H:%M:%S}  {step['state']:<10} "
                f"{step['person']}: {step['reason']}"
            )
        )
    told = facts | {"risks": [row | {"until": _until(row)} for row in facts["risks"]]}
    for title in ("risks", "recalls", "refusals"):
        if not told[title]:
            continue
        branch = tree.add(title)
        for row in told[title]:
            shown = ", ".join(
                f"{key} {_plain(value)}"
                for key, value in row.items()
                if value not in ("", None, [], {})
            )
            branch.add(escape(shown))
    console().print(tree)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)


def _until(risk: dict[str, Any]) -> str:
    passed = ", which has passed" if risk["state"] == "expired" else ""
    return f"{risk['until']:%Y-%m-%d}{passed}"


def _path(facts: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """The path line by line: how far in, and what stands there."""
    yield 0, f"commit {facts['commit'] or 'not known'}"
    yield 1, f"{facts['release']}, promoted by {facts['author']}"
    yield from ((2, line) for line in _signed(facts, "run", ""))
    for run in facts["runs"]:
        told = f": {run['error']}" if run["error"] else ""
        yield 2, f"{run['kind']} {run['run']} {run['state']}, by {run['person']}{told}"
        for found in run["evaluations"]:
            verdict = "passed" if found["passed"] else "did not pass"
            failed = f", not {', '.join(found['failed'])}" if found["failed"] else ""
            yield 3, f"validated by {found['suite']}: {verdict}{failed} ({found['run']})"
        yield from ((3, f"re-run {said}") for said in run["reruns"])
        yield from ((3, line) for line in _signed(facts, "deployment", run["run"]))
        if run["bundle"]:
            yield 3, f"bundle {run['bundle']}"
        for item in facts["deployments"]:
            if item["bundle"] == run["bundle"]:
                until = f"{item['live_to']:%Y-%m-%d %H:%M}" if item["live_to"] else "now"
                yield (
                    4,
                    f"live in {item['environment']}, slot {item['slot']}, from "
                    f"{item['live_from']:%Y-%m-%d %H:%M} to {until}, by {item['person']}",
                )


def _signed(facts: dict[str, Any], purpose: str, run: str) -> Iterator[str]:
    for item in facts["approvals"]:
        if (item["for"], item["run"]) == (purpose, run):
            counts = f"as {item['role']}" if item["counts"] else f"does not count: {item['reason']}"
            yield (
                f"{item['meaning']} for {purpose} by {item['printed_name']}, "
                f"{item['signed_at']:%Y-%m-%d %H:%M}, {counts}"
            )
