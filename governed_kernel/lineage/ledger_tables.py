"""Rows that the governance side hands over, into the store's tables of the ledger."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias, Union

import duckdb
import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.lineage import schema
from governed_kernel.lineage.journal import Head

__all__ = ["LedgerTables", "Telling", "Told", "computed", "head_key", "head_of"]

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "VARCHAR": (str,),
    "BIGINT": (int,),
    "DOUBLE": (float, int),
    "BOOLEAN": (bool,),
    "TIMESTAMP": (datetime,),
    "VARCHAR[]": (list, tuple),
    "JSON": (dict, list, tuple, str, int, float, bool),
}
"""What a column of each type may hold, beside None."""
_LISTS = (list, tuple, type(None))
"""msgspec takes more for lists: sets, which have no order, too."""
_AS_THEY_ARE = (datetime,)
_ENCODER = msgspec.json.Encoder()


class LedgerTables:
    """What the ledger says, as rows.

    Parameters
    ----------
    head : Head
        Of the ledger that they were computed from.
    tables : dict of str to list of dict
        Table → rows; one that is left out is empty, or as it was.
    since : str
        Hash of the last record that a store has taken in, where tables that the records after it
        can't have changed are left out; empty where `tables` say everything.

    Raises
    ------
    TypeError
        A table or column that does not exist, or a value of another type.
    """

    def __init__(
        self, head: Head, tables: dict[str, list[dict[str, Any]]], since: str = ""
    ) -> None:
        self.head = head
        self.since = since
        self._lines = {name: _checked(name, rows) for name, rows in tables.items()}
        self._digests = {name: digest_bytes(lines) for name, lines in self._lines.items()}

    def replace(
        self,
        connection: duckdb.DuckDBPyConnection,
        spool: Path,
        workspace_no: int = 0,
        *,
        only_changed: bool = False,
    ) -> None:
        """Put them in the place of what a store says of a workspace so far.

        Parameters
        ----------
        spool : Path
            A folder for the time between.
        only_changed : bool
            Whether a table is left as it is that was made of the same rows, which is noted.

        Raises
        ------
        ValueError
            They go on from another record than the store.
        """
        # As little as this is read, and put in its place, sooner by one thread than by several.
        connection.execute("SET threads = 1")
        head = head_key(workspace_no)
        noted = dict(connection.execute("SELECT key, value FROM base.meta").fetchall())
        if self.since and noted.get(head) != self.since:
            raise ValueError(f"they go on from {self.since}, the store from {noted.get(head)}")
        known = noted if only_changed and head in noted else {}
        for name, types in schema.LEDGER_TABLES.items():
            if self.since and name not in self._lines:
                continue
            key, digest = f"{head}: {name}", self._digests.get(name, "")
            if known.get(key) == digest:
                continue
            connection.execute(f"DELETE FROM base.{name} WHERE workspace_no = ?", [workspace_no])
            if self._lines.get(name):
                _load(connection, name, types, self._lines[name], spool, workspace_no)
            if only_changed:
                _note(connection, key, digest)
        _note(connection, head, self.head.hash.hex())
        connection.execute("RESET threads")


Telling: TypeAlias = Callable[[str], LedgerTables]
"""Says what a ledger says since the record of a hash; since its beginning where that is empty."""
Told: TypeAlias = Callable[[], LedgerTables]
"""Gives it, once it is computed."""


@contextlib.contextmanager
def computed(ledger: Telling | None) -> Iterator[Told | None]:
    """Compute all that a ledger says in a thread; whoever asks for it waits for that."""
    if ledger is None:
        yield None
        return
    with ThreadPoolExecutor(1) as beside:
        try:
            told = beside.submit(ledger, "").result
        except RuntimeError:  # no more threads may be started
            told = cache(partial(ledger, ""))
        yield told


def _note(connection: duckdb.DuckDBPyConnection, key: str, value: str) -> None:
    connection.execute("DELETE FROM base.meta WHERE key = ?", [key])
    connection.execute("INSERT INTO base.meta VALUES (?, ?)", [key, value])


def head_key(workspace_no: int) -> str:
    """Where ``base.meta`` keeps which ledger a workspace's rows are of."""
    return f"ledger_head of {workspace_no}" if workspace_no else "ledger_head"


def head_of(connection: duckdb.DuckDBPyConnection, workspace_no: int) -> str:
    """Hash of the last record of a ledger that a store has taken in; empty where it has none."""
    found = connection.execute(
        "SELECT value FROM base.meta WHERE key = ?", [head_key(workspace_no)]
    ).fetchone()
    return str(found[0]) if found else ""


def _checked(name: str, rows: list[dict[str, Any]]) -> bytes:
    """Rows of a ledger table as JSON lines, after their names and types were checked.

    Raises
    ------
    TypeError
        A table or column that does not exist, or a value of another type.
    """
    types = schema.LEDGER_TABLES.get(name)
    if types is None:
        raise TypeError(f"the lineage store has no table {name!r}")
    try:
        msgspec.convert(rows, list[_row_type(name)], builtin_types=_AS_THEY_ARE)  # type: ignore[misc]
    except msgspec.ValidationError:
        _say_what_is_wrong(name, types, rows)
    lists = [column for column, kind in types.items() if kind == "VARCHAR[]"]
    if any(type(row.get(column)) not in _LISTS for column in lists for row in rows):
        _say_what_is_wrong(name, types, rows)
    texts = [column for column, kind in types.items() if kind == "JSON"]
    for column in texts:
        for row in rows:
            _check_value(name, types, column, row.get(column))
    if texts:
        rows = [{**row, **_as_json(row, texts)} for row in rows]
    return _ENCODER.encode_lines(rows)


@cache
def _row_type(name: str) -> type[msgspec.Struct]:
    """What plain columns of a table may hold, to look at many rows at once."""
    plain: dict[str, Any] = {kind: Union[(*types, None)] for kind, types in _PYTHON_TYPES.items()}
    plain |= {"VARCHAR[]": list[str] | None, "JSON": Any}
    fields = [(column, plain[kind], None) for column, kind in schema.LEDGER_TABLES[name].items()]
    return msgspec.defstruct(name, fields, forbid_unknown_fields=True)


def _say_what_is_wrong(name: str, types: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Look at one value after the other; what passes here fits after all."""
    for column in set().union(*rows):
        for row in rows:
            _check_value(name, types, column, row.get(column))


def _check_value(name: str, types: dict[str, str], column: str, value: Any) -> None:
    expected = _PYTHON_TYPES.get(types.get(column, ""))
    if expected is None:
        raise TypeError(f"{name} has no column {column!r}")
    fits = isinstance(value, expected) and not (isinstance(value, bool) and bool not in expected)
    if expected == (list, tuple) and fits:
        fits = all(isinstance(item, str) for item in value)
    if value is not None and not fits:
        raise TypeError(f"{name}.{column} is {types[column]}, not {value!r}")


def _as_json(row: dict[str, Any], columns: list[str]) -> dict[str, msgspec.Raw]:
    """Columns that hold a JSON document as text, as that document."""
    found = {}
    for column in columns:
        value = row.get(column)
        if isinstance(value, str):
            with contextlib.suppress(msgspec.DecodeError):
                msgspec.json.decode(value)
                found[column] = msgspec.Raw(value.encode())
    return found


def _load(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    types: dict[str, str],
    lines: bytes,
    spool: Path,
    workspace_no: int,
) -> None:
    """Put such lines into a table, by way of a file in `spool`."""
    path = spool / f"{name}.jsonl"
    path.write_bytes(lines)
    read = {column: kind.replace("TIMESTAMP", "TIMESTAMPTZ") for column, kind in types.items()}
    listed = ", ".join(f"{schema.quoted(column)}: '{kind}'" for column, kind in read.items())
    room = max(1 << 21, 2 * max(map(len, lines.splitlines())) + 1024)
    taken = ", ".join(
        f"nullif({schema.quoted(column)}, '')" if kind == "VARCHAR" else schema.quoted(column)
        for column, kind in types.items()
    )
    file = str(path).replace("'", "''")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"INSERT INTO base.{name} SELECT {workspace_no}, {taken} "
        f"FROM read_json('{file}', format = 'newline_delimited', "
        f"maximum_object_size = {room}, columns = {{{listed}}})"
    )
