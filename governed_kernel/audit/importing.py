"""Another workspace's ledger and sealed journals into this one, verified (`lineage.imports`)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from governed_kernel.audit.sealed import check_sealed
from governed_kernel.errors import IntegrityBroken, UsageError
from governed_kernel.files import read_regular, sync_folder, unwritable
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.forms import forms
from governed_kernel.lineage.imports import folder_of, identity_of
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace

__all__ = ["import_workspace"]


def import_workspace(
    workspace: Workspace, other: Workspace, progress: Callable[[str], None] = lambda _: None
) -> dict[str, object]:
    """Copy what `other` has on record, less texts, data and keys; again, to bring what is new.

    Returns
    -------
    dict
        ``workspace`` that was imported, its ``records`` and ``sessions``, and those that were
        ``left out`` because they have not been sealed.

    Raises
    ------
    IntegrityBroken
        The other's ledger or a sealed journal does not verify, or is not the one that was imported
        before with more in it.
    UsageError
        It is this very workspace, or has no ledger.
    """
    identity = identity_of(other)
    if not identity or identity == identity_of(workspace):
        raise UsageError(
            f"{other.root} can't be imported",
            why="it is this very workspace, or a copy of it" if identity else "it has no ledger",
            next="name the folder of another workspace",
        )
    progress("the ledger")
    ledger = Ledger(other)
    events = ledger.events()
    Register.replay(other, events)
    seals = [event for event in events if isinstance(event, SessionSealed)]
    home = _home(workspace)
    with exclusive_lock(home / "importing.lock", AN_HOUR):
        copy = Workspace(Path(tempfile.mkdtemp(prefix=".", dir=home)))
        try:
            sealed = _copy(other, copy, seals, progress)
            _check_same(copy, Workspace(home / identity))
            _put(copy, home / identity)
        finally:
            shutil.rmtree(copy.root, ignore_errors=True)
    journals = {path.name.partition(".")[0] for path in other.journals.glob("*.jsonl*")}
    return {
        "workspace": identity,
        "records": len(events),
        "sessions": sealed,
        "left out": len(journals - {seal.session_id for seal in seals}),
    }


def _home(workspace: Workspace) -> Path:
    """Where imports go; a link would have what lies elsewhere replaced, and deleted."""
    home = folder_of(workspace)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(home, error) from error
    if home.is_symlink():
        raise IntegrityBroken(
            f"{home} is a symbolic link",
            why="imports are kept inside of the workspace, and what an import replaces is deleted",
            next="take the link away, and import again",
        )
    return home


def _copy(
    other: Workspace, copy: Workspace, seals: list[SessionSealed], progress: Callable[[str], None]
) -> int:
    """Copy the ledger and the sealed journals, and verify the copies."""
    copy.journals.mkdir(parents=True)
    shutil.copyfile(other.root / CONFIGURATION_FILE, copy.root / CONFIGURATION_FILE)
    shutil.copyfile(other.ledger, copy.ledger)
    Ledger(copy).records()
    progress(f"{len(seals)} sealed journals")
    for seal in seals:
        found = forms(other.journals / f"{seal.session_id}.jsonl")
        if not found:
            raise IntegrityBroken(
                f"the journal of session {seal.session_id} is missing",
                why=f"the ledger of {other.root} says that it was sealed",
                next="restore it there from a backup, then import again",
            )
        for form in found:
            shutil.copyfile(form, copy.journals / form.name)
        check_sealed(copy.journals / f"{seal.session_id}.jsonl", seal)
    return len(seals)


def _check_same(copy: Workspace, before: Workspace) -> None:
    """What was imported before must be the beginning of what comes now."""
    if not before.ledger.exists():
        return
    known = read_regular(before.ledger)
    with copy.ledger.open("rb") as file:
        if file.read(len(known)) != known:
            raise IntegrityBroken(
                "the workspace is not the one that was imported before",
                why="its ledger does not begin with the records that were taken in then",
                next="ask who rewrote it; the records taken in then stay here",
            )


def _put(copy: Workspace, place: Path) -> None:
    """Put the copy where the last one was; who is killed between imports again."""
    gone = place.with_name(f".{place.name}.gone")
    for path in (gone, place):
        if path.is_symlink():  # what it leads to is not ours
            path.unlink()
    shutil.rmtree(gone, ignore_errors=True)
    if place.exists():
        place.rename(gone)
    copy.root.chmod(0o755)
    copy.root.rename(place)
    sync_folder(place.parent)
    shutil.rmtree(gone, ignore_errors=True)
