"""What ``governed store`` keeps, and for how long: erasing texts, backups, collecting snapshots."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from governed_kernel.cli.options import (
    Passphrase,
    json_option,
    passphrase_option,
    print_facts,
    workspace_option,
)
from governed_kernel.errors import IntegrityBroken, UsageError
from governed_kernel.workspace import Workspace

__all__ = ["backup", "collect", "erase", "restore"]


_signer = click.option(
    "--as",
    "person",
    envvar="GOVERNED_PERSON",
    default="",
    metavar="PERSON",
    help="The acting person (or GOVERNED_PERSON): an administrator or data steward.",
)


def _named(person: str) -> str:
    if not person:
        raise UsageError(
            "nobody signs for it",
            why="it takes an administrator or a data steward",
            next="name one with --as PERSON",
        )
    return person


@click.command("erase")
@click.option("--session", default="", metavar="SESSION", help="All texts of a session.")
@click.option(
    "--dataset",
    default="",
    metavar="NAME[@VERSION]",
    help="Texts of sessions from the first cell that read it on.",
)
@click.option(
    "--subject",
    default="",
    metavar="TEXT|-",
    help="Every text that contains these words, whatever their case; - reads them from stdin.",
)
@click.option("--expired", is_flag=True, help="Texts older than lineage.retention_days.")
@click.option("--reason", default="", help="Why; it stays in the ledger, so no personal data here.")
@click.option("--dry-run", is_flag=True, help="Only say what would go, and where else to look.")
@_signer
@passphrase_option
@json_option
@workspace_option
def erase(
    workspace: Workspace,
    session: str,
    dataset: str,
    subject: str,
    expired: bool,
    reason: str,
    dry_run: bool,
    person: str,
    passphrase: Passphrase,
    as_json: bool,
) -> None:
    """Remove texts for ever: sources of cells, statements, arguments, messages of errors.

    A signed entry says which; what was read and made stays on record, and everything still
    verifies. The lineage store is made anew, so that nothing is left in it. Other files that may
    hold the same words are listed: notebooks with their outputs, logs, data. Who may not erase is
    refused before anything is searched, in a --dry-run as well where lineage.readers names roles.
    """
    from governed_kernel.governance import erasure
    from governed_kernel.release.projection import refresh

    scope, target = _one_of(session=session, dataset=dataset, subject=subject, expired=expired)
    if target == "-":
        target = sys.stdin.read().strip()
    secret = b""
    if not dry_run or workspace.settings.lineage.readers:  # a search tells what people wrote
        secret = passphrase(f"Passphrase of {_named(person)}")
        erasure.permit(workspace, scope, person, secret)
    found = erasure.plan(workspace, scope, target, store=refresh(workspace))
    facts: dict[str, object] = {
        "texts": found.count,
        "sessions": {name: len(digests) for name, digests in found.texts.items()},
        "still running": found.live,
        "look at these as well": found.elsewhere,
    }
    if dry_run:
        print_facts({"erased": False, **facts}, as_json, "would be erased")
        return
    done = erasure.erase(workspace, found, person, secret, reason)
    print_facts({"erased": True, "record": done.record, **facts}, as_json, "erased")


def _one_of(
    *, session: str, dataset: str, subject: str, expired: bool
) -> tuple[Literal["session", "dataset", "subject", "expired"], str]:
    given: list[tuple[Literal["session", "dataset", "subject", "expired"], str]] = []
    if session:
        given.append(("session", session))
    if dataset:
        given.append(("dataset", dataset))
    if subject:
        given.append(("subject", subject))
    if expired:
        given.append(("expired", ""))
    if len(given) != 1:
        raise UsageError(
            "it is not clear what is to be erased",
            why=f"{len(given)} of --session, --dataset, --subject and --expired are given",
            next="give exactly one of them",
        )
    return given[0]


@click.command("backup")
@click.argument("target", metavar="FILE|DIR", type=click.Path(path_type=Path))
@json_option
@workspace_option
def backup(workspace: Workspace, target: Path, as_json: bool) -> None:
    """Write the workspace into one tar file, consistently, also while kernels and people write.

    It holds what the ledger speaks of, open sessions as far as they are recorded, and people's
    files. Private keys are not in it: they lie elsewhere, and need a backup of their own.
    """
    from governed_kernel.audit.backup import back_up

    path = back_up(workspace, target, _say)
    facts = {"backup": str(path.absolute()), "bytes": path.stat().st_size}
    print_facts(facts, as_json, "backed up; 'governed store restore' shows that it is good")


@click.command("restore")
@click.argument("backup", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--since",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A checkpoint you kept: finds out a backup that is older than it.",
)
@click.option(
    "--older",
    is_flag=True,
    help="Take it though it ends before what you saw in DIR, and give the rest up.",
)
@json_option
def restore(backup: Path, folder: Path, since: Path | None, older: bool, as_json: bool) -> None:
    """Make the workspace of BACKUP in DIR, which must be empty or not be there, and verify it.

    Exits with 4 when the backup is not whole or something in it is not what was recorded. A backup
    that ends before what you saw in DIR is refused without --older; what you give up by it, such as
    a revocation, is remembered in your own folder, and each verification of yours tells of it.
    Others who saw more take it for themselves: 'governed audit verify --accept-older'.
    """
    from governed_kernel.audit import restoring
    from governed_kernel.audit.verification import verify_workspace

    workspace, beginning = restoring.restore(backup, folder, _say, older=older)
    report = verify_workspace(workspace, _say, since)
    facts = {
        "workspace": str(workspace.root),
        "backed up": beginning.taken_at,
        "records": beginning.records,
        "root": beginning.root,
        "whole": report.is_whole,
    }
    print_facts(facts, as_json, "restored")
    if not report.is_whole:
        first = report.broken[0]
        raise IntegrityBroken(
            f"{len(report.broken)} of {len(report.checks)} checks failed",
            why=f"first: {first.kind} {first.subject}: {first.detail}",
            next="'governed audit verify' in that folder names each; restore another backup",
        )


@click.command("collect")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@_signer
@passphrase_option
@json_option
@workspace_option
def collect(
    workspace: Workspace, dry_run: bool, person: str, passphrase: Passphrase, as_json: bool
) -> None:
    """Remove content that nothing names any more, by a signed entry.

    That is content of withdrawn versions that no release names, and what was left of registrations
    that failed more than a day ago. What a release names stays, in whatever state that is.
    """
    from governed_kernel.governance.register import Register
    from governed_kernel.release import collection

    if dry_run:
        found = collection.unreferenced(workspace, Register.read(workspace))
    else:
        secret = passphrase(f"Passphrase of {_named(person)}")
        found = collection.collect(workspace, person, secret)
    facts = {
        "collected": not dry_run,
        "versions": found.versions,
        "snapshots": len(found.snapshots),
        "objects": len(found.objects),
        "bytes": found.bytes,
        "kept for releases": found.kept,
    }
    print_facts(facts, as_json, "would be collected" if dry_run else "collected")


def _say(part: str) -> None:
    sys.stderr.write(f"  {part}\n")
