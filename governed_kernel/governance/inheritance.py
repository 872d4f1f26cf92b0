"""What a file inherits that a session made: the strictest class of its inputs, until registered.

Whoever registers such a file under a less strict class, for more purposes or for longer says that
it is safe to: that takes another role than registering data does.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from governed_kernel.canonical import digest_file
from governed_kernel.errors import Refused
from governed_kernel.governance import authorization
from governed_kernel.governance.masking import MASKED
from governed_kernel.governance.register import Register
from governed_kernel.lineage.derivations import Derivation, Derivations, known, restore, stamp_of
from governed_kernel.lineage.events import DatasetRegistered, FileDigest
from governed_kernel.workspace import Workspace

__all__ = [
    *("DECLASSIFIERS", "Use", "all_derivations", "check_class", "check_use", "derivations_of"),
    *("files_made_from", "is_changed"),
    "origins_of",
]

DECLASSIFIERS = ("data-steward", "administrator")
"""Roles that may say of what was made from classified data that it is of a less strict class."""


def origins_of(register: Register, path: Path, files: Sequence[FileDigest]) -> list[str]:
    """``NAME@VERSION`` of what sessions made a file or folder from, by its place and by content.

    What is registered already is what it was registered as.
    """
    found: set[str] = set()
    for derivation in derivations_of(register, path, files):
        found.update(name.removesuffix(MASKED) for name in derivation.origins)
    return sorted(found)


def all_derivations(workspace: Workspace) -> Derivations:
    """What sessions made, as it is now; the list is restored where it was lost."""
    restore(workspace)
    found = Derivations(workspace)
    found.refresh()
    return found


def derivations_of(register: Register, path: Path, files: Sequence[FileDigest]) -> list[Derivation]:
    """What sessions noted of a file or folder, by its place and by content."""
    derivations = all_derivations(register.workspace)
    registered = {
        file.sha256 for found in register.datasets.values() for one in found for file in one.files
    }
    return [
        derivation
        for file in files
        if file.sha256 not in registered
        for derivation in _of_file(
            derivations, path if path.is_file() else path / file.path, file.sha256
        )
    ]


def files_made_from(workspace: Workspace, versions: Collection[str]) -> list[Derivation]:
    """The files that sessions made from these ``NAME@VERSION``, by path; nothing is written.

    Where one lay something lies still: what was made, or what came in its place (`is_changed`).
    """
    last = {one.path: one for one in known(workspace)}
    return [
        last[path]
        for path in sorted(last)
        if any(name.removesuffix(MASKED) in versions for name in last[path].origins)
        and os.path.lexists(path)
    ]


def is_changed(made: Derivation) -> bool:
    """Whether the file is another than the session made, as far as can be told.

    One that was only changed a little holds yet what it was made from.
    """
    path, stamped = Path(made.path), bool(made.stamp[1])
    try:
        if stamped and stamp_of(path.stat()) == made.stamp:
            return False
        if made.sha256 and path.is_file():
            return digest_file(path) != made.sha256
    except OSError:
        return True
    return stamped


def _of_file(derivations: Derivations, place: Path, sha256: str) -> Iterable[Derivation]:
    by_content = derivations.contents.get(sha256)
    if by_content is not None:
        yield by_content
    try:
        by_place = derivations.of(os.path.realpath(place), place.stat())
    except OSError:
        return
    if by_place is not None:
        yield by_place


def check_class(
    register: Register, name: str, data_class: str, origins: Sequence[str], person: str
) -> None:
    """Refuse a class less strict than that of what the data was made from.

    Raises
    ------
    Refused
        `person` has no role that takes that, or the data was made from a locked evaluation set.
    """
    made_from = [register.version(origin) for origin in origins]
    settings = register.workspace.settings
    strictest = settings.strictest(version.data_class for version in made_from)
    held = [
        _label(version)
        for version in made_from
        if version.sha256 in register.locked or version.sha256 in register.divided
    ]
    lenient = settings.strictness_of(data_class) < settings.strictness_of(strictest)
    if not origins or not (lenient or held):
        return
    if set(register.person(person).roles) & set(DECLASSIFIERS):
        return
    why = f"a session made it from {', '.join(origins)}, of class {strictest}"
    if held:
        why += f"; {', '.join(held)} is, or contains, a locked evaluation set"
    raise Refused(
        f"{person} may not register {name} as {data_class}",
        why=f"{why}; that it is no longer that can only be said by whoever has the role "
        f"{' or '.join(DECLASSIFIERS)}",
        next=f"register it as {strictest}, or have a data steward look at it",
    )


class Use(NamedTuple):
    """What data is to be registered for.

    Attributes
    ----------
    purposes : sequence of str
        What it may be used for.
    until : str
        The day by which it must be gone; empty for no end.
    """

    purposes: Sequence[str]
    until: str


def check_use(
    register: Register,
    name: str,
    use: Use,
    origins: Sequence[str],
    person: str,
) -> None:
    """Refuse what the data was made from was not registered for: purposes, and an end.

    Raises
    ------
    Refused
        `person` has no role that takes that.
    """
    made_from = [register.version(origin) for origin in origins]
    data = [version for version in made_from if version.kind == "data"]
    if not data or set(register.person(person).roles) & set(DECLASSIFIERS):
        return
    admitted = set.intersection(*(set(version.purposes) for version in data))
    beyond = [purpose for purpose in use.purposes if purpose not in admitted]
    ends = [end for version in data if (end := authorization.kept_until(version)) is not None]
    wanted = date.fromisoformat(use.until) if use.until else date.max
    if beyond:
        what = f"for {', '.join(beyond)}"
        said = f"which may be used for {', '.join(sorted(admitted)) or 'nothing in common'}"
        remedy = "register it for these"
    elif ends and wanted > min(ends):
        what = f"until {use.until}" if use.until else "without an end"
        said = f"which must be gone by {min(ends)}"
        remedy = f"give it with --retention {min(ends)}"
    else:
        return
    raise Refused(
        f"{person} may not register {name} {what}",
        why=f"a session made it from {', '.join(map(_label, data))}, {said}; more can only be "
        f"said by whoever has the role {' or '.join(DECLASSIFIERS)}",
        next=f"{remedy}, or have a data steward look at it",
    )


def _label(version: DatasetRegistered) -> str:
    return f"{version.dataset}@{version.version}"
