"""The lineage store: a DuckDB file projected from the journals, to be deleted and rebuilt at will.

Nothing here is the truth: gates replay the ledger, and `Store.rebuild` gives the same contents
from the journals at any time. A connection lives as long as one call or one ``with`` block, since a
DuckDB file admits one process that writes or several that only read.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from governed_kernel.errors import IntegrityBroken
from governed_kernel.files import check_regular
from governed_kernel.lineage import crossings, schema
from governed_kernel.lineage.answering import Answering
from governed_kernel.lineage.forms import journal_files
from governed_kernel.lineage.imports import identity_of, imported
from governed_kernel.lineage.ingestion import (
    Distrusted,
    Ingestion,
    IngestReport,
    JournalReport,
    has_moved,
)
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.ledger_tables import LedgerTables, Telling, Told, computed, head_of
from governed_kernel.lineage.loading import Unreadable
from governed_kernel.lineage.numbering import Numbers
from governed_kernel.lineage.opening import READ_ONLY, connect, disk
from governed_kernel.lineage.sealing import finish_interrupted, unfinished
from governed_kernel.lineage.seals import Seals
from governed_kernel.lineage.workspaces import number_of, register
from governed_kernel.locks import AN_HOUR, exclusive_lock, readers_lock
from governed_kernel.workspace import Workspace

__all__ = ["IngestReport", "JournalReport", "Store", "disk"]

_SPOOL = "ingest-"


class _Standing(NamedTuple):
    """How a store's file stands to what it is made from."""

    reason: str
    """Why it can't be gone on with; empty where it can, or is not there."""
    has_moved: bool
    """Whether any journal has moved beyond it."""
    ledger_head: str = ""
    """Hash of the last record of the ledger that it has taken in."""


class Store(Answering):
    """The lineage store of one workspace.

    Where ``governed.toml`` names a lake, this makes a `lake.Lake`, which does the same.

    Parameters
    ----------
    workspace : Workspace
        Whose journals are projected.
    patience : float
        Seconds to wait while another process holds the file.
    progress : callable
        Told the number of events brought in so far, now and then.
    path : Path, optional
        A file of its own, whatever the settings say.

    Attributes
    ----------
    report : IngestReport
        What the last ingestion by this object found; readers should hear of its problems.
    """

    def __new__(
        cls, workspace: Workspace, *_: object, path: Path | None = None, **__: object
    ) -> Store:
        """The store that the settings name."""
        if cls is Store and path is None and workspace.keeps_lake:
            from governed_kernel.lineage.lake import Lake

            return super().__new__(Lake)
        return super().__new__(cls)

    def __init__(
        self,
        workspace: Workspace,
        patience: float = 30.0,
        progress: Callable[[int], None] = lambda _: None,
        path: Path | None = None,
    ) -> None:
        self.workspace = workspace
        self._progress = progress
        self.path: Path = path or workspace.store
        self.patience = patience
        self.report = IngestReport()

    @cached_property
    def texts(self) -> bool:
        """Whether it holds erasable texts; not where only some roles may read them."""
        return not self.workspace.settings.lineage.readers

    @property
    def location(self) -> str:
        """Where it is, for people."""
        return str(self.path)

    def size(self) -> int:
        """Bytes that it takes."""
        return self.path.stat().st_size

    # --- reading ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _read(self, *, locked: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        settings = READ_ONLY if locked else {}
        if not self.path.exists():
            self.ingest()
        connection = connect(self.path, settings, read_only=True, patience=self.patience)
        if not schema.is_current(connection, texts=self.texts):
            connection.close()
            self.ingest()
            connection = connect(self.path, settings, read_only=True, patience=self.patience)
        try:
            yield connection
        finally:
            connection.close()

    def _admit(self, sql: str) -> None:
        """Refuse nothing: a file's connection can only read this file."""

    # --- writing ----------------------------------------------------------------------------

    def ingest(
        self,
        ledger: Telling | None = None,
        confirm: Callable[[], object] = lambda: None,
    ) -> IngestReport:
        """Bring in what the journals hold beyond what is known, in one transaction.

        A journal that is torn or broken is reported, what precedes the break is brought in, and
        the others go on. A store of another schema, or one that can't be opened, is made anew.

        Parameters
        ----------
        ledger : callable, optional
            Gives what the ledger says, to be brought in as well. It is told the hash of the last
            record that the store has taken in, empty where that is none: then it is asked in a
            thread of its own, while the store is made.
        confirm : callable
            Asked before anything is in place; the store stays as it is if it raises.
        """
        with self._alone() as spool:
            self._finish_sealing()
            standing = self._judge()
            if standing.reason or not self.path.exists():
                with computed(ledger) as told:
                    found = self._make(spool, told, confirm)
            else:
                # First: two threads of Python would only wait for each other.
                said = ledger(standing.ledger_head) if ledger else None
                confirm()
                found = []
                if standing.has_moved:
                    found = self._project(self.path, spool, (lambda: said) if said else None)
                elif said is not None:
                    self._put(said, None, spool)
            self.report = IngestReport(found, standing.reason)
            return self.report

    def go_on(
        self, known: str, ledger: Telling, confirm: Callable[[], object] = lambda: None
    ) -> bool:
        """Bring in what the ledger says, where that is all that is new: the file is opened once.

        Parameters
        ----------
        known : str
            Hash of the last record that the store had taken in when somebody looked.
        ledger, confirm
            As for `ingest`; asked before anybody is kept from reading.

        Returns
        -------
        bool
            Whether it was; else the store is as it was, and it takes `ingest`.
        """
        if not known or not self.path.exists():
            return False
        rows = ledger(known)
        confirm()
        with self._alone() as spool:
            if unfinished(self.workspace.journals) or not self.path.exists():
                return False
            with contextlib.suppress(IntegrityBroken), self._transaction(self.path) as connection:
                if not schema.is_current(connection, texts=self.texts):
                    return False
                if head_of(connection, 0) != rows.since or self._has_moved(connection):
                    return False
                number = self._register(connection).workspace_no
                rows.replace(connection, spool, number, only_changed=True)
                return True
        return False

    def rebuild(self, ledger: LedgerTables | None = None) -> IngestReport:
        """Project every journal again, and put the result in the store's place.

        Whoever reads meanwhile reads the store as it was.

        Parameters
        ----------
        ledger : LedgerTables, optional
            All that the ledger says; without it its tables are empty.
        """
        with self._alone() as spool:
            self._finish_sealing()
            found = [*self._make(spool, (lambda: ledger) if ledger else None), *self._gone()]
            self.report = IngestReport(found, "asked for")
            return self.report

    def _gone(self) -> list[JournalReport]:
        """Sessions that were sealed, of which a store that is made anew can say nothing."""
        there = {journal.stem for journal in journal_files(self.workspace.journals)}
        return [
            JournalReport(session, problem=f"session {session} was sealed, and its journal is gone")
            for session in sorted(Seals(self.workspace).all().keys() - there)
        ]

    def _make(
        self,
        spool: Path,
        told: Told | None = None,
        confirm: Callable[[], object] = lambda: None,
    ) -> list[JournalReport]:
        """Make the store anew under another name, then put it in its place."""
        made = spool / self.path.name
        found = self._project(made, spool, told)
        confirm()
        self._wal.unlink(missing_ok=True)  # it belongs to the file that goes
        made.replace(self.path)
        return found

    def copy_to(self, folder: Path) -> None:
        """Copy its file into a folder, as it is between two ingestions; to read it is enough."""
        with readers_lock(self.path.with_suffix(".lock"), AN_HOUR):
            for source in (self.path, self._wal):
                with contextlib.suppress(FileNotFoundError):
                    check_regular(source)
                    with disk(str(folder)):
                        shutil.copyfile(source, folder / source.name)

    def forget(self) -> None:
        """Delete the store with all that lies in its free pages; the next reader makes it anew."""
        with self._alone():
            self._delete()

    def remove(self) -> None:
        """Remove what this store keeps, for ever; the journals keep what it was made from."""
        self.forget()

    def exists(self) -> bool:
        """Whether anything was ever brought in."""
        return self.path.exists()

    def replace_ledger_tables(
        self,
        head: Head,
        tables: dict[str, list[dict[str, Any]]],
        of: Workspace | None = None,
    ) -> bool:
        """Replace what the store says of the ledger, if the ledger has moved.

        Parameters
        ----------
        head : Head
            Of the ledger that the rows were computed from.
        tables : dict of str to list of dict
            Table → rows, for any of `schema.LEDGER_TABLES`; a table that is left out is empty.
            A column that is left out, and an empty text, is NULL; a text in a JSON column is
            taken as the JSON document it holds.
        of : Workspace, optional
            An imported workspace whose ledger it is; else the store's own.

        Returns
        -------
        bool
            Whether anything was written.

        Raises
        ------
        TypeError
            A table or column that does not exist, or a value of another type; nothing is written.
        """
        rows = LedgerTables(head, tables)
        if self.ledger_head(of) == head.hash.hex():
            return False
        self._replace(rows, of)
        return True

    def _replace(self, rows: LedgerTables, of: Workspace | None) -> None:
        with self._alone() as spool:
            if (self._judge().reason or not self.path.exists()) and of is None:
                self._make(spool, lambda: rows)
            else:
                self._put(rows, of, spool)

    def _put(self, rows: LedgerTables, of: Workspace | None, spool: Path) -> None:
        with self._transaction(self.path) as connection:
            number = self._register(connection, of).workspace_no
            rows.replace(connection, spool, number, only_changed=True)

    # --- the workspaces in it ---------------------------------------------------------------

    @property
    def _sources(self) -> list[Workspace | None]:
        """The store's own workspace (None), and those that were imported into it."""
        return [None, *imported(self.workspace)]

    def _number(
        self, connection: duckdb.DuckDBPyConnection, of: Workspace | None = None
    ) -> int | None:
        """Number of a workspace within the store; None when it is not known there."""
        if of is None:
            return 0
        return number_of(connection, identity_of(of))

    def _register(
        self, connection: duckdb.DuckDBPyConnection, of: Workspace | None = None
    ) -> Numbers:
        """The numbers of a workspace, which becomes known, or better known, if need be."""
        return register(connection, of or self.workspace, self._number(connection, of))

    def _finish_sealing(self) -> None:
        """Go on with journals whose recorder was killed while it sealed them."""
        left = unfinished(self.workspace.journals)
        if left and self.workspace.ledger.exists():
            finish_interrupted(left, Seals(self.workspace).all().values())

    def _project(self, path: Path, spool: Path, told: Told | None = None) -> list[JournalReport]:
        """Bring all that is new into the store at `path`."""
        return self._bring_in(lambda: self._transaction(path), spool, told)

    def _bring_in(
        self,
        transaction: Callable[[], contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]],
        spool: Path,
        told: Told | None = None,
    ) -> list[JournalReport]:
        """Bring all that is new into a store, in one transaction that succeeds."""
        limits: dict[str, tuple[int, IntegrityBroken]] = {}
        seals = [(source, Seals(source or self.workspace)) for source in self._sources]
        while True:
            try:
                with transaction() as connection:
                    self._create(connection)
                    found = []
                    for source, sealed in seals:
                        found += self._ingest_from(connection, source, spool, limits, sealed)
                    self._connect_workspaces(connection)
                    if told is not None:
                        number = self._number(connection) or 0
                        told().replace(connection, spool, number, only_changed=True)
                    return found
            except Unreadable as error:
                limits[error.session_id] = (error.record, error.error)
            except Distrusted as error:
                for _, sealed in seals:
                    sealed.distrusted |= error.sessions

    def _create(self, connection: duckdb.DuckDBPyConnection) -> None:
        if not schema.is_current(connection, texts=self.texts):
            schema.create(connection, texts=self.texts)

    def _connect_workspaces(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Find what one workspace made of another's, where there are several."""
        if crossings.behind(connection):
            crossings.cross(connection)

    def _ingest_from(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: Workspace | None,
        spool: Path,
        limits: dict[str, tuple[int, IntegrityBroken]],
        seals: Seals,
    ) -> list[JournalReport]:
        """Bring in what is new of one workspace."""
        workspace = source or self.workspace
        ingestion = Ingestion(
            connection,
            workspace.journals,
            identity_of(workspace),
            spool,
            limits,
            seals.of,
            self._progress,
            self._register(connection, source),
        )
        ingestion.texts = self.texts and source is None
        ingestion.imported = source is not None
        ingestion.lake = self._adds_only
        return ingestion.run()

    _adds_only = False

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Path]:
        """Hold the lock of those who write; gives an empty folder, gone afterwards."""
        with exclusive_lock(self.path.with_suffix(".lock"), AN_HOUR):
            for left in self.path.parent.glob(f"{_SPOOL}*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            with disk(self.location):
                folder = Path(tempfile.mkdtemp(prefix=_SPOOL, dir=self.path.parent))
            try:
                with disk(self.location):
                    yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _judge(self) -> _Standing:
        if not self.path.exists():
            return _Standing("", has_moved=True)
        try:
            connection = connect(self.path, READ_ONLY, read_only=True, patience=self.patience)
        except IntegrityBroken as error:
            return _Standing(error.why, has_moved=True)
        with contextlib.closing(connection):
            if not schema.is_current(connection, texts=self.texts):
                reason = "it was made by another version, or with other rules for texts"
                return _Standing(reason, has_moved=True)
            head = head_of(connection, self._number(connection) or 0)
            return _Standing("", self._has_moved(connection), head)

    def is_behind(self) -> bool:
        """Whether a journal holds what is not taken in, or a sealing is to be finished first."""
        if unfinished(self.workspace.journals):
            return True
        with self.read() as connection:
            return self._has_moved(connection)

    def _has_moved(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Whether any journal has moved beyond what is known, or links are still to be found."""
        for source in self._sources:
            number = self._number(connection, source)
            folder = (source or self.workspace).journals
            if number is None or has_moved(
                connection, folder, Numbers(number), imported=source is not None
            ):
                return True
        return crossings.behind(connection)

    def _delete(self) -> None:
        """Remove the file; whoever reads it now keeps what is open."""
        for path in (self.path, self._wal):
            path.unlink(missing_ok=True)

    @property
    def _wal(self) -> Path:
        return self.path.with_name(self.path.name + ".wal")

    @contextlib.contextmanager
    def _transaction(self, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = connect(path, {}, read_only=False, patience=self.patience)
        try:
            # What is committed goes to its place at once, not into a log first and then from there.
            connection.execute("SET wal_autocheckpoint = '1KB'")
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()
