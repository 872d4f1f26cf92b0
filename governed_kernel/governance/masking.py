"""Masking: who may not see some columns of a class, which, and where the copy lies that they read.

A notebook of such a person is given the copy (`masked_copies` makes it) and can't open the data
itself. A copy's name is its digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from governed_kernel.canonical import digest_json
from governed_kernel.configuration import DataClass
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["MASKED", "copy_of", "folder_of", "is_masked_for", "masked_columns"]

MASKED = "+masked"
"""Behind a version's name: its masked copy, as what files are made from."""
_FORM = 1


def is_masked_for(register: Register, version: DatasetRegistered, person: str) -> bool:
    """Whether somebody reads a masked copy in the place of a version."""
    rule = register.workspace.settings.classes.get(version.data_class)
    who = register.people.get(person)
    roles = who.roles if who is not None else []
    return rule is not None and version.kind == "data" and rule.is_masked_for(roles)


def masked_columns(rule: DataClass, columns: Sequence[str]) -> dict[str, str]:
    """Columns that a class masks, and how; of two patterns that fit the first counts."""
    found: dict[str, str] = {}
    for column in columns:
        how = next((how for name, how in rule.masked.items() if fnmatchcase(column, name)), None)
        if how is not None:
            found[column] = how
    return found


def folder_of(workspace: Workspace, version: DatasetRegistered) -> Path:
    """Where the copy of a version lies, masked as the settings ask now."""
    rule = workspace.settings.classes.get(version.data_class)
    key = digest_json(
        {"form": _FORM, "version": version.sha256, "masked": dict(rule.masked) if rule else {}}
    )
    return workspace.state / "masked" / key


def copy_of(workspace: Workspace, version: DatasetRegistered) -> Path | None:
    """The masked copy, named by its SHA-256; None when nobody made it."""
    return next(iter(folder_of(workspace, version).glob("*.parquet")), None)
