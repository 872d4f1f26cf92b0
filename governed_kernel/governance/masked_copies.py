"""Making masked copies: when a version is registered, by a process that may read the data."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from governed_kernel.canonical import digest_file
from governed_kernel.configuration import DataClass
from governed_kernel.errors import UsageError
from governed_kernel.files import sync_folder
from governed_kernel.governance import tables
from governed_kernel.governance.masking import (
    UNKNOWN,
    copy_of,
    folder_of,
    masked_columns,
    names_of,
)
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import append
from governed_kernel.governance.tables import name_of
from governed_kernel.lineage.binding import literal
from governed_kernel.lineage.events import DatasetMasked, DatasetRegistered
from governed_kernel.locks import AN_HOUR, exclusive_lock
from governed_kernel.workspace import Workspace

__all__ = ["make", "masked_in"]

_OPAQUE = ("JSON", "VARIANT")
_MARK = "[masked]"


def make(
    workspace: Workspace, version: DatasetRegistered, source: Path, person: str
) -> Path | None:
    """Make the masked copy of a version, once; None when its class masks nothing.

    That `person` had it made, from which columns, is on record before it is in place.

    Raises
    ------
    UsageError
        It is no table, so that nothing in it can be masked.
    """
    rule = workspace.settings.classes.get(version.data_class)
    if rule is None or not rule.masked or version.kind != "data":
        return None
    folder = folder_of(workspace, version)
    with exclusive_lock(folder.parent / ".lock", AN_HOUR):
        known = copy_of(workspace, version)
        if known is not None:
            return known
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as temporary:
            target = Path(temporary, "copy.parquet")
            masked = _write(rule, source, target)
            sha256 = digest_file(target)
            made = DatasetMasked(
                dataset=version.dataset,
                version=version.version,
                sha256=sha256,
                bytes=target.stat().st_size,
                masked=masked,
                person=person,
            )
            append(workspace, lambda _: ((made,), None))
            final = folder / f"{sha256}.parquet"
            target.chmod(0o444)
            folder.mkdir(exist_ok=True)
            target.rename(final)
            sync_folder(folder)
        return final


def masked_in(workspace: Workspace, version: DatasetRegistered) -> dict[str, str] | None:
    """The columns that are masked in a version's copy, and how; None where there is no copy."""
    copy = copy_of(workspace, version)
    made = (event for event in reversed(Register.read(workspace).events) if copy is not None)
    for event in made:
        if isinstance(event, DatasetMasked) and copy is not None and event.sha256 == copy.stem:
            return event.masked
    return None


def _fields(name: str, kind: Any, path: str = "") -> Iterator[str]:
    """By what the fields below a column are known: by their own names, and by where they are."""
    here = f"{path}.{name}" if path else name
    if kind.id == "map" or str(kind) in _OPAQUE:
        yield UNKNOWN
    if kind.id in ("list", "array"):
        yield from _fields(name, dict(kind.children)["child"], path)
    elif kind.id == "map":
        yield from _fields("value", dict(kind.children)["value"], here)
    elif kind.id in ("struct", "union"):
        below = [(field, each) for field, each in kind.children if field]
        for field, each in below:
            for called in names_of(field, [other for other, _ in below]):
                yield called
                yield f"{here}.{called}"
            yield from _fields(field, each, here)


def _write(rule: DataClass, source: Path, target: Path) -> dict[str, str]:
    """Each digest is made with a secret that nobody keeps: equal values stay equal, and hidden.

    Returns
    -------
    dict of str to str
        Which columns are masked, and how.
    """
    secret = secrets.token_hex(16)
    with tables.engine(*tables.table_files(source), folder=target.parent) as connection:
        columns = tables.scan(connection, source, "data")
        kinds = connection.view("data").types
        fields = {
            column: {*names_of(column, columns), *_fields(column, kind)}
            for column, kind in zip(columns, kinds, strict=True)
        }
        masked = masked_columns(rule, fields)
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
    return masked
