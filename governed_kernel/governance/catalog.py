"""The catalog: datasets and base models by name and version, each an immutable snapshot."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from governed_kernel.capture.uris import file_uri
from governed_kernel.configuration import DataClass
from governed_kernel.errors import (
    GovernedError,
    IntegrityBroken,
    Refused,
    ResourceMissing,
    UnknownName,
    UsageError,
)
from governed_kernel.governance import authorization, inheritance
from governed_kernel.governance.cards import write_card
from governed_kernel.governance.names import check_name, purpose
from governed_kernel.governance.objects import ObjectStore, Progress, manifest_digest
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import append, record_refusal
from governed_kernel.lineage.events import DatasetRegistered, FileDigest, LedgerEvent
from governed_kernel.workspace import Workspace

__all__ = [
    "MODEL_FACTS",
    "Description",
    "Registered",
    "Version",
    "check_person",
    "enter",
    "is_single_file",
    "label",
    "register",
    "snapshot_of",
    "verify",
]

Version = DatasetRegistered
"""A dataset or model version is the event that registered it."""
Kind = Literal["data", "model"]
State = Literal["registered", "approved", "locked", "withdrawn"]
MODEL_FACTS = {
    "origin": "where it comes from (--origin)",
    "licence": "its licence (--licence)",
    "training_data": "what is known of its training data (--training-data)",
    "intended_use": "what it is meant for (--intended-use)",
    "adaptation": "why it is adapted, and nothing smaller solves the problem (--adaptation)",
}
"""What people must say of a base model before a release is made from it: field and its words."""
STEWARDS = ("data-steward", "data-scientist", "administrator")
_BOUND = "retention-bound"
Conclude = Callable[[list[DatasetRegistered], Register], tuple[msgspec.Struct, ...]]


@dataclass(frozen=True)
class Description:
    """What people say about a dataset or base model when they register it.

    Each is a field of the same name of the version that it becomes.
    """

    data_class: str
    owner: str
    purposes: Sequence[str]
    legal_basis: str
    kind: Kind = "data"
    retention_until: str = ""
    licence: str = ""
    origin: str = ""
    intended_use: str = ""
    state: State = "approved"
    derived_from: str = ""
    source: str = ""
    """Where it came from; the URI of the registered path when empty."""
    query: dict[str, Any] = field(default_factory=dict)
    """Of the result of a query: its statement and parameters."""
    never_learn: Sequence[str] = ()
    """Columns that no model may be made from."""
    training_data: str = ""
    """Of a base model: what is known of the data that it was trained on."""
    adaptation: str = ""
    """Of a base model: why it is adapted, and why no smaller change solves the problem."""


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
        asked = _checked(current, name, description, person)
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
) -> list[Registered]:
    """Number `events` and add them to the ledger in one write; then make snapshots and cards.

    `conclude` is given the numbered versions and the register, with the ledger held still, and
    gives further events for the same write.
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
        return (*new, *further), (placed, current)

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


def _checked(register: Register, name: str, description: Description, person: str) -> Description:
    """The description with each thing in its one form; refused when it can't be."""
    settings = register.workspace.settings
    check_name(name, "dataset")
    check_person(register, person)
    known = settings.classes.get(description.data_class)
    if known is None:
        raise UsageError(
            f"no data class is called {description.data_class!r}",
            why=f"governed.toml has {', '.join(settings.classes) or 'none'}",
            next="choose one of them, or add a class and have the policy adopted",
        )
    purposes = list(dict.fromkeys(purpose(name) for name in description.purposes))
    beyond = [name for name in purposes if name not in known.purposes]
    if beyond or not purposes:
        raise UsageError(
            f"{name} can't be registered for {', '.join(beyond) or 'no purpose'}",
            why=f"data of class {description.data_class} may be used for "
            f"{', '.join(known.purposes)}",
            next="name purposes among these with --purpose",
        )
    for what, text in (("owner", description.owner), ("legal basis", description.legal_basis)):
        if not text.strip() or not text.strip().isprintable():
            raise UsageError(
                f"the {what} of {name} is missing or not printable",
                why="somebody must answer for the data, and say why it may be used",
                next=f"give it with --{what.replace(' ', '-')}",
            )
    if description.kind != "model" and (description.training_data or description.adaptation):
        raise UsageError(
            f"{name} is data, and was not trained",
            why="--training-data and --adaptation are said of base models",
            next="leave them out, or register it with --kind model",
        )
    return replace(
        description,
        owner=description.owner.strip(),
        legal_basis=description.legal_basis.strip(),
        training_data=description.training_data.strip(),
        adaptation=description.adaptation.strip(),
        purposes=purposes,
        retention_until=_retention(known, name, description),
    )


def _retention(known: DataClass, name: str, description: Description) -> str:
    """Until when it may be kept: as was said, and no longer than its class allows."""
    asked = as_day(description.retention_until) if description.retention_until else ""
    if not known.retention_days:
        if description.data_class == _BOUND and not asked:
            raise UsageError(
                f"it is not said when {name} must be gone",
                why=f"that is what the class {_BOUND} is for, and it sets no number of days",
                next="give a day with --retention",
            )
        return asked
    latest = (datetime.now(UTC).date() + timedelta(days=known.retention_days)).isoformat()
    if asked > latest:
        raise UsageError(
            f"{name} can't be kept until {asked}",
            why=f"data of class {description.data_class} is kept for {known.retention_days} days",
            next=f"name a day until {latest} with --retention, or none",
        )
    return asked or latest


def check_person(register: Register, person: str) -> None:
    """Refuse who may not register data. (It is not signed: the name is what was claimed.)"""
    try:
        known = register.person(person)
    except UnknownName as error:
        raise Refused(error.what, why=error.why, next=error.next) from error
    if not set(known.roles) & set(STEWARDS):
        raise Refused(
            f"{person} may not register data",
            why=f"it takes the role {' or '.join(STEWARDS)}; {person} has "
            f"{', '.join(known.roles) or 'none'}",
            next=f"ask an administrator: 'governed people grant {person} --role data-steward'",
        )


def as_day(text: str) -> str:
    """A day as it is registered, whichever of ISO 8601's forms it came in.

    Raises
    ------
    UsageError
        It is none.
    """
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no date",
            why=str(error),
            next="write it as 2030-12-31",
        ) from error


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
