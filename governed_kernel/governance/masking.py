"""Masking: who may not see some columns of a class, which, and where the copy lies that they read.

A notebook of such a person is given the copy (`masked_copies` makes it) and can't open the data
itself. A copy's name is its digest.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from governed_kernel.canonical import digest_json
from governed_kernel.configuration import DataClass
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = [
    "MASKED",
    "UNKNOWN",
    "copy_of",
    "folder_of",
    "folders",
    "is_masked_for",
    "masked_columns",
    "names_of",
]

MASKED = "+masked"
"""Behind a version's name: its masked copy, as what files are made from."""
UNKNOWN = ""
"""In the place of a field's name: what is in it is known only from the data (JSON, maps)."""
_FORM = 2
_NUMBERED = re.compile(r"(.+)_\d+", re.DOTALL)
"""How an engine calls the second of two columns that it takes to have one name."""


def is_masked_for(register: Register, version: DatasetRegistered, person: str) -> bool:
    """Whether somebody reads a masked copy in the place of a version."""
    rule = register.workspace.settings.classes.get(version.data_class)
    who = register.people.get(person)
    roles = who.roles if who is not None else []
    return rule is not None and version.kind == "data" and rule.is_masked_for(roles)


def masked_columns(rule: DataClass, columns: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Columns that a class masks, and how; of two patterns that fit the first counts.

    A column is masked as a whole where a field in it fits, and where nobody knows its fields.

    Parameters
    ----------
    columns : dict of str to iterable of str
        Each column, and by what it is known: its `names_of`, and those of all fields below it.
    """
    found: dict[str, str] = {}
    for column, names in columns.items():
        plain = [_plain(name) for name in names]
        fits = (
            how
            for pattern, how in rule.masked.items()
            if any(fnmatchcase(name, _plain(pattern)) for name in plain)
        )
        how = next(fits, "redact" if rule.masked and UNKNOWN in plain else None)
        if how is not None:
            found[column] = how
    return found


def names_of(field: str, beside: Iterable[str]) -> set[str]:
    """A column's or field's name, and the one that it has where an engine numbered it.

    Parameters
    ----------
    beside : iterable of str
        All names of that table or structure.
    """
    there = {_plain(other) for other in beside}
    found, rest = {field}, field
    while numbered := _NUMBERED.fullmatch(rest):
        rest = numbered[1]
        if _plain(rest) in there:
            found.add(rest)
    return found


def _plain(name: str) -> str:
    """A name as people take it: without case, outer spaces, width and what can't be seen."""
    visible = (sign for sign in name if unicodedata.category(sign) not in ("Cc", "Cf"))
    return unicodedata.normalize("NFKC", "".join(visible)).strip().casefold()


def folder_of(workspace: Workspace, version: DatasetRegistered) -> Path:
    """Where the copy of a version lies, masked as the settings ask now."""
    rule = workspace.settings.classes.get(version.data_class)
    key = digest_json(
        {"form": _FORM, "version": version.sha256, "masked": dict(rule.masked) if rule else {}}
    )
    return folders(workspace) / key


def folders(workspace: Workspace) -> Path:
    """Where all masked copies lie, also those made as earlier settings asked."""
    return workspace.state / "masked"


def copy_of(workspace: Workspace, version: DatasetRegistered) -> Path | None:
    """The masked copy, named by its SHA-256; None when nobody made it."""
    return next(iter(folder_of(workspace, version).glob("*.parquet")), None)
