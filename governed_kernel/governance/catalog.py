"""The catalog: datasets and base models by name and version, each an immutable snapshot."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from governed_kernel.capture.uris import file_uri
from governed_kernel.errors import (
    GovernedError,
    IntegrityBroken,
    Refused,
    ResourceMissing,
    UsageError,
)
from governed_kernel.governance import authorization, inheritance
from governed_kernel.governance.cards import write_card
from governed_kernel.governance.descriptions import MODEL_FACTS, Description, checked
from governed_kernel.governance.objects import ObjectStore, Progress, manifest_digest
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import append, record_refusal
from governed_kernel.lineage.events import DatasetRegistered, Decided, FileDigest, LedgerEvent
from governed_kernel.workspace import Workspace

__all__ = [
    "Registered",
    "Version",
    "enter",
    "is_single_file",
    "label",
    "register",
    "snapshot_of",
    "verify",
]

Version = DatasetRegistered
"""A dataset or model version is the event that registered it."""
Conclude = Callable[[list[DatasetRegistered], Register], tuple[msgspec.Struct, ...]]


@dataclass(frozen=True)
class Registered:
    """A registered version, and whether it is new."""

    version: DatasetRegistered
    new: bool
    snapshot: Path
    card: Path


def label(version: DatasetRegistered) -> str:
    """``NAME@VERSION``."""
    return f"{version.dataset}@{version.version}"


def register(
    workspace: Workspace,
    name: str,
    path: Path,
    description: Description,
    person: str,
    progress: Progress | None = None,
) -> Registered:
    """Copy a file or folder into the object store and enter it as a version of `name`.

    The same content again is the same version. A refused attempt is on record.

    Raises
    ------
    UsageError
        A name, class, purpose or date has no meaning, or the path is empty or a symbolic link.
    Refused
        `person` may not register, the content is locked or of another class already, or loading
        the base model runs code.
    """
    path = Path(path)
    try:
        current = Register.read(workspace)
        current.check_policy()
        asked = checked(current, name, description, person)
        authorization.check_workspace(current, person, "register")
        files = _keep(workspace, path, progress)
        return enter(workspace, [_registration(current, name, path, files, asked, person)])[0]
    except (Refused, UsageError, ResourceMissing) as error:
        with contextlib.suppress(ResourceMissing):  # a full disk takes no record either
            record_refusal(workspace, person, "data register", name, error)
        raise


def _registration(
    register: Register,
    name: str,
    path: Path,
    files: list[FileDigest],
    asked: Description,
    person: str,
) -> DatasetRegistered:
    """What was asked for with what was found: where it comes from, and what is in it."""
    # reading a catalog needs none of these
    from governed_kernel.governance import base_models, never_learned, shape

    made_from = inheritance.origins_of(register, path, files)
    inheritance.check_class(register, name, asked.data_class, made_from, person)
    declared = list(dict.fromkeys(shape.check_columns(name, path, asked.never_learn)))
    inherited: list[str] = []
    if made_from:
        use = inheritance.Use(asked.purposes, asked.retention_until)
        inheritance.check_use(register, name, use, made_from, person)
        found = never_learned.inherited(register, name, path, files, made_from)
        inherited = [column for column in dict.fromkeys(found) if column not in declared]
    is_model = asked.kind == "model"
    said = replace(
        asked,
        source=asked.source or file_uri(path.absolute(), follow=False),
        never_learn=[*declared, *inherited],
    )
    return DatasetRegistered(
        dataset=name,
        version="",
        sha256=files[0].sha256 if path.is_file() else manifest_digest(files),
        bytes=sum(file.bytes for file in files),
        files=files,
        person=person,
        rows=-1 if is_model else shape.rows_of(path),
        made_from=made_from,
        inherited=inherited,
        odd=base_models.check(register.workspace, name, files) if is_model else [],
        **vars(said),
    )


def enter(
    workspace: Workspace,
    events: Sequence[DatasetRegistered],
    conclude: Conclude | None = None,
    *,
    action: str = "data register",
) -> list[Registered]:
    """Number `events` and add them to the ledger in one write; then make snapshots and cards.

    `conclude` is given the numbered versions and the register, with the ledger held still, and
    gives further events for the same write.

    Parameters
    ----------
    action : str
        What the decision to permit it is recorded as.

    Raises
    ------
    PolicyDenied
        Policies do not let the versions' person register data.
    """
    store = ObjectStore(workspace)

    def decide(
        ledger: list[LedgerEvent],
    ) -> tuple[tuple[msgspec.Struct, ...], tuple[list[tuple[DatasetRegistered, bool]], Register]]:
        current = Register.replay(workspace, ledger)
        placed = [_place(current, event) for event in events]
        for version, _ in placed:
            # Before the ledger says it: who reads of a version finds its snapshot.
            store.snapshot(version.files, version.sha256)
        new = [version for version, is_new in placed if is_new]
        further = conclude([version for version, _ in placed], current) if conclude else ()
        decided = _permitted(current, new, action) if new else ()
        return (*new, *further, *decided), (placed, current)

    placed, current = append(workspace, decide)
    from governed_kernel.governance import masked_copies  # brings an engine; loading needs none

    found = []
    for version, new in placed:
        versions = [*current.datasets.get(version.dataset, []), *([version] if new else [])]
        card = write_card(workspace, version.dataset, versions)
        snapshot = snapshot_of(workspace, version)
        with contextlib.suppress(UsageError):  # no table: who may not see its columns reads nothing
            masked_copies.make(workspace, version, snapshot, version.person)
        found.append(Registered(version, new, snapshot, card))
    return found


def _permitted(
    register: Register, versions: Sequence[DatasetRegistered], action: str
) -> tuple[Decided, ...]:
    """The decision by which these are registered, asked of the rules that hold as they are."""
    person = versions[0].person
    policies = authorization.check_workspace(register, person, "register")
    names = ", ".join(map(label, versions))
    return (
        Decided(person=person, action=action, resource=names, outcome="allowed", policies=policies),
    )


def snapshot_of(workspace: Workspace, version: DatasetRegistered) -> Path:
    """The file of a one-file version, else the folder, in its read-only snapshot."""
    folder = workspace.snapshots / version.sha256
    return folder / version.files[0].path if is_single_file(version) else folder


def is_single_file(version: DatasetRegistered) -> bool:
    """Whether the version is one file and not a folder."""
    return len(version.files) == 1 and version.files[0].sha256 == version.sha256


def verify(workspace: Workspace, version: DatasetRegistered) -> Path:
    """Hash a version's objects and snapshot again; where its snapshot lies.

    Raises
    ------
    IntegrityBroken
        Something is not what was registered.
    """
    if not is_single_file(version) and manifest_digest(version.files) != version.sha256:
        raise _not_its_digest(version)
    ObjectStore(workspace).verify(version.files, version.sha256)
    return snapshot_of(workspace, version)


def _keep(workspace: Workspace, path: Path, progress: Progress | None) -> list[FileDigest]:
    """The content of `path` in the object store; nothing empty, nothing of the state itself."""
    if path.is_symlink():
        ObjectStore(workspace).add_file(path)
    if path.resolve().is_relative_to(workspace.state):
        raise Refused(
            f"{path} can't be registered",
            why="it lies in the workspace's state, whose content is registered already",
            next="name the original file",
        )
    empty = UsageError(
        f"{path} is empty",
        why="there is nothing in it to learn from",
        next="check that it was written completely",
    )
    if path.is_file() and not path.stat().st_size:
        raise empty
    store = ObjectStore(workspace)
    if path.is_dir():
        files = store.add_folder(path, progress)
    else:
        files = [store.add_file(path, progress=progress)]
    if not sum(file.bytes for file in files):
        raise empty
    return files


def _place(register: Register, event: DatasetRegistered) -> tuple[DatasetRegistered, bool]:
    """The event as the next version, or the version that has this content already."""
    versions = register.datasets.get(event.dataset, [])
    for known in reversed(versions):  # what it is under other names says nothing of that
        if known.sha256 == event.sha256 and _is_treated_so(known, event):
            if _says_more(event, known):
                break
            return known, False
    for known in (version for found in register.datasets.values() for version in found):
        if known.sha256 == event.sha256:
            _refuse_another_treatment(known, event)
    if held := register.withdrawn_in(event):
        raise Refused(
            f"this folder can't be registered as {event.dataset}",
            why=f"it holds {', '.join(held)}, which was withdrawn",
            next="leave that out: what was withdrawn stays so wherever it lies",
        )
    for known in reversed(versions):
        if known.sha256 == event.sha256:
            if _says_more(event, known):
                break
            return known, False
    if versions and versions[0].kind != event.kind:
        raise UsageError(
            f"{event.dataset} is registered as {versions[0].kind}",
            why="one name stands for one kind of thing",
            next="choose another name",
        )
    return msgspec.structs.replace(event, version=str(len(versions) + 1)), True


def _says_more(event: DatasetRegistered, known: DatasetRegistered) -> bool:
    """Whether more is said of a base model than before: that is a version, though not a content."""
    return event.kind == "model" and any(
        getattr(event, field) not in ("", getattr(known, field)) for field in MODEL_FACTS
    )


def _is_treated_so(known: DatasetRegistered, event: DatasetRegistered) -> bool:
    """Whether what a registration asks for changes nothing of how content is governed."""
    same_name = known.dataset == event.dataset
    asked, admitted = set(event.purposes), set(known.purposes)
    fits = asked == admitted if same_name else asked <= admitted
    # What comes of its lineage was found the first time; of known content nobody looks again.
    asked_less = same_name and bool(known.made_from)
    asked_less = asked_less and set(event.never_learn) <= set(known.never_learn)
    fits = fits and (asked_less or set(event.never_learn) == set(known.never_learn))
    fits = fits and _ends_as_said(known, event)
    return fits and (known.state, known.data_class) == (event.state, event.data_class)


def _refuse_another_treatment(known: DatasetRegistered, event: DatasetRegistered) -> None:
    """Data does not change its class or its lock by being registered again."""
    if _is_treated_so(known, event):
        return
    ends = [one.retention_until or "no day" for one in (known, event)]
    raise Refused(
        f"this content can't be registered as {event.dataset} like that",
        why=f"it is {label(known)} already: class {known.data_class}, state {known.state}, "
        f"purposes {', '.join(known.purposes)}, never to be learned "
        f"{', '.join(known.never_learn) or 'nothing'}, kept until {ends[0]}; "
        f"asked for: class {event.data_class}, "
        f"state {event.state}, purposes {', '.join(event.purposes)}, never to be learned "
        f"{', '.join(event.never_learn) or 'nothing'}, kept until {ends[1]}",
        next="use other data: what was withdrawn stays so under every name"
        if known.state == "withdrawn"
        else f"use {label(known)}; registering again does not change how content is governed",
    )


def _ends_as_said(known: DatasetRegistered, event: DatasetRegistered) -> bool:
    """Whether nobody is led to believe in another end of the retention than the one that holds."""
    asked, held = authorization.kept_until(event), authorization.kept_until(known)
    if known.dataset == event.dataset:  # what is registered stays: an earlier end would be lost
        return asked is None or (held is not None and asked >= held)
    return held is None or (
        asked is not None and asked <= held
    )  # another name is no way to keep it longer


def _not_its_digest(version: DatasetRegistered) -> GovernedError:
    return IntegrityBroken(
        f"{label(version)} does not have the digest it was registered with",
        why="the list of its files gives another one",
        next="restore the ledger from a backup",
    )
