"""Masked copies: what those read of a class who may not see some of its columns.

A copy is made when a version is registered, by a process that may read the data; a notebook of
somebody who may not is given the copy and can't open the data itself. Its name is its digest.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb

from governed_kernel.canonical import digest_file, digest_json
from governed_kernel.configuration import DataClass
from governed_kernel.errors import UsageError
from governed_kernel.files import exclusive_lock, sync_folder
from governed_kernel.governance import tables
from governed_kernel.governance.register import Register
from governed_kernel.governance.tables import literal, name_of
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.workspace import Workspace

__all__ = ["MASKED", "copy_of", "folder_of", "is_masked_for", "make", "masked_columns"]

MASKED = "+masked"
"""Behind a version's name: its masked copy, as what files are made from."""
_FORM = 1
_MARK = "[masked]"


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


def make(workspace: Workspace, version: DatasetRegistered, source: Path) -> Path | None:
    """Make the masked copy of a version, once; None when its class masks nothing.

    Raises
    ------
    UsageError
        It is no table, so that nothing in it can be masked.
    """
    rule = workspace.settings.classes.get(version.data_class)
    if rule is None or not rule.masked or version.kind != "data":
        return None
    folder = folder_of(workspace, version)
    with exclusive_lock(folder.parent / ".lock"):
        known = copy_of(workspace, version)
        if known is not None:
            return known
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as temporary:
            target = Path(temporary, "copy.parquet")
            _write(rule, source, target)
            final = folder / f"{digest_file(target)}.parquet"
            target.chmod(0o444)
            folder.mkdir(exist_ok=True)
            target.rename(final)
            sync_folder(folder)
        return final


def _write(rule: DataClass, source: Path, target: Path) -> None:
    """Each digest is made with a secret that nobody keeps: equal values stay equal, and hidden."""
    secret = secrets.token_hex(16)
    with tables.engine(*tables.table_files(source), folder=target.parent) as connection:
        columns = tables.scan(connection, source, "data")
        masked = masked_columns(rule, columns)
        shown = []
        for column in columns:
            name = name_of(column)
            match masked.get(column):
                case "drop":
                    continue
                case "redact":
                    shown.append(
                        f"CASE WHEN {name} IS NOT NULL THEN {literal(_MARK)} END AS {name}"
                    )
                case "hash":
                    digest = f"sha256(concat({literal(secret)}, {name}::VARCHAR))[1:16]"
                    shown.append(f"CASE WHEN {name} IS NOT NULL THEN {digest} END AS {name}")
                case _:
                    shown.append(name)
        if not shown:
            raise UsageError(
                f"{source.name} would have no columns left",
                why="its class leaves all of them out for whoever may not see them",
                next="mask them in another way ('redact', 'hash') in governed.toml",
            )
        try:
            connection.execute(
                f"COPY (SELECT {', '.join(shown)} FROM data) "  # noqa: S608 - names are quoted
                f"TO {literal(str(target))} (FORMAT parquet)"
            )
        except duckdb.Error as error:
            raise UsageError(
                f"{source.name} could not be masked",
                why=str(error).splitlines()[0],
                next="look at the file; its ending must say what it is",
            ) from error
