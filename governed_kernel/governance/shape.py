"""How many rows a registered table has, and which columns; read from the file as it is."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb

from governed_kernel.errors import GovernedError, UsageError
from governed_kernel.governance import tables

__all__ = [
    "UNREADABLE",
    "called",
    "check_columns",
    "columns_of",
    "names_of",
    "only_counts",
    "rows_of",
]

_LARGEST_COUNTED = 256 << 20
"""Bytes of a file beyond which nobody waits for its rows to be counted; Parquet says how many."""


UNREADABLE = (GovernedError, OSError, ValueError, KeyError, csv.Error, duckdb.Error)
"""What reading a file as a table raises where it is none, or none that can be read."""


def rows_of(path: Path) -> int:
    """Rows of a table, in one file or several; -1 where it is none, or too long to be counted."""
    try:
        files = tables.table_files(path)
        counted = [_rows(file) for file in files]
    except UNREADABLE:
        return -1  # no table: a folder of images, a text of unknown encoding
    return -1 if -1 in counted else sum(counted)


def _rows(file: Path) -> int:
    match file.suffix.lower():
        case ".parquet":
            with tables.engine(file) as connection:
                said = "select sum(num_rows)::bigint from parquet_file_metadata(?)"
                found = connection.execute(said, [str(file)]).fetchone()
                return int(found[0]) if found else -1
        case ".arrow" | ".feather" if file.stat().st_size <= _LARGEST_COUNTED:
            return int(tables.arrow_table([file]).num_rows)
        case ".csv" if file.stat().st_size <= _LARGEST_COUNTED:
            with file.open(newline="", encoding="utf-8") as text:
                return max(sum(1 for row in csv.reader(text) if row) - 1, 0)
        case ".jsonl" if file.stat().st_size <= _LARGEST_COUNTED:
            with file.open("rb") as lines:
                return sum(1 for line in lines if line.strip())
    return -1


def check_columns(name: str, path: Path, wanted: Sequence[str]) -> list[str]:
    """The columns never to be learned, each once; each must be there, or nobody would notice.

    Raises
    ------
    UsageError
        One is not there, or it is no table.
    """
    if not wanted:
        return []
    known = columns_of(path)
    missing = [column for column in wanted if column not in known]
    if missing:
        raise UsageError(
            f"{name} has no column {', '.join(missing)}",
            why=f"its columns are {', '.join(known)}",
            next="name columns as they stand in the table",
        )
    return list(dict.fromkeys(wanted))


def names_of(path: Path) -> frozenset[str]:
    """What readers call the columns of a table; none where it is no table that can be read.

    A column without a name gets one, and each library says another.
    """
    try:
        return called(path, columns_of(path))
    except UNREADABLE:
        return frozenset()


def called(path: Path, columns: Collection[str]) -> frozenset[str]:
    """What readers call these columns of a table, which must be one that can be read."""
    if "" not in columns:
        return frozenset(columns)
    nameless = [place for place, column in enumerate(columns_of(path)) if not column]
    given = (form.format(place) for place in nameless for form in _NAMELESS)
    return frozenset((*columns, *given))


def only_counts(path: Path) -> bool:
    """Whether a table's columns without a name number its rows from 0, as a new index does."""
    try:
        return all(_only_counts(file) for file in tables.table_files(path))
    except UNREADABLE:
        return False


def _only_counts(file: Path) -> bool:
    if file.suffix.lower() != ".csv" or file.stat().st_size > _LARGEST_COUNTED:
        return False
    with file.open(newline="", encoding="utf-8-sig", errors="replace") as text:
        rows = (row for row in csv.reader(text) if row)
        nameless = [place for place, column in enumerate(next(rows, [])) if not column]
        return all(
            row[place : place + 1] == [str(number)]
            for number, row in enumerate(rows)
            for place in nameless
        )


_NAMELESS = ("Unnamed: {}", "column{}", "column_{}", "f{}")


def columns_of(path: Path) -> list[str]:
    """The names of a table's columns, as they stand in its file or first file."""
    if path.is_file() and path.suffix.lower() == ".csv":
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            return next(csv.reader(file), [])
    files = tables.table_files(path)
    if files[0].suffix.lower() in (".arrow", ".feather"):
        told = tables.told_by_folders(path, files)
        return [str(column) for column in tables.arrow_table(files, told).column_names]
    with tables.engine(*files) as connection:
        return tables.scan(connection, path, "registered")
