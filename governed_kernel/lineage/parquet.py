"""Every public view as a Parquet file, for those who ask elsewhere."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from governed_kernel.errors import ResourceMissing, UsageError
from governed_kernel.files import sync_folder, write_atomically
from governed_kernel.lineage import schema
from governed_kernel.lineage.store import Store
from governed_kernel.lineage.views import VIEWS

__all__ = ["CONTENTS", "export_parquet"]

CONTENTS = "contents.json"
"""File of an export that says what is in it."""


def export_parquet(
    store: Store, folder: Path, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Write every public view, as it is at one moment, to ``FOLDER/VIEW.parquet``.

    Rows stream from the store to the files. The folder appears when everything is in it.

    Parameters
    ----------
    folder : Path
        Where they go; it must not exist, or be empty.
    progress : callable
        Told the name of each view.

    Returns
    -------
    dict
        ``schema`` of the store, ``ledger_head`` that it knows, and ``rows`` of each view; the same
        lies in the folder.

    Raises
    ------
    UsageError
        The folder is there and not empty.
    ResourceMissing
        The disk is full, or can't be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there already",
            why="an export never mixes with what was there",
            next="name a folder that does not exist",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unnamed = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unwritten(folder, error.strerror or str(error)) from error
    try:
        contents = _write(store, unnamed, progress)
        unnamed.chmod(0o755)
        unnamed.replace(folder)
        sync_folder(folder.parent)
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise _unwritten(folder, str(error)) from error
    finally:
        shutil.rmtree(unnamed, ignore_errors=True)
    return contents


def _write(store: Store, folder: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    rows = {}
    with store.copying() as connection:
        connection.execute("BEGIN TRANSACTION READ ONLY")
        for view in VIEWS:
            progress(view.name)
            target = str(folder / f"{view.name}.parquet").replace("'", "''")
            found = connection.execute(
                f"COPY (FROM {view.name}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
            ).fetchone()
            rows[view.name] = found[0] if found else 0
        found = connection.execute(
            "SELECT any_value(value) FROM base.meta WHERE key = 'ledger_head'"
        ).fetchone()
    contents = {"schema": schema.mark(), "ledger_head": found and found[0], "rows": rows}
    data = msgspec.json.format(msgspec.json.encode(contents), indent=2)
    write_atomically(folder / CONTENTS, data + b"\n")
    return contents


def _unwritten(folder: Path, why: str) -> ResourceMissing:
    return ResourceMissing(
        f"the export to {folder} could not be written",
        why=why,
        next="free disk space or mend the permissions, then export again",
    )
