"""The lineage store in a lake: DuckLake with its catalog in PostgreSQL, which workspaces share.

The schema and the views are those of the file. Whoever ingests holds a lock of its workspace and
shares one with all others, numbers its rows from a range of its own (`numbering`), and only adds
rows: so machines write at once. What removes rows (the ledger's tables, links between workspaces,
erasures, a rebuild) takes the lock alone, and is short. All is one transaction: who is killed
leaves nothing but Parquet files that no catalog names, which the next `tidy` removes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import duckdb

from governed_kernel.errors import ConfigurationError, ResourceMissing
from governed_kernel.lineage import crossings, schema
from governed_kernel.lineage.imports import identity_of
from governed_kernel.lineage.ingestion import IngestReport, JournalReport
from governed_kernel.lineage.lake_engine import LAKE_NAME, Engine
from governed_kernel.lineage.ledger_tables import LedgerTables, Telling, Told, head_key
from governed_kernel.lineage.opening import out_of_reach
from governed_kernel.lineage.reading import admit
from governed_kernel.lineage.replacing import Removing
from governed_kernel.lineage.schema import EVENT_TABLES, LEDGER_TABLES
from governed_kernel.lineage.store import Store
from governed_kernel.lineage.workspaces import number_of
from governed_kernel.workspace import Workspace

__all__ = ["Lake"]

R = TypeVar("R")
_CONFLICTS = 5
_MANY_FILES = 400
_BY_SESSION = ("journal_states", "payloads", "objects", "reads", "writes")
_BY_NUMBER = {
    "uses": "transformation_no", "makes": "transformation_no",
    "column_edges": "transformation_no", "continuations": "read_no", "origins": "write_no",
}  # fmt: skip


class Lake(Store):
    """The lineage store of one workspace, as its part of a lake; what `Store` does."""

    _adds_only = True
    _behind, _files = False, 0

    @property
    def _engine(self) -> Engine:
        return Engine(self.workspace.settings)

    @property
    def location(self) -> str:
        """Where it is, for people."""
        return self._engine.location

    def size(self) -> int:
        """Bytes of the whole lake's files, all workspaces together."""
        with self._open(read_only=True) as connection:
            found = connection.execute(
                f"SELECT coalesce(sum(file_size_bytes), 0)::BIGINT "
                f"FROM ducklake_table_info('{LAKE_NAME}')"
            ).fetchone()
        return int(found[0]) if found else 0

    # --- reading ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _read(self, *, locked: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._open(read_only=True) as connection:
            if self._is_made(connection) and self._home(connection) is not None:
                self._ready(connection, locked=locked)
                yield connection
                return
        self.ingest()
        with self._open(read_only=True) as connection:
            self._ready(connection, locked=locked)
            yield connection

    def _ready(self, connection: duckdb.DuckDBPyConnection, *, locked: bool) -> None:
        connection.execute(f"SET VARIABLE home = {self._home(connection)}")
        if locked:
            self._engine.lock_down(connection)
            connection.execute("BEGIN TRANSACTION READ ONLY")  # all that is asked is of one moment

    def _admit(self, sql: str) -> None:
        admit(sql)

    def exists(self) -> bool:
        """Whether anything of this workspace was ever brought in."""
        with self._open(read_only=True) as connection:
            return self._is_made(connection) and self._home(connection) is not None

    def ledger_head(self, of: Workspace | None = None) -> str | None:
        """Hash of the ledger's last record when its tables were replaced; None before."""
        with self._open(read_only=True) as connection:
            number = self._number(connection, of) if self._is_made(connection) else None
            if number is None:
                return None
            found = connection.execute(
                "SELECT value FROM base.meta WHERE key = ?", [head_key(number)]
            ).fetchone()
            return found[0] if found else None

    # --- writing ----------------------------------------------------------------------------

    def ingest(
        self,
        ledger: Telling | None = None,
        confirm: Callable[[], object] = lambda: None,
    ) -> IngestReport:
        """Bring in what the journals hold beyond what is known, in one transaction.

        Other machines may do the same at once. A lake of an earlier schema is not touched. What the
        `ledger` says comes in with a transaction of its own.
        """
        confirm()
        with self._alone() as spool:
            self._finish_sealing()
            with self._open(read_only=True) as connection:
                known = self._is_made(connection) and self._home(connection) is not None
                moved = not known or self._has_moved(connection)
            found = self._bring_in_all(spool, adding=known) if moved else []
            self.report = IngestReport(found)
        if ledger is not None:
            said = ledger("")
            if self.ledger_head() != said.head.hash.hex():
                self._replace(said, None)
        return self.report

    def go_on(self, *_: object, **__: object) -> bool:
        """Nothing comes in so: others may write at once, and all that is new comes by `ingest`."""
        return False

    def _bring_in_all(self, spool: Path, *, adding: bool) -> list[JournalReport]:
        try:
            writing = partial(self._writing, exclusive=not adding)
            found = self._again(lambda: self._bring_in(writing, spool))
        except Removing:
            removing = partial(self._writing, exclusive=True)
            found = self._again(lambda: self._bring_in(removing, spool))
        self._again(self._settle)
        return found

    def _settle(self) -> None:
        """Find links between workspaces, after those who ingested at once have committed."""
        if self._behind:
            with self._writing(exclusive=True) as connection:
                crossings.cross(connection)
        if self._files > _MANY_FILES:
            self.tidy()

    def _connect_workspaces(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Done by `_settle`: others who ingest at once are not seen before they commit."""

    def _make(
        self,
        spool: Path,
        told: Told | None = None,
        confirm: Callable[[], object] = lambda: None,
    ) -> list[JournalReport]:
        """Bring in anew what is of this workspace; others' rows stay."""
        confirm()
        found = self._again(lambda: self._bring_in(partial(self._renewing, spool, told), spool))
        self._again(self._settle)
        self.tidy()
        return found

    def _replace(self, rows: LedgerTables, of: Workspace | None) -> None:
        with self._alone() as spool:
            self._again(lambda: self._replace_once(rows, of, spool))

    def _replace_once(self, rows: LedgerTables, of: Workspace | None, spool: Path) -> None:
        with self._writing(exclusive=True) as connection:
            self._create(connection)
            rows.replace(connection, spool, self._register(connection, of).workspace_no)

    def forget(self) -> None:
        """Remove all erasable texts of this workspace, and every file that holds them still.

        Earlier states of the lake go with them, for all workspaces: they would hold the texts.
        """
        with self._alone():
            self._delete()  # a file that a move into the lake left when it was killed
            self._again(self._forget)
            self.tidy()

    def remove(self) -> None:
        """Remove what is of this workspace; others' rows stay."""
        with self._alone():
            self._again(self._leave)
            self.tidy()

    def _leave(self) -> None:
        with self._writing(exclusive=True) as connection:
            number = self._home(connection) if self._is_made(connection) else None
            if number is not None:
                self._clear(connection)
                connection.execute("DELETE FROM base.workspaces WHERE workspace_no = ?", [number])

    def _forget(self) -> None:
        with self._writing(exclusive=True) as connection:
            number = self._home(connection) if self._is_made(connection) else None
            if number is None:
                return
            first, last = self._register(connection).sessions
            connection.execute(
                "DELETE FROM base.payloads WHERE session_no BETWEEN ? AND ?", [first, last]
            )
            connection.execute(
                """INSERT INTO base.journal_states
                SELECT (SELECT max(state_no) + 1 FROM base.journal_states),
                    j.* REPLACE (0 AS payload_size, '' AS payload_mark)
                FROM base.journals j WHERE session_no BETWEEN ? AND ?""",
                [first, last],
            )

    def tidy(self) -> None:
        """Merge small files, and remove files and earlier states that nothing names any more."""
        with self._open(read_only=False) as connection, self._locked(connection, exclusive=True):
            for work in (
                f"ducklake_rewrite_data_files('{LAKE_NAME}', delete_threshold => 0)",
                f"ducklake_merge_adjacent_files('{LAKE_NAME}')",
                f"ducklake_expire_snapshots('{LAKE_NAME}', older_than => now())",
                f"ducklake_cleanup_old_files('{LAKE_NAME}', cleanup_all => true)",
                f"ducklake_delete_orphaned_files('{LAKE_NAME}', cleanup_all => true)",
            ):
                # It is done as its rows are taken; their moments would need another library.
                connection.execute(f"SELECT count(*) FROM {work}").fetchall()

    # --- what belongs to whom ---------------------------------------------------------------

    def _number(
        self, connection: duckdb.DuckDBPyConnection, of: Workspace | None = None
    ) -> int | None:
        return number_of(connection, identity_of(of or self.workspace))

    _home = _number

    def _is_made(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Whether the lake has our schema; false where it has none.

        Raises
        ------
        ResourceMissing
            It has another.
        """
        mark = schema.mark_of(connection)
        if mark in ("", _mark()):
            return bool(mark)
        version = int(mark.partition(":")[0] or 0)
        newer = version > schema.SCHEMA_VERSION
        raise ResourceMissing(
            f"the lineage store {self.location} has another schema",
            why=f"it has version {version}, and this program writes {schema.SCHEMA_VERSION}",
            next="install the version of governed-notebooks that the others use"
            if newer
            else "when all machines have this version: 'governed store rebuild' on each; the first "
            "makes the lake anew, and each brings its own records back",
        )

    def _create(self, connection: duckdb.DuckDBPyConnection) -> None:
        if self._is_made(connection):
            return
        Removing.check(connection)  # two who make it at once would get in each other's way
        if not self._engine.data.strip("/"):
            raise ConfigurationError("lake.data is missing in governed.toml")
        schema.create(connection, lake=True)
        connection.execute("UPDATE base.meta SET value = ? WHERE key = 'schema'", [_mark()])

    @contextlib.contextmanager
    def _renewing(self, spool: Path, told: Told | None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction in which nothing of this workspace is left, and then what is told."""
        with self._writing(exclusive=True) as connection:
            version = int(schema.mark_of(connection).partition(":")[0] or schema.SCHEMA_VERSION)
            if version < schema.SCHEMA_VERSION or schema.mark_of(connection).startswith(
                f"{schema.SCHEMA_VERSION}:"
            ):
                self._clear(connection)
            yield connection
            if told is not None:
                told().replace(connection, spool, self._register(connection).workspace_no)

    def _clear(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Remove what is of this workspace; everything, where the schema is an earlier one."""
        if schema.mark_of(connection) != _mark():
            for kind, name in connection.execute(
                f"""SELECT 'VIEW', schema_name || '.' || view_name FROM duckdb_views()
                WHERE database_name = '{LAKE_NAME}' AND NOT internal
                UNION ALL SELECT 'TABLE', schema_name || '.' || table_name FROM duckdb_tables()
                WHERE database_name = '{LAKE_NAME}' AND NOT internal"""
            ).fetchall():
                connection.execute(f"DROP {kind} {name}")
            connection.execute("DROP SCHEMA base")
            return
        if self._home(connection) is None:
            return
        numbers = self._register(connection)
        first, last = numbers.sessions
        for name in (*(table.name for table in EVENT_TABLES.values()), *_BY_SESSION):
            connection.execute(
                f"DELETE FROM base.{name} WHERE session_no BETWEEN ? AND ?", [first, last]
            )
        first, last = numbers.things
        for name, column in _BY_NUMBER.items():
            connection.execute(
                f"DELETE FROM base.{name} WHERE {column} BETWEEN ? AND ?", [first, last]
            )
        connection.execute(
            "DELETE FROM base.resources WHERE entity_no BETWEEN ? AND ?", [-last, -1 - first]
        )
        for name in ("folders", *LEDGER_TABLES):
            connection.execute(
                f"DELETE FROM base.{name} WHERE workspace_no = ?", [numbers.workspace_no]
            )
        connection.execute("DELETE FROM base.crossings")
        connection.execute("DELETE FROM base.meta WHERE key IN ('crossed', ?)",
                           [head_key(numbers.workspace_no)])  # fmt: skip

    # --- connections ------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self, *, exclusive: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        with (
            self._open(read_only=False) as connection,
            self._locked(connection, exclusive=exclusive),
        ):
            connection.execute(f"SET VARIABLE adding = {str(not exclusive).lower()}")
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
            self._behind, self._files = crossings.behind(connection), _count_files(connection)

    def _locked(
        self, connection: duckdb.DuckDBPyConnection, *, exclusive: bool
    ) -> contextlib.AbstractContextManager[None]:
        return self._engine.holding(
            connection, identity_of(self.workspace), exclusive=exclusive, patience=self.patience
        )

    @contextlib.contextmanager
    def _open(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._engine.open(read_only=read_only)
        try:
            yield connection
        except duckdb.IOException as error:  # its files lie elsewhere than its catalog
            raise out_of_reach(self.location, error) from error
        finally:
            connection.close()

    def _again(self, work: Callable[[], R]) -> R:
        """Do it again when another program got in the way, such as one that merged files."""
        for _ in range(_CONFLICTS):
            try:
                return work()
            except duckdb.TransactionException as error:
                if "conflict" not in str(error):
                    raise
                last = error
        raise ResourceMissing(
            f"the lineage store {self.location} is in use",
            why=str(last),
            next="let the other program finish, then again; nothing recorded is lost",
        ) from last


def _mark() -> str:
    """The schema's version and digest, as a lake has it."""
    return f"{schema.mark()}:lake"


def _count_files(connection: duckdb.DuckDBPyConnection) -> int:
    found = connection.execute(
        f"SELECT coalesce(sum(file_count), 0)::BIGINT FROM ducklake_table_info('{LAKE_NAME}')"
    ).fetchone()
    return int(found[0]) if found else 0
