"""Read a file of records as a table, by its ending; nothing is imported before it is needed.

Of a folder whose files differ in their columns every form has all of them, as rules and divisions
do: what a file lacks is missing in its rows. What the names of its folders say is a column as well.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from governed_kernel.errors import MissingExtra, UsageError
from governed_kernel.governance import tables

__all__ = ["read_arrow", "read_datasets", "read_pandas", "read_polars"]

_LINES = (".jsonl", ".ndjson")


def read_datasets(path: Path) -> Any:
    """The folder that Hugging Face's ``save_to_disk`` wrote, or the table, as their Dataset."""
    datasets = _library("datasets")
    folders = tables.hf_folders(path) if path.is_dir() else {}
    found = {part: datasets.Dataset.load_from_disk(str(each)) for part, each in folders.items()}
    if not found:
        return datasets.Dataset(read_arrow(path))
    return found[""] if "" in found else datasets.DatasetDict(found)


def read_pandas(path: Path) -> Any:
    """The file, or the folder of tables, as a pandas DataFrame."""
    pandas = _library("pandas")
    if path.is_dir():
        if "" in tables.hf_folders(path):
            return read_datasets(path).to_pandas()
        files = tables.table_files(path)
        found = [read_pandas(file) for file in files]
        for name, values in tables.told_by_folders(path, files).items():
            missing = float("nan") if tables.are_numbers(values) else None
            for frame, value in zip(found, values, strict=True):
                frame[name] = missing if value is None else value
        return found[0] if len(found) == 1 else pandas.concat(found, ignore_index=True)
    return _reader(
        path,
        {
            ".csv": pandas.read_csv,
            ".tsv": lambda file: pandas.read_csv(file, sep="\t"),
            ".parquet": pandas.read_parquet,
            ".feather": pandas.read_feather,
            ".arrow": pandas.read_feather,
            ".json": pandas.read_json,
            **dict.fromkeys(_LINES, lambda file: pandas.read_json(file, lines=True)),
        },
    )(path)


def read_arrow(path: Path) -> Any:
    """The file, or the folder of tables, as a pyarrow Table."""
    pyarrow = _library("pyarrow")
    if path.is_dir():
        if "" in tables.hf_folders(path):
            return tables.arrow_table(tables.table_files(path))
        files = tables.table_files(path)
        told = tables.told_by_folders(path, files)
        found = [
            tables.with_told(pyarrow, read_arrow(file), told, number)
            for number, file in enumerate(files)
        ]
        return pyarrow.concat_tables(found, promote_options="permissive")

    def by(module: str, function: str) -> Callable[[Path], Any]:
        return lambda file: getattr(importlib.import_module(f"pyarrow.{module}"), function)(file)

    def tabbed(file: Path) -> Any:
        csv = importlib.import_module("pyarrow.csv")
        return csv.read_csv(file, parse_options=csv.ParseOptions(delimiter="\t"))

    return _reader(
        path,
        {
            ".csv": by("csv", "read_csv"),
            ".tsv": tabbed,
            ".parquet": by("parquet", "read_table"),
            ".feather": by("feather", "read_table"),
            ".arrow": by("feather", "read_table"),
            **dict.fromkeys(_LINES, by("json", "read_json")),
        },
    )(path)


def read_polars(path: Path) -> Any:
    """The file, or the folder of tables, as a polars DataFrame."""
    polars = _library("polars")
    if path.is_dir():
        if "" in tables.hf_folders(path):
            return polars.from_arrow(read_arrow(path))
        files = tables.table_files(path)
        found = [read_polars(file) for file in files]
        for name, values in tables.told_by_folders(path, files).items():
            kind = polars.Int64 if tables.are_numbers(values) else polars.String
            for number, value in enumerate(values):
                told = polars.lit(value, dtype=kind).alias(name)
                found[number] = found[number].with_columns(told)
        return found[0] if len(found) == 1 else polars.concat(found, how="diagonal_relaxed")
    return _reader(
        path,
        {
            ".csv": polars.read_csv,
            ".tsv": lambda file: polars.read_csv(file, separator="\t"),
            ".parquet": polars.read_parquet,
            ".feather": polars.read_ipc,
            ".arrow": polars.read_ipc,
            ".json": polars.read_json,
            **dict.fromkeys(_LINES, polars.read_ndjson),
        },
    )(path)


def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(name, "demo") from error


def _reader(path: Path, readers: dict[str, Callable[[Path], Any]]) -> Callable[[Path], Any]:
    found = readers.get(path.suffix.lower())
    if found is None or not path.is_file():
        raise UsageError(
            f"{path.name} can't be read as a table",
            why=f"the endings known are {', '.join(readers)}"
            if path.is_file()
            else "the version is a folder of files",
            next="load it with as_='path' and read it with the library of your choice",
        )
    return found
