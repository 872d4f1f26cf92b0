"""A DuckDB file opened as a lineage store, and in our words why it can't be."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from governed_kernel.errors import IntegrityBroken, ResourceMissing
from governed_kernel.files import check_regular
from governed_kernel.lineage.binding import writing_literals

__all__ = ["READ_ONLY", "connect", "disk", "out_of_reach"]

_Settings = dict[str, str | bool | int | float | list[str]]
_OF_THE_DISK = (
    *(duckdb.IOException, duckdb.OutOfMemoryException),
    *(duckdb.TransactionException, duckdb.FatalException),
)
"""The last two are what is said where the room ends in a commit, or before what was committed is in
its place: the file is of no more use to who has it open, and whole for whoever opens it next."""
READ_ONLY: _Settings = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}
"""A connection that can read this file and no other, and change no setting."""


def connect(
    path: Path, settings: _Settings, *, read_only: bool, patience: float
) -> duckdb.DuckDBPyConnection:
    """Open the file at `path`, and wait while others hold it.

    Raises
    ------
    ResourceMissing
        Others held it for longer than `patience` seconds, it may not be read, or is no file.
    IntegrityBroken
        It is no database of this version of DuckDB.
    """
    if path.exists():
        check_regular(path)  # DuckDB waits at a pipe
    deadline = time.monotonic() + patience
    pause = 0.005
    while True:
        try:
            return writing_literals(duckdb.connect(path, read_only=read_only, config=settings))
        except duckdb.Error as error:
            if not _busy(error):
                raise _unopened(path, error) from error
            if time.monotonic() > deadline:
                raise _held(path, error, patience) from error
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


def _held(path: Path, error: duckdb.Error, patience: float) -> ResourceMissing:
    return ResourceMissing(
        f"the lineage store {path} is in use",
        why=str(error).split(". See also", maxsplit=1)[0],
        next=f"let the other process finish ({patience:g} s were not enough), then again",
    )


def _unopened(path: Path, error: duckdb.Error) -> IntegrityBroken | ResourceMissing:
    unreached = any(said in str(error) for said in ("Cannot open file", "Could not write file"))
    if unreached or isinstance(error, duckdb.OutOfMemoryException):
        return ResourceMissing(
            f"the lineage store {path} can't be opened",
            why=str(error),
            next="mend the permissions, or free disk space or memory, then run the same command "
            "again; nothing recorded is lost",
        )
    return IntegrityBroken(
        f"the lineage store {path} can't be opened",
        why=str(error),
        next="delete it: the next reading command projects it again from the journals",
    )


def out_of_reach(location: str, error: duckdb.Error) -> ResourceMissing:
    """Why a store that was opened can't be read any more."""
    return ResourceMissing(
        f"the lineage store {location} can't be read any more",
        why=str(error).strip().splitlines()[0],
        next="see that its disk, and a lake's bucket, can be reached; nothing recorded is lost",
    )


def _busy(error: duckdb.Error) -> bool:
    """Whether another connection holds the file, here or in another process."""
    text = str(error)
    return "Could not set lock" in text or "different configuration" in text


@contextlib.contextmanager
def disk(location: str) -> Iterator[None]:
    """Say in our own words that the disk is full or can't be written."""
    try:
        yield
    except (OSError, *_OF_THE_DISK) as error:
        raise ResourceMissing(
            f"the lineage store {location} could not be written",
            why=_reason(error) if isinstance(error, OSError) else str(error),
            next="free disk space, mend the permissions, or take away what is no file there; "
            "nothing recorded is lost",
        ) from error


def _reason(error: OSError) -> str:
    """With the file, which may be a journal that is brought in."""
    why = error.strerror or str(error)
    return f"{error.filename}: {why}" if error.filename else why
