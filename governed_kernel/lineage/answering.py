"""What any lineage store answers, in a file or in a lake: rows, digests, a ledger's head."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import duckdb

from governed_kernel.errors import CheckFailed, UsageError
from governed_kernel.lineage.contents import Contents, contents_of
from governed_kernel.lineage.ledger_tables import head_key
from governed_kernel.lineage.opening import out_of_reach
from governed_kernel.lineage.schema import quoted
from governed_kernel.lineage.views import VIEWS
from governed_kernel.workspace import Workspace

__all__ = ["Answering"]

_NO_TEXT = "Unable to cast Python instance of type <class 'str'>"
"""What DuckDB says of a lone surrogate."""


class Answering(ABC):
    """The half of a store that reads; each question has a connection of its own.

    Those within `kept_open` share one.
    """

    _kept: duckdb.DuckDBPyConnection | None = None

    @property
    @abstractmethod
    def location(self) -> str:
        """Where it is, for people."""

    @abstractmethod
    def exists(self) -> bool:
        """Whether anything was ever brought in."""

    @abstractmethod
    def _read(
        self, *, locked: bool
    ) -> contextlib.AbstractContextManager[duckdb.DuckDBPyConnection]:
        """A connection that reads; `locked` to this store, with no setting to be changed."""

    @abstractmethod
    def _number(
        self, connection: duckdb.DuckDBPyConnection, of: Workspace | None = None
    ) -> int | None:
        """Number of a workspace within the store; None when it is not known there."""

    @contextlib.contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that can only read this store: no other file, no setting, no extension.

        Raises
        ------
        ResourceMissing
            Another process holds the file for longer than `patience`.
        UsageError
            What it was asked with is no text: a terminal passes on whatever bytes were typed.
        """
        try:
            if self._kept is not None:
                yield self._kept
                return
            with self._read(locked=True) as connection:
                yield connection
        except (UnicodeEncodeError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and _NO_TEXT not in str(error):
                raise
            raise UsageError(
                "that is no text",
                why="it holds bytes that are not UTF-8, and nothing on record does",
                next="write a path as a URI, with %XX for such bytes",
            ) from error

    @contextlib.contextmanager
    def kept_open(self) -> Iterator[None]:
        """One connection for all that is read in the block, of one thread, which writes nothing.

        To open the file takes longer than most questions. In a lake they are one transaction: after
        a question that failed, all others in the block fail.
        """
        with self.read() as connection:
            self._kept = connection
            try:
                yield
            finally:
                self._kept = None

    @contextlib.contextmanager
    def copying(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """As `read`, for our own statements that write elsewhere; never for a person's SQL."""
        with self._read(locked=False) as connection:
            yield connection

    def query(self, sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
        """The rows of one query over the public views, as objects.

        Raises
        ------
        CheckFailed
            DuckDB did not accept the query; its message is the reason.
        """
        with self.read() as connection:
            try:
                self._admit(sql)
                found = connection.execute(sql, parameters)
                names = [column[0] for column in found.description or []]
                return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
            except duckdb.IOException as error:
                raise out_of_reach(self.location, error) from error
            except duckdb.Error as error:
                raise CheckFailed(
                    "the query failed",
                    why=str(error),
                    next="the views and their columns are in 'select * from duckdb_columns() "
                    "where schema_name = ''main'''; only reading is possible",
                ) from error

    @abstractmethod
    def _admit(self, sql: str) -> None:
        """Refuse SQL that the engine itself would not."""

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

    def contents(self) -> Contents:
        """What it says of its own workspace, by table: to hold it against another store."""
        with self.copying() as connection:
            name = connection.execute("SELECT current_database()").fetchone()
            assert name is not None
            return contents_of(connection, quoted(name[0]), self._number(connection) or 0)

    def ledger_head(self, of: Workspace | None = None) -> str | None:
        """Hash of the ledger's last record when its tables were replaced; None before.

        Parameters
        ----------
        of : Workspace, optional
            An imported workspace; else the store's own.
        """
        if not self.exists():
            return None
        with self.read() as connection:
            try:
                number = self._number(connection, of)
                known = dict(connection.execute("SELECT key, value FROM base.meta").fetchall())
            except duckdb.CatalogException:
                return None
        return None if number is None else known.get(head_key(number))
