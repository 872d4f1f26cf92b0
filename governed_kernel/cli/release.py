"""``governed release``: the registry of releases, their runs and bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from governed_kernel.cli.options import (
    console,
    json_option,
    person_option,
    print_facts,
    print_json,
    workspace_option,
)
from governed_kernel.release import runs
from governed_kernel.release.overview import overview
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace

__all__ = ["release"]


@click.group()
def release() -> None:
    """Releases, their states, runs and bundles."""


@release.command("list")
@json_option
@workspace_option
def list_releases(workspace: Workspace, as_json: bool) -> None:
    """Every release with its state."""
    runs.reap_all(workspace)
    rows = [
        {
            "release": record.name,
            "state": record.state,
            "author": record.author,
            "digest": record.digest,
            "runs": len(record.runs),
            "bundle": record.bundle.name if record.bundle else "",
        }
        for record in Registry.read(workspace).releases.values()
    ]
    print_facts(rows, as_json, "Releases")


@release.command()
@click.argument("name", metavar="RELEASE")
@json_option
@workspace_option
def show(workspace: Workspace, name: str, as_json: bool) -> None:
    """The whole path of RELEASE: states, approvals, runs, validation, bundle, deployments."""
    runs.reap_all(workspace)
    registry = Registry.read(workspace)
    record = registry.release(name)
    facts = overview(registry, record)
    if as_json:
        print_json(facts)
        return
    _draw(facts)


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
    for step in facts["history"]:
        path.add(
            escape(
                f"{step['at']:%Y-%m-%d %H:%M:%S}  {step['state']:<10} "
                f"{step['person']}: {step['reason']}"
            )
        )
    for title in ("approvals", "runs", "refusals", "deployments"):
        if not facts[title]:
            continue
        branch = tree.add(title)
        for row in facts[title]:
            shown = ", ".join(
                f"{key} {value}" for key, value in row.items() if value not in ("", None, [], {})
            )
            branch.add(escape(shown))
    console().print(tree)
