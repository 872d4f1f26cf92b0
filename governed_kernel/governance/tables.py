"""A version's files as one table for DuckDB: scanned in pieces, whatever their size.

Comma-separated and JSON files are typed by all of their rows, so that a value far down changes no
type; Arrow files are mapped into memory and not read before they are asked.
"""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from governed_kernel.errors import MissingExtra, UsageError
from governed_kernel.lineage.binding import literal

__all__ = [
    "ENDINGS",
    "arrow_table",
    "engine",
    "hf_folders",
    "hf_parts",
    "name_of",
    "scan",
    "table_files",
]

ENDINGS = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json", ".arrow", ".feather")
"""Files that are tables, by the end of their names."""
_HF_INFORMATION = "state.json"
_MEMORY = "512MB"


@contextlib.contextmanager
def engine(*files: Path, folder: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB for rules that people wrote: it reads `files`, writes below `folder`, and no more.

    It takes half a gibibyte of memory at most; what needs more lies on the disk meanwhile.
    """
    with tempfile.TemporaryDirectory(prefix="governed-engine-") as spill:
        connection = duckdb.connect(":memory:", config={"threads": "2"})
        try:
            connection.execute(f"SET memory_limit = '{_MEMORY}'")
            connection.execute(f"SET temp_directory = {literal(spill)}")
            connection.execute("SET TimeZone = 'UTC'")
            folders = [spill, *([str(folder)] if folder else [])]
            connection.execute(f"SET allowed_paths = [{_listed(str(file) for file in files)}]")
            connection.execute(f"SET allowed_directories = [{_listed(folders)}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield connection
        finally:
            connection.close()


def table_files(path: Path) -> list[Path]:
    """The files of a version that make up its table, sorted; all of one kind.

    Raises
    ------
    UsageError
        There is none, they are of several kinds, or of several parts.
    """
    if path.is_file():
        found = [path]
    elif parts := hf_parts(path):
        raise UsageError(
            f"{path.name} has several parts: {', '.join(parts)}",
            why="each is a table of its own",
            next="register one part, or load it with as_='datasets'",
        )
    elif state := _hf_state(path):
        found = _hf_files(path, state)
    else:
        there = sorted(file for file in path.rglob("*") if file.is_file())
        found = [file for file in there if file.suffix.lower() in ENDINGS] or there
    kinds = {file.suffix.lower() for file in found}
    if len(kinds) != 1 or not kinds <= set(ENDINGS):
        said = ", ".join(sorted(kind or "no ending" for kind in kinds)) or "none"
        raise UsageError(
            f"{path.name} can't be read as a table",
            why=f"the endings known are {', '.join(ENDINGS)}; found: {said}",
            next="keep the tables of one dataset in files of one kind, or load it with as_='path'",
        )
    return found


def hf_parts(path: Path) -> list[str]:
    """The parts of a folder that Hugging Face's ``DatasetDict.save_to_disk`` wrote; else none."""
    try:
        said = msgspec.json.decode((path / "dataset_dict.json").read_bytes(), type=_Parts)
    except (OSError, msgspec.MsgspecError):
        return []
    return said.splits


def hf_folders(path: Path) -> dict[str, Path]:
    """What Hugging Face's ``save_to_disk`` wrote: folders by part, the name of a Dataset is empty.

    Each is to be loaded by itself. Their own loader would look again at which of the two it is, and
    follow a part's name wherever it leads.

    Raises
    ------
    UsageError
        It names files or parts that do not lie in it, or is both.
    """
    state, parts = _hf_state(path), hf_parts(path)
    if state is None and not parts:
        return {}
    if state is not None and parts:
        raise _not_saved(path, "it says that it is one table, and that it is several")
    if state is not None:
        _hf_files(path, state)
        return {"": path}
    there = {folder.name: folder for folder in path.iterdir()}
    for part in parts:
        its = _hf_state(there[part]) if part in there else None
        if its is None:
            raise _not_saved(path, f"its part {part!r} is no folder of it that it wrote")
        _hf_files(there[part], its)
    return {part: there[part] for part in parts}


def _not_saved(path: Path, why: str) -> UsageError:
    return UsageError(
        f"{path.name} can't be read",
        why=f"'save_to_disk' leaves no such folder: {why}",
        next="save the dataset again by 'save_to_disk', and register that folder",
    )


class _Parts(msgspec.Struct):
    splits: list[str]


class _File(msgspec.Struct):
    filename: str


class _State(msgspec.Struct):
    """What ``Dataset.save_to_disk`` says of the files beside it."""

    files: list[_File] = msgspec.field(name="_data_files")


def _hf_state(path: Path) -> _State | None:
    """Of a folder that ``Dataset.save_to_disk`` wrote; None for another with such a file."""
    try:
        return msgspec.json.decode((path / _HF_INFORMATION).read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError):
        return None


def _hf_files(path: Path, state: _State) -> list[Path]:
    """Its Arrow files in their order: each one of this folder, whatever is written there."""
    there = {file.name: file for file in path.iterdir() if file.is_file()}
    missing = [file.filename for file in state.files if file.filename not in there]
    if missing:
        raise UsageError(
            f"{path.name} can't be read as a table",
            why=f"{_HF_INFORMATION} names {missing[0]!r}, which is no file of this folder",
            next="save the dataset again by 'save_to_disk', and register that folder",
        )
    return [there[file.filename] for file in state.files]


def scan(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> list[str]:
    """Make a view `name` over a version's table; returns its columns.

    Raises
    ------
    UsageError
        It is no table, or not written as its ending says.
    """
    files = table_files(path)
    kind = files[0].suffix.lower()
    listed = f"[{_listed(str(file) for file in files)}]"
    many = "" if len(files) == 1 else ", union_by_name = true"
    try:
        if kind in (".arrow", ".feather"):
            connection.register(f"{name}_arrow", arrow_table(files))
            source = f"{name}_arrow"
        elif kind == ".parquet":
            source = f"read_parquet({listed}{many})"
        elif kind in (".csv", ".tsv"):
            source = f"read_csv({listed}, header = true, sample_size = -1{many})"
        else:
            source = f"read_json({listed}, sample_size = -1{many})"
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM {source}")
        return [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()]
    except duckdb.Error as error:
        raise UsageError(
            f"{path.name} can't be read as a table",
            why=str(error).splitlines()[0],
            next="look at the file; its ending must say what it is",
        ) from error


def arrow_table(files: Sequence[Path]) -> Any:
    """Arrow files, in either of the format's two forms, as one table that is mapped, not read."""
    try:
        pyarrow = importlib.import_module("pyarrow")
        ipc = importlib.import_module("pyarrow.ipc")
    except ImportError as error:
        raise MissingExtra("pyarrow", "demo") from error
    tables = []
    for file in files:
        source = pyarrow.memory_map(str(file))
        try:
            tables.append(ipc.open_file(source).read_all())
        except pyarrow.ArrowInvalid:
            source.seek(0)
            try:
                tables.append(ipc.open_stream(source).read_all())
            except pyarrow.ArrowInvalid as error:
                raise UsageError(
                    f"{file.name} can't be read as a table",
                    why=str(error),
                    next="it must be an Arrow file or stream, uncompressed as a whole",
                ) from error
    return pyarrow.concat_tables(tables)


def name_of(column: str) -> str:
    """A column's name as SQL takes it literally."""
    return '"' + column.replace('"', '""') + '"'


def _listed(paths: Iterator[str] | Sequence[str] | Any) -> str:
    return ", ".join(literal(path) for path in paths)
