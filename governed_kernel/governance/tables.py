"""A version's files as one table for DuckDB: scanned in pieces, whatever their size.

Comma-separated and JSON files are typed by all of their rows, so that a value far down changes no
type; Arrow files are mapped into memory and not read before they are asked. What the names of a
dataset's own folders say (``year=2024/part.parquet``) is a column as any other; what the folders
say in which it lies is none.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import duckdb
import msgspec

from governed_kernel.errors import MissingExtra, UsageError
from governed_kernel.lineage.binding import literal

__all__ = [
    "ENDINGS",
    "Told",
    "are_numbers",
    "arrow_table",
    "engine",
    "hf_folders",
    "hf_parts",
    "name_of",
    "scan",
    "table_files",
    "told_by_folders",
    "with_told",
]

Told: TypeAlias = dict[str, list[str | int | None]]
"""A column → its value in each file."""

ENDINGS = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json", ".arrow", ".feather")
"""Files that are tables, by the end of their names."""
_HF_INFORMATION = "state.json"
_MEMORY = "512MB"
_SAYING = re.compile(r"([^=]+)=(.*)")
_MISSING = "__HIVE_DEFAULT_PARTITION__"
_NUMBER = re.compile(r"-?\d{1,18}")
_PLACE = "governed: the file of a row"


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


def told_by_folders(path: Path, files: Sequence[Path]) -> Told:
    """Columns that the names of a dataset's folders say, as Hive, Spark and pandas lay them out.

    All of its files must lie below the same ones. What is written as a number in all of them is
    one, as for those who read such folders (``month=01``).
    """
    if not path.is_dir():
        return {}
    parts = [file.relative_to(path).parts[:-1] for file in files]
    said = [[found for part in each if (found := _SAYING.fullmatch(part))] for each in parts]
    names = {tuple(one[1] for one in each) for each in said}
    if len(names) != 1:
        return {}
    return {
        name: _typed([each[place][2] for each in said])
        for place, name in enumerate(next(iter(names)))
    }


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether what the folders of files say is a column of numbers."""
    return any(isinstance(value, int) for value in values)


def _typed(texts: Sequence[str]) -> list[str | int | None]:
    values = [None if text == _MISSING else unquote(text) for text in texts]
    if not all(value is None or _NUMBER.fullmatch(value) for value in values):
        return [*values]
    return [None if value is None else int(value) for value in values]


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
    told = told_by_folders(path, files)
    # By itself DuckDB would also take what the folders say in which the workspace lies.
    many += f", hive_partitioning = false{f', filename = {literal(_PLACE)}' if told else ''}"
    columns = "*"
    try:
        if kind in (".arrow", ".feather"):
            connection.register(f"{name}_arrow", arrow_table(files, told))
            source, told = f"{name}_arrow", {}
        elif kind == ".parquet":
            source = f"read_parquet({listed}{many})"
        elif kind in (".csv", ".tsv"):
            source = f"read_csv({listed}, header = true, sample_size = -1{many})"
        else:
            source = f"read_json({listed}, sample_size = -1{many})"
        if told:
            columns = _with_told(told, len(str(path)) + 1)
        connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM {source}")
        return [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()]
    except duckdb.Error as error:
        raise UsageError(
            f"{path.name} can't be read as a table",
            why=str(error).splitlines()[0],
            next="look at the file; its ending must say what it is",
        ) from error


def _with_told(told: Told, root: int) -> str:
    """The columns of a table's files, and those that their folders tell, as SQL."""
    own = _listed(name.lower() for name in (*told, _PLACE))
    columns = [f"COLUMNS(c -> lower(c) NOT IN ({own}))"]
    for name, values in told.items():
        kind = "BIGINT" if are_numbers(values) else "VARCHAR"
        key = re.escape(literal(name)[1:-1])
        said = f"regexp_extract({name_of(_PLACE)}[{root}:], '/{key}=([^/]*)/', 1)"
        value = f"CAST(nullif(url_decode({said}), '{_MISSING}') AS {kind})"
        columns.append(f"{value} AS {name_of(name)}")
    return ", ".join(columns)


def arrow_table(files: Sequence[Path], told: Mapping[str, Sequence[Any]] | None = None) -> Any:
    """Arrow files, in either of the format's two forms, as one table that is mapped, not read.

    With the columns that their folders tell.
    """
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
    for number, table in enumerate(tables):
        tables[number] = with_told(pyarrow, table, told or {}, number)
    return pyarrow.concat_tables(tables)


def with_told(pyarrow: Any, table: Any, told: Mapping[str, Sequence[Any]], number: int) -> Any:
    """An Arrow table of the file of that number, with the columns that its folders tell."""
    for name, values in told.items():
        kind = pyarrow.int64() if are_numbers(values) else pyarrow.string()
        if name in table.column_names:
            table = table.drop_columns([name])
        value = pyarrow.scalar(values[number], kind)
        table = table.append_column(name, pyarrow.repeat(value, table.num_rows))
    return table


def name_of(column: str) -> str:
    """A column's name as SQL takes it literally."""
    return '"' + column.replace('"', '""') + '"'


def _listed(paths: Iterator[str] | Sequence[str] | Any) -> str:
    return ", ".join(literal(path) for path in paths)
