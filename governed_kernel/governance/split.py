"""Divide a dataset into train, validation and a locked holdout, by code and on record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import CheckFailed, GovernedError, Refused, UsageError
from governed_kernel.files import read_regular, unreadable
from governed_kernel.governance import authorization, catalog, permission
from governed_kernel.governance.catalog import Registered, label
from governed_kernel.governance.descriptions import check_person
from governed_kernel.governance.leak_checks import look
from governed_kernel.governance.leaks import Asked
from governed_kernel.governance.objects import ObjectStore
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import record_refusal
from governed_kernel.governance.split_checks import Beside, Checked, check_beside, check_parts
from governed_kernel.governance.split_worker import PARTS
from governed_kernel.lineage.events import DatasetRegistered, FileDigest, SplitRecorded
from governed_kernel.workspace import Workspace

__all__ = ["Split", "divide"]

_ADMITTED = {
    "train": ("explore", "train", "evaluate", "validate"),
    "validation": ("explore", "evaluate", "validate"),
    "holdout": ("validate",),
}
"""What each part may be used for, as far as its parent may."""
_LAST_SAID = 4_096
"""Bytes of what code said last, where it failed."""


@dataclass(frozen=True)
class Split:
    """A division: its parts as registered versions, and what was checked."""

    parent: DatasetRegistered
    parts: dict[str, Registered]
    rows: dict[str, int]
    dropped: int
    leaks: dict[str, int]
    new: bool
    closed: list[str]
    """``NAME@VERSION`` closed with it: what was made from it, or it was made from, and so on."""


def divide(
    workspace: Workspace,
    name: str,
    code: str,
    person: str,
    *,
    keys: Sequence[str] = (),
    targets: Sequence[str] = (),
    texts: Sequence[str] = (),
    time: str = "",
) -> Split:
    """Divide a version by ``FILE.py[:function]`` inside the workspace.

    The code runs in a process of its own, twice, and must give the same parts both times; it is
    one file, and what it imports is none of the workspace's. Parts
    are registered as ``NAME-train``, ``NAME-validation`` and ``NAME-holdout`` (locked).

    Raises
    ------
    CheckFailed
        Rows or entities leak between parts, or the parts are no division.
    Refused
        The version was divided otherwise before, or `person` may not.
    UsageError
        The code is missing or does not do what it should.
    """
    try:
        register = Register.read(workspace)
        register.check_policy()
        check_person(register, person)
        parent = register.version(name)
        permission.check_sees_all(register, parent, person, "divide")
        _refuse_part(register, parent)
        path, function = _code(workspace, code)
        read = _read(path)
        with tempfile.TemporaryDirectory(prefix="governed-split-") as folder:
            written = _run(
                workspace, catalog.verify(workspace, parent), path, read, function, folder
            )
            _refuse_changed(path, read)
            checked = _check(register, parent, written, keys, targets)
            if texts or time:
                similarity = workspace.settings.leaks.similarity
                asked = Asked(texts=texts, time=time, ignored=targets, similarity=similarity)
                checked.leaks.update(look(workspace, written, asked))
            files = _keep(workspace, parent, written)
        return _record(workspace, register, parent, (path, read), files, checked, person)
    except (Refused, CheckFailed) as error:
        record_refusal(workspace, person, "data split", name, error)
        raise


def _code(workspace: Workspace, code: str) -> tuple[Path, str]:
    file, _, function = code.partition(":")
    path = workspace.inside(file)
    if not path.is_file():
        raise UsageError(
            f"there is no split code at {path}",
            why="no such file",
            next="name a Python file inside the workspace with --by FILE.py[:function]",
        )
    return path, function or "split"


def _read(path: Path) -> bytes:
    """The code as it is run and kept: one reading for both."""
    try:
        return read_regular(path)
    except OSError as error:
        raise unreadable(path, error) from error


def _refuse_changed(path: Path, read: bytes) -> None:
    """Refuse code that is another after it ran: who opens its file would be shown another."""
    try:
        if read_regular(path) == read:
            return
        why = "its file is another than it was when it was read and run"
    except OSError as error:
        why = error.strerror or str(error)
    raise Refused(
        f"the split code {path.name} changed while it ran",
        why=why,
        next="save it, see what it does, then run the same command again; nothing was registered",
    )


def _run(
    workspace: Workspace, source: Path, code: Path, read: bytes, function: str, folder: str
) -> dict[str, Path]:
    """Run the code as it was read, in a child process; the CSV file of each part.

    It may take as long as a run of a release.
    """
    copy = Path(folder, "code.py")
    copy.write_bytes(read)
    output = Path(folder, "parts")
    output.mkdir()
    specification = Path(folder, "split.json")
    spec = {
        "workspace": str(workspace.root),
        "source": str(source),
        "code": str(code),
        "copy": str(copy),
        "sha256": digest_bytes(read),
        "function": function,
        "folder": str(output),
        "parent": str(os.getpid()),
    }
    specification.write_text(json.dumps(spec), encoding="utf-8")
    command = [sys.executable, "-m", "governed_kernel.governance.split_worker", str(specification)]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    minutes = workspace.settings.run.timeout_minutes
    said = Path(folder, "said")
    try:
        with said.open("wb") as errors:  # no pipe: a process that it leaves would keep it open
            done = subprocess.run(
                command,
                cwd=workspace.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                timeout=60 * minutes,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        why = f"it had not ended after {minutes:g} minutes, which is run.timeout_minutes"
        raise _gave_nothing(code, why) from error
    written = {part: output / f"{part}.csv" for part in PARTS}
    if done.returncode or not all(path.is_file() for path in written.values()):
        with said.open("rb") as errors_said:  # as long as that code likes
            errors_said.seek(max(0, said.stat().st_size - _LAST_SAID))
            lines = errors_said.read().decode(errors="replace").splitlines()
        told = "\n".join([line for line in lines if line.strip()][-6:])
        status = f"its process ended with {done.returncode} and wrote no parts"
        raise _gave_nothing(code, told or status)
    return written


def _gave_nothing(code: Path, told: str) -> GovernedError:
    """What its process told: an error of ours there has its own reason and advice."""
    why, _, advice = told.partition("\nnext: ")
    mend = advice or "mend the code"
    return UsageError(
        f"the split code {code.name} did not give its parts",
        why=why.replace("\nwhy:  ", ": "),
        next=f"{mend}, then run the same command again; nothing was registered",
    )


def _refuse_part(register: Register, parent: DatasetRegistered) -> None:
    if permission.is_locked(register, parent) or parent.kind != "data":
        raise Refused(
            f"{label(parent)} can't be divided",
            why="it is a locked holdout or no data",
            next="divide the dataset it was made from, in a new version",
        )
    if parent.state == "withdrawn" or authorization.is_expired(parent):
        raise Refused(
            f"{label(parent)} can't be divided",
            why="it was withdrawn"
            if parent.state == "withdrawn"
            else f"it had to be gone by {parent.retention_until}",
            next="divide data that may still be used",
        )
    _refuse_related(register, parent)


def _refuse_related(register: Register, parent: DatasetRegistered) -> None:
    """Refuse to divide what holds rows of another division's holdout, by what it was made from."""
    held = register.divided.get(parent.sha256)
    whole = register.whole_of(held) if held else None
    if held and whole and whole.sha256 != parent.sha256:
        parts = ", ".join(part for which, part in held.parts.items() if which != "holdout")
        raise Refused(
            f"{label(parent)} can't be divided",
            why=f"it was made from {label(whole)}, which was divided: rows of "
            f"{held.parts['holdout']} would come into its parts",
            next=f"use {parts}, and transform these",
        )
    made = {version.sha256 for version in register.made_from(parent)}
    for split in register.splits:
        other = register.whole_of(split)
        if other and other.sha256 in made and label(other) != label(parent):
            alike = other.sha256 == parent.sha256
            raise Refused(
                f"{label(parent)} can't be divided",
                why=f"{label(other)} {'is the same content' if alike else 'was made from it'} and "
                f"is divided: rows of {split.parts['holdout']} would come into the new parts",
                next=f"use the parts of {label(other)}; new data is a new version",
            )


def _refuse_unseen(register: Register, current: Register, parent: DatasetRegistered) -> None:
    """Refuse where a holdout came since that the parts were not held against."""
    seen = {label(holdout) for holdout in register.holdouts_beside(parent)}
    new = {label(holdout) for holdout in current.holdouts_beside(parent)} - seen
    if new:
        raise Refused(
            f"{label(parent)} can't be divided in this moment",
            why=f"{', '.join(sorted(new))} was divided off the same data meanwhile",
            next="run the same command again, which holds the parts against that",
        )


def _check(
    register: Register,
    parent: DatasetRegistered,
    written: Mapping[str, Path],
    keys: Sequence[str],
    targets: Sequence[str],
) -> Checked:
    """Hold the parts against their version, its earlier holdouts and those of the same data."""
    whole = catalog.snapshot_of(register.workspace, parent)
    earlier = _earlier_holdouts(register, parent)
    checked = check_parts(whole, written, keys=keys, targets=targets, locked=earlier)
    beside = _beside(register, parent)
    checked.leaks.update(check_beside(written, whole, beside, keys, targets))
    return checked


def _earlier_holdouts(register: Register, parent: DatasetRegistered) -> list[Path]:
    """The locked parts of other versions of the same dataset."""
    found = []
    for split in register.splits:
        if split.dataset == parent.dataset and split.version != parent.version:
            holdout = register.version(split.parts["holdout"])
            found.append(catalog.verify(register.workspace, holdout))
    return found


def _beside(register: Register, parent: DatasetRegistered) -> list[Beside]:
    """The locked parts of what was made from the same data."""
    found = []
    for holdout in register.holdouts_beside(parent):
        whole = register.version(holdout.derived_from)
        files = [catalog.verify(register.workspace, version) for version in (holdout, whole)]
        found.append(Beside(label(holdout), *files))
    return found


def _keep(
    workspace: Workspace, parent: DatasetRegistered, written: Mapping[str, Path]
) -> dict[str, FileDigest]:
    store = ObjectStore(workspace)
    return {
        part: store.add_file(path, f"{parent.dataset}-{part}.csv") for part, path in written.items()
    }


def _record(
    workspace: Workspace,
    register: Register,
    parent: DatasetRegistered,
    code: tuple[Path, bytes],
    files: Mapping[str, FileDigest],
    checked: Checked,
    person: str,
) -> Split:
    """Register the parts and the split in one write of the ledger."""
    path, read = code
    code_file = ObjectStore(workspace).add_bytes(read, path.name)
    events = [
        _part_event(register, parent, part, file, checked.rows[part], person)
        for part, file in files.items()
    ]
    said, closed = False, list[str]()

    def conclude(
        versions: list[DatasetRegistered], current: Register
    ) -> tuple[msgspec.Struct, ...]:
        nonlocal said, closed
        _refuse_part(current, current.version(label(parent)))  # it took its time
        _refuse_unseen(register, current, parent)
        related = [*current.made_from(parent), *current.made_to_be(parent)]
        closed = list(dict.fromkeys(map(label, related)))
        parts = {part: label(version) for part, version in zip(files, versions, strict=True)}
        for split in current.splits:
            if (split.dataset, split.version) == (parent.dataset, parent.version):
                if split.parts != parts:
                    raise _divided_before(parent, split)
                said = True
                return ()
        rows = {**checked.rows, **({"dropped": checked.dropped} if checked.dropped else {})}
        return (
            SplitRecorded(
                dataset=parent.dataset,
                version=parent.version,
                code=workspace.relative(path),
                code_sha256=code_file.sha256,
                parts=parts,
                rows=rows,
                leaks=checked.leaks,
                person=person,
            ),
        )

    registered = catalog.enter(workspace, events, conclude, action="data split")
    parts = dict(zip(files, registered, strict=True))
    return Split(parent, parts, checked.rows, checked.dropped, checked.leaks, not said, closed)


def _part_event(
    register: Register,
    parent: DatasetRegistered,
    part: str,
    file: FileDigest,
    rows: int,
    person: str,
) -> DatasetRegistered:
    admitted = register.workspace.settings.classes[parent.data_class].purposes
    wanted = (*parent.purposes, "validate") if part == "holdout" else parent.purposes
    purposes = [name for name in _ADMITTED[part] if name in wanted and name in admitted]
    if not purposes:
        raise Refused(
            f"the part {part} of {label(parent)} could be used for nothing",
            why=f"{label(parent)} may be used for {', '.join(parent.purposes)}, "
            f"class {parent.data_class} for {', '.join(admitted)}",
            next="register a version for the purposes that you need",
        )
    return DatasetRegistered(
        dataset=f"{parent.dataset}-{part}",
        version="",
        kind="data",
        sha256=file.sha256,
        bytes=file.bytes,
        files=[file],
        data_class=parent.data_class,
        owner=parent.owner,
        purposes=list[str](purposes),
        legal_basis=parent.legal_basis,
        source=f"governed:{label(parent)}",
        person=person,
        retention_until=parent.retention_until,
        state="locked" if part == "holdout" else "approved",
        licence=parent.licence,
        origin=parent.origin,
        intended_use=parent.intended_use,
        derived_from=label(parent),
        rows=rows,
        never_learn=parent.never_learn,
        inherited=parent.inherited,
    )


def _divided_before(parent: DatasetRegistered, split: SplitRecorded) -> Refused:
    return Refused(
        f"{label(parent)} was divided before, in another way",
        why=f"by {split.code} into {', '.join(split.parts.values())}; rows of that holdout "
        "would come into the new parts",
        next="use these parts; new data is a new version, which can be divided",
    )
