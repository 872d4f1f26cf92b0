"""Verified events into DuckDB, a batch at a time: one is inserted while the next is read.

DuckDB's own JSON reader takes them, several times faster than decoding them here; the journal says
nothing that the store could not have read in the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb
import msgspec

from governed_kernel.errors import IntegrityBroken
from governed_kernel.lineage import graph_tables
from governed_kernel.lineage.journal import SESSION_DECODER, Head, JournalReader, not_understood
from governed_kernel.lineage.schema import EVENT_TABLES, EventTable, quoted
from governed_kernel.lineage.spool import Spool, read_json

__all__ = ["Loader", "Unreadable"]

_BATCH = 48 << 20
"""Bytes of events that wait on disk before DuckDB gets them."""


class Unreadable(Exception):
    """A record that verifies and can't be read as an event; ends the transaction.

    Attributes
    ----------
    session_id : str
    record : int
        Its number.
    error : IntegrityBroken
        What to say of it.
    """

    def __init__(self, session_id: str, record: int, error: IntegrityBroken) -> None:
        self.session_id = session_id
        self.record = record
        self.error = error
        super().__init__(session_id, record)


@dataclass(frozen=True)
class _Source:
    """Where events of a batch come from."""

    path: Path
    head: Head
    records: int


class Loader:
    """Takes events in the order of their journals; `finish` when there are no more.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        In a transaction; nobody else may use it until `finish`.
    folder : Path
        An empty folder for the time between.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._batches = 0
        self._sources: list[_Source] = []
        self._spool = self._next_spool()
        self._worker: ThreadPoolExecutor | None = None
        self._under_way: Future[None] | None = None

    def _next_spool(self) -> Spool:
        self._batches += 1
        return Spool(self._folder / f"batch-{self._batches % 2}")

    def put(self, number: int, path: Path, head: Head, bodies: list[bytes]) -> None:
        """Take the events that follow `head` in the journal `path` of session `number`.

        Raises
        ------
        Unreadable
            An event, of these or earlier ones, is none that is known.
        """
        self._sources.append(_Source(path, head, len(bodies)))
        if not self._spool.put(number, head.records, bodies):
            _locate(self._sources)
        if self._spool.size >= _BATCH:
            self._wait()
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, "ingest")
            self._under_way = self._worker.submit(self._load, self._spool, self._sources)
            self._spool, self._sources = self._next_spool(), []

    def finish(self) -> None:
        """Bring in what waits."""
        self._wait()
        self._load(self._spool, self._sources)
        self.close()

    def close(self) -> None:
        """Wait for what is under way, whatever becomes of it."""
        if self._worker is not None:
            self._worker.shutdown(wait=True, cancel_futures=True)
        self._spool.close()

    def _wait(self) -> None:
        if self._under_way is not None:
            self._under_way.result()
            self._under_way = None

    def _load(self, spool: Spool, sources: list[_Source]) -> None:
        """Hand to DuckDB what was spooled."""
        try:
            for spooled in spool.spooled():
                table = EVENT_TABLES[spooled.tag]
                source = read_json(spooled, table)
                _INSERT.get(spooled.tag, _insert_plainly)(self._connection, table, source)
        except (duckdb.ConversionException, duckdb.InvalidInputException):
            _locate(sources)
            raise
        shutil.rmtree(spool.folder, ignore_errors=True)


def _locate(sources: list[_Source]) -> None:
    """Find the record that could not be read, the slow and exact way."""
    for source in sources:
        at = source.head
        with JournalReader(source.path, at) as reader:
            for body in reader.block(source.records).bodies:
                try:
                    SESSION_DECODER.decode(body)
                except msgspec.MsgspecError as error:
                    said = not_understood(source.path, at, error)
                    raise Unreadable(source.path.stem, at.records, said) from error
                at = Head(at.records + 1, at.size + 66 + len(body), at.hash)


def _insert_plainly(connection: duckdb.DuckDBPyConnection, table: EventTable, source: str) -> None:
    listed = ", ".join(quoted(name) for name in ("session_no", "record", *table.kept))
    connection.execute(f"INSERT INTO base.{table.name} ({listed}) SELECT {listed} FROM {source}")


def _insert_digests(connection: duckdb.DuckDBPyConnection, table: EventTable, source: str) -> None:
    """The first digest of an access is the one; a second would double the access in the view."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE told AS
        SELECT session_no, record, occurred_at, unnest(access_ids) AS access_id, uri, sha256,
            bytes, changed FROM {source}"""
    )
    found = connection.execute(
        """SELECT min(session_no), max(session_no),
            count(*) > count(DISTINCT (session_no::BIGINT << 32) + access_id) FROM told"""
    ).fetchone()
    assert found is not None
    first, last, doubled = found
    earlier = (
        f"(SELECT session_no, access_id FROM base.{table.name} WHERE session_no BETWEEN ? AND ?)"
    )
    known = connection.execute(f"SELECT 1 FROM {earlier} LIMIT 1", [first, last]).fetchone()
    if doubled or known:
        connection.execute(
            f"""INSERT INTO base.{table.name} BY NAME
            SELECT DISTINCT ON (session_no, access_id) * FROM told
            ANTI JOIN {earlier} d USING (session_no, access_id)
            ORDER BY session_no, record""",
            [first, last],
        )
    else:
        connection.execute(f"INSERT INTO base.{table.name} BY NAME SELECT * FROM told")
    graph_tables.note_digests(connection, "told")


_INSERT: dict[str, Callable[[duckdb.DuckDBPyConnection, EventTable, str], None]] = {
    "digested": _insert_digests,
    "transformation": lambda connection, _, source: graph_tables.insert(connection, source),
}
