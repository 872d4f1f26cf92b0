"""The catalogued way to data inside a notebook.

>>> from governed_kernel import data
>>> frame = data.load("wdbc-train", purpose="train")     # doctest: +SKIP
>>> base = data.model("minilm-l6")                       # doctest: +SKIP

The version's content is held against its digest before it is handed out, and each load is on
record with its purpose and the decision. In a research session the register decides; in a run the
ticket does; in a plain Python process the register, and only a refusal is recorded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from governed_kernel.canonical import digest_file
from governed_kernel.capture import emitter
from governed_kernel.capture.emitter import Decision
from governed_kernel.capture.uris import file_uri
from governed_kernel.errors import IntegrityBroken, PolicyDenied, UnknownName, UsageError
from governed_kernel.governance import frames, names, tickets
from governed_kernel.governance.objects import manifest_digest
from governed_kernel.governance.originals import files_below
from governed_kernel.lineage.events import Access, DatasetRegistered, FileDigest, ResourceKind
from governed_kernel.workspace import Workspace

__all__ = ["load", "model"]

Form = Literal["pandas", "path", "arrow", "polars", "datasets"]


class _Found:
    """A version that was asked for: where it lies, what it is, and the decision about it."""

    def __init__(
        self, dataset: str, version: str, kind: str, path: Path, sha256: str, decision: Decision
    ) -> None:
        self.label = f"{dataset}@{version}"
        self.kind = kind
        self.path = path
        self.sha256 = sha256
        self.decision = decision


_of_cell = ""


def load(name: str, *, purpose: str = "", as_: Form = "pandas") -> Any:
    """A catalogued dataset version.

    Parameters
    ----------
    name : str
        ``NAME`` (the newest version; in a run the approved one) or ``NAME@VERSION``.
    purpose : str
        What it is used for: explore, train, evaluate, validate or deploy. When it is not said,
        what ``%%purpose`` says of the cell, else explore.
    as_ : str
        ``pandas`` (default), ``polars``, ``arrow``, ``datasets`` (Hugging Face's), or ``path`` for
        the file or folder itself. A folder of tables of one kind is one table.

    Raises
    ------
    PolicyDenied
        The version may not be used for that; the attempt is on record.
    UnknownName
        There is no such version.
    IntegrityBroken
        Its bytes are not what was registered.
    MissingExtra
        The library for `as_` is not installed.
    """
    readers: dict[str, Callable[[Path], Any]] = {
        "pandas": frames.read_pandas,
        "arrow": frames.read_arrow,
        "polars": frames.read_polars,
        "datasets": frames.read_datasets,
        "path": _itself,
    }
    if as_ not in readers:
        raise UsageError(
            f"data can't be loaded as {as_!r}",
            why=f"the forms are {', '.join(readers)}",
            next="choose one of them with as_=…",
        )
    path = _open(name, purpose or _of_cell or "explore", "data", "data.load")
    try:
        return readers[as_](path)
    except UsageError as error:
        # A snapshot's folder has a digest for a name, by which nobody knows it.
        said = error.what.replace(path.name, name)
        raise UsageError(said, why=error.why, next=error.next) from error


def _itself(path: Path) -> Path:
    return path


def model(name: str, *, purpose: str = "") -> Path:
    """The folder of a catalogued base model, in its immutable snapshot.

    Raises
    ------
    PolicyDenied, UnknownName, IntegrityBroken
        As for `load`.
    """
    return _open(name, purpose or _of_cell or "train", "model", "data.model")


def purpose_of_cell(purpose: str) -> None:
    """What `load` and `model` are for where they don't say it; empty when a cell has ended."""
    global _of_cell
    _of_cell = names.purpose(purpose) if purpose else ""


def _open(name: str, purpose: str, kind: str, via: str) -> Path:
    """Decide, record and verify; where the version lies."""
    wanted = names.purpose(purpose)
    ticket = tickets.current()
    found = _from_ticket(ticket, name, wanted) if ticket else _from_register(name, wanted)
    if found.kind != kind:
        raise UsageError(
            f"{found.label} is registered as {found.kind}",
            why=f"{via} gives what is registered as {kind}",
            next="use data.model(…) for base models and data.load(…) for data",
        )
    _record(found, wanted, via)
    if not found.decision.allowed:
        raise PolicyDenied(
            f"{found.label} may not be used to {wanted} here",
            why=f"{found.decision.reason} ({', '.join(found.decision.policies)})",
            next=found.decision.advice or "use a version that admits it: 'governed data list'",
        )
    return _verified(found)


def _from_register(name: str, purpose: str) -> _Found:
    from governed_kernel.governance import catalog, masking, permission
    from governed_kernel.governance.authorization import session_person
    from governed_kernel.governance.register import Register

    workspace = _workspace()
    register = Register.read(workspace)
    version = register.version(name)
    decision = permission.decide_purpose(register, version, purpose)
    if not decision.allowed and emitter.current() is None:
        _record_refusal(workspace, catalog.label(version), purpose, decision)
    if decision.allowed and masking.is_masked_for(register, version, session_person()):
        return _masked(workspace, version, decision)
    path = catalog.snapshot_of(workspace, version)
    return _Found(version.dataset, version.version, version.kind, path, version.sha256, decision)


def _masked(workspace: Workspace, version: DatasetRegistered, decision: Decision) -> _Found:
    """The copy in which the columns are masked that this person may not see."""
    from governed_kernel.governance import masking

    copy = masking.copy_of(workspace, version)
    policies = [*decision.policies, "masked-columns"]
    if copy is None:
        name = f"{version.dataset}@{version.version}"
        decision = replace(
            decision,
            allowed=False,
            policies=policies,
            reason=f"some columns are masked for you, and nobody made a masked copy of {name} yet",
            advice=f"'governed data mask {name}' makes it, if it is a table",
        )
        copy = masking.folder_of(workspace, version)
    decision = replace(decision, policies=policies)
    return _Found(version.dataset, version.version, version.kind, copy, copy.stem, decision)


def _from_ticket(ticket: tickets.Ticket, name: str, purpose: str) -> _Found:
    found = ticket.input(name)
    if found is None:
        raise UnknownName(
            f"{name} is no input of {ticket.release}",
            why=f"approved inputs are {', '.join(ticket.inputs) or 'none'}",
            next="a release reads what it was approved with; promote a new version for more",
        )
    decision = found.decision()
    if purpose not in found.purposes:
        admitted = ", ".join(found.purposes) or "nothing"
        decision = found.decision(
            False, f"{name} may be used for {admitted}, not to {purpose}", "version-purposes"
        )
    path = Path(found.path)
    return _Found(found.dataset, found.version, found.kind, path, found.sha256, decision)


def _workspace() -> Workspace:
    named = os.environ.get("GOVERNED_WORKSPACE")
    # A governed kernel belongs to one workspace, wherever its code changes the directory to.
    return Workspace.open(Path(named)) if named and _in_session() else Workspace.find()


def _in_session() -> bool:
    return bool(os.environ.get("GOVERNED_SESSION"))


def _record(found: _Found, purpose: str, via: str) -> None:
    session = emitter.current()
    if session is None:
        return
    cell = session.cell()
    kind: ResourceKind = "model" if found.kind == "model" else "dataset"
    session.emit(
        Access(
            execution=cell.execution,
            cell_id=cell.cell_id,
            operation="read",
            kind=kind,
            uri=file_uri(found.path),
            via=via,
            dataset=found.decision.dataset,
            version=found.decision.version,
            data_class=found.decision.data_class,
            decision="allowed" if found.decision.allowed else "denied",
            sha256=found.sha256,
            purpose=purpose,
            policies=found.decision.policies,
        )
    )


def _record_refusal(workspace: Workspace, label: str, purpose: str, decision: Decision) -> None:
    """Outside a governed kernel a refused load goes into the ledger."""
    import getpass

    from governed_kernel.lineage.events import Decided
    from governed_kernel.lineage.ledger import Ledger

    Ledger(workspace).append(
        Decided(
            person=os.environ.get("GOVERNED_PERSON") or getpass.getuser(),
            action="data load",
            resource=label,
            outcome="denied",
            purpose=purpose,
            policies=decision.policies,
            reason=decision.reason,
        )
    )


def _verified(found: _Found) -> Path:
    """Hash what lies there, before anybody computes with it; the file, or the folder."""
    try:
        path, actual = _digested(found.path, found.sha256)
    except OSError as error:
        raise IntegrityBroken(
            f"{found.label} is missing",
            why=f"{found.path}: {error.strerror}",
            next="restore .governed/ from a backup, or register the data again",
        ) from error
    if actual != found.sha256:
        raise IntegrityBroken(
            f"{found.label} is not what was registered",
            why=f"{found.path} should have the digest {found.sha256}, found {actual}",
            next="restore .governed/ from a backup; do not use what lies there",
        )
    return path


def _digested(path: Path, expected: str) -> tuple[Path, str]:
    """Digest of a file, or of a folder's manifest; a one-file version's folder gives the file."""
    if path.is_file():
        return path, digest_file(path)
    files = [
        FileDigest(file.relative_to(path).as_posix(), digest_file(file), file.stat().st_size)
        for file in files_below(path)
    ]
    if not files:
        raise FileNotFoundError(2, "no such file or folder", str(path))
    if [file.sha256 for file in files] == [expected]:
        return path / files[0].path, expected
    return path, manifest_digest(files)
