"""The lineage store: a DuckDB file projected from the journals, to be deleted and rebuilt at will.

Nothing here is the truth: gates replay the ledger, and `Store.rebuild` gives the same contents
from the journals at any time. A connection lives as long as one call or one ``with`` block, since a
DuckDB file admits one process that writes or several that only read.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from governed_kernel.errors import CheckFailed, GovernedError, IntegrityBroken, ResourceMissing
from governed_kernel.files import exclusive_lock
from governed_kernel.lineage import schema
from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.ingestion import (
    Ingestion,
    IngestReport,
    JournalReport,
    Unreadable,
    has_moved,
)
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.sealing import finish_interrupted, unfinished
from governed_kernel.lineage.views import VIEWS
from governed_kernel.workspace import Workspace

__all__ = ["IngestReport", "JournalReport", "Store"]

_READ_ONLY: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "lock_configuration": "true",
}
_SPOOL = "ingest-"
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "VARCHAR": (str,),
    "BIGINT": (int,),
    "DOUBLE": (float, int),
    "BOOLEAN": (bool,),
    "TIMESTAMP": (datetime,),
    "VARCHAR[]": (list, tuple),
    "JSON": (dict, list, str, int, float, bool),
}


class Store:
    """The lineage store of one workspace.

    Parameters
    ----------
    workspace : Workspace
        Whose journals are projected.
    patience : float
        Seconds to wait while another process holds the file.

    Attributes
    ----------
    report : IngestReport
        What the last ingestion by this object found; readers should hear of its problems.
    """

    def __init__(self, workspace: Workspace, patience: float = 30.0) -> None:
        self.workspace = workspace
        self.path: Path = workspace.store
        self.patience = patience
        self.report = IngestReport()

    # --- reading ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that can only read this store: no other file, no setting, no extension.

        Raises
        ------
        ResourceMissing
            Another process holds the file for longer than `patience`.
        """
        if not self.path.exists():
            self.ingest()
        connection = self._connect(read_only=True)
        if not schema.is_current(connection):
            connection.close()
            self.ingest()
            connection = self._connect(read_only=True)
        try:
            yield connection
        finally:
            connection.close()

    def query(self, sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
        """The rows of one query over the public views, as objects.

        Raises
        ------
        CheckFailed
            DuckDB did not accept the query; its message is the reason.
        """
        with self.read() as connection:
            try:
                found = connection.execute(sql, parameters)
                names = [column[0] for column in found.description or []]
                return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
            except duckdb.Error as error:
                raise CheckFailed(
                    "the query failed",
                    why=str(error),
                    next="the views and their columns are in 'select * from duckdb_columns() "
                    "where schema_name = ''main'''; only reading is possible",
                ) from error

    def fingerprint(self) -> str:
        """Digest of the contents of all public views, whatever the order of their rows."""
        with self.read() as connection:
            parts = []
            for view in VIEWS:
                connection.execute(
                    f"SELECT '{view.name}' || count(*) || ':' || "
                    "coalesce(sha256(string_agg(row_hash, '' ORDER BY row_hash)), '') "
                    f"FROM (SELECT sha256(v::VARCHAR) AS row_hash FROM {view.name} v)"
                )
                parts += connection.fetchall()
            connection.execute(
                "SELECT sha256(?::VARCHAR)", ["\n".join(str(part[0]) for part in parts)]
            )
            return str(connection.fetchall()[0][0])

    # --- writing ----------------------------------------------------------------------------

    def ingest(self) -> IngestReport:
        """Bring in what the journals hold beyond what is known, in one transaction.

        A journal that is torn or broken is reported, what precedes the break is brought in, and
        the others go on. A store of another schema, or one that can't be opened, is made anew.
        """
        with self._alone() as spool:
            self._finish_sealing()
            reason, moved = self._judge()
            if reason:
                self._delete()
            self.report = IngestReport(self._project(spool) if moved else [], reason)
            return self.report

    def rebuild(self) -> IngestReport:
        """Delete the store and project every journal again.

        The tables of the ledger are empty afterwards, until `replace_ledger_tables`.
        """
        with self._alone() as spool:
            self._delete()
            self.report = IngestReport(self._project(spool), "asked for")
            return self.report

    def forget(self) -> None:
        """Delete the store with all that lies in its free pages; the next reader makes it anew."""
        with self._alone():
            self._delete()

    def ledger_head(self) -> str | None:
        """Hash of the ledger's last record when its tables were replaced; None before."""
        if not self.path.exists():
            return None
        with self.read() as connection:
            try:
                connection.execute("SELECT value FROM base.meta WHERE key = 'ledger_head'")
                found = connection.fetchone()
            except duckdb.CatalogException:
                return None
        return found[0] if found else None

    def replace_ledger_tables(self, head: Head, tables: dict[str, list[dict[str, Any]]]) -> bool:
        """Replace what the store says of the ledger, if the ledger has moved.

        Parameters
        ----------
        head : Head
            Of the ledger that the rows were computed from.
        tables : dict of str to list of dict
            Table → rows, for any of `schema.LEDGER_TABLES`; a table that is left out is empty.
            A column that is left out, and an empty text, is NULL; a text in a JSON column is
            taken as the JSON document it holds.

        Returns
        -------
        bool
            Whether anything was written.

        Raises
        ------
        TypeError
            A table or column that does not exist, or a value of another type; nothing is written.
        """
        lines = {name: _checked(name, rows) for name, rows in tables.items()}
        if self.ledger_head() == head.hash.hex():
            return False
        with self._alone() as spool:
            reason, _ = self._judge()
            if reason or not self.path.exists():
                self._delete()
                self._project(spool)
            with self._transaction() as connection:
                for name, types in schema.LEDGER_TABLES.items():
                    connection.execute(f"DELETE FROM base.{name}")
                    if lines.get(name):
                        _load(connection, name, types, lines[name], spool)
                connection.execute("DELETE FROM base.meta WHERE key = 'ledger_head'")
                connection.execute(
                    "INSERT INTO base.meta VALUES ('ledger_head', ?)", [head.hash.hex()]
                )
        return True

    def _finish_sealing(self) -> None:
        """Go on with journals whose recorder was killed while it sealed them."""
        left = unfinished(self.workspace.journals)
        if left and self.workspace.ledger.exists():
            with contextlib.suppress(GovernedError):  # verification says what is wrong with it
                events = Ledger(self.workspace).events()
                finish_interrupted(left, (e for e in events if isinstance(e, SessionSealed)))

    def _project(self, spool: Path) -> list[JournalReport]:
        limits: dict[str, tuple[int, IntegrityBroken]] = {}
        while True:
            try:
                with self._transaction() as connection:
                    if not schema.is_current(connection):
                        schema.create(connection)
                    journals, ledger = self.workspace.journals, self.workspace.ledger
                    return Ingestion(connection, journals, ledger, spool, limits).run()
            except Unreadable as error:
                limits[error.session_id] = (error.record, error.error)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Path]:
        """Hold the lock of those who write; gives an empty folder, gone afterwards."""
        with exclusive_lock(self.path.with_suffix(".lock")):
            for left in self.path.parent.glob(f"{_SPOOL}*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            with _disk(self.path):
                folder = Path(tempfile.mkdtemp(prefix=_SPOOL, dir=self.path.parent))
            try:
                with _disk(self.path):
                    yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _judge(self) -> tuple[str, bool]:
        """Why the file can't be gone on with, and whether any journal has moved beyond it."""
        if not self.path.exists():
            return "", True
        try:
            connection = self._connect(read_only=True)
        except IntegrityBroken as error:
            return error.why, True
        with contextlib.closing(connection):
            if not schema.is_current(connection):
                return "it was made by another version", True
            return "", has_moved(connection, self.workspace.journals)

    def _delete(self) -> None:
        """Remove the file; whoever reads it now keeps what is open."""
        for path in (self.path, self.path.with_name(self.path.name + ".wal")):
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._connect(read_only=False)
        try:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self.patience
        pause = 0.005
        config = dict(_READ_ONLY) if read_only else {}
        while True:
            try:
                return duckdb.connect(self.path, read_only=read_only, config=config)
            except duckdb.Error as error:
                if not _busy(error):
                    raise self._unopened(error) from error
                if time.monotonic() > deadline:
                    raise self._held(error) from error
            time.sleep(pause)
            pause = min(pause * 2, 0.1)

    def _held(self, error: duckdb.Error) -> ResourceMissing:
        return ResourceMissing(
            f"the lineage store {self.path} is in use",
            why=str(error).split(". See also", maxsplit=1)[0],
            next=f"let the other process finish ({self.patience:g} s were not enough), then again",
        )

    def _unopened(self, error: duckdb.Error) -> IntegrityBroken | ResourceMissing:
        if "Cannot open file" in str(error) or isinstance(error, duckdb.OutOfMemoryException):
            return ResourceMissing(
                f"the lineage store {self.path} can't be opened",
                why=str(error),
                next="mend the permissions or free memory, then run the same command again",
            )
        return IntegrityBroken(
            f"the lineage store {self.path} can't be opened",
            why=str(error),
            next="delete it: the next reading command projects it again from the journals",
        )


def _busy(error: duckdb.Error) -> bool:
    """Whether another connection holds the file, here or in another process."""
    text = str(error)
    return "Could not set lock" in text or "different configuration" in text


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    """Say in our own words that the disk is full or can't be written."""
    try:
        yield
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise ResourceMissing(
            f"the lineage store {path} could not be written",
            why=(isinstance(error, OSError) and error.strerror) or str(error),
            next="free disk space or mend the permissions; nothing recorded is lost",
        ) from error


def _checked(name: str, rows: list[dict[str, Any]]) -> list[bytes]:
    """Rows as JSON lines, after their names and types were checked."""
    types = schema.LEDGER_TABLES.get(name)
    if types is None:
        raise TypeError(f"the lineage store has no table {name!r}")
    for row in rows:
        for column, value in row.items():
            expected = _PYTHON_TYPES.get(types.get(column, ""))
            if expected is None:
                raise TypeError(f"{name} has no column {column!r}")
            fits = isinstance(value, expected) and not (
                isinstance(value, bool) and bool not in expected
            )
            if expected == (list, tuple) and fits:
                fits = all(isinstance(item, str) for item in value)
            if value is not None and not fits:
                raise TypeError(f"{name}.{column} is {types[column]}, not {value!r}")
    texts = [name for name, kind in types.items() if kind == "JSON"]
    return [msgspec.json.encode({**row, **_as_json(row, texts)}) for row in rows]


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
    lines: list[bytes],
    spool: Path,
) -> None:
    path = spool / f"{name}.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    read = {column: kind.replace("TIMESTAMP", "TIMESTAMPTZ") for column, kind in types.items()}
    listed = ", ".join(f"{schema.quoted(column)}: '{kind}'" for column, kind in read.items())
    room = max(1 << 21, 2 * max(map(len, lines)) + 1024)
    taken = ", ".join(
        f"nullif({schema.quoted(column)}, '')" if kind == "VARCHAR" else schema.quoted(column)
        for column, kind in types.items()
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"INSERT INTO base.{name} SELECT {taken} FROM read_json(?, format = 'newline_delimited', "
        f"maximum_object_size = {room}, columns = {{{listed}}})",
        [str(path)],
    )
