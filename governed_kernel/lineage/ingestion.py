"""From verified journals into the store's tables, inside one transaction.

A record's bytes are verified (`journal.read_block`), sorted by type and handed to DuckDB's own
JSON reader, several times faster than decoding them here; the journal says nothing that the store
could not have read in the same bytes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import msgspec

from governed_kernel.errors import IntegrityBroken
from governed_kernel.lineage import graph_tables
from governed_kernel.lineage.events import JournalOpened
from governed_kernel.lineage.forms import PAYLOADS, compressed, journal_files
from governed_kernel.lineage.journal import (
    LEDGER_DECODER,
    SESSION_DECODER,
    Head,
    JournalReader,
    not_understood,
    read_block,
)
from governed_kernel.lineage.schema import EVENT_TABLES, EventTable, quoted
from governed_kernel.lineage.spool import Spool, read_json, room

__all__ = [
    "IngestReport",
    "Ingestion",
    "JournalReport",
    "Unreadable",
    "has_moved",
]

_BLOCK = 50_000
_BATCH = 128 << 20


@dataclass(frozen=True)
class JournalReport:
    """What ingestion found in one journal.

    Attributes
    ----------
    events : int
        Records that were new.
    torn : int
        Bytes of an unfinished last record: a power cut, or a recorder in the middle of a write.
    problem : str
        Why nothing further can be read; empty when all is well.
    """

    session_id: str
    events: int = 0
    torn: int = 0
    problem: str = ""


@dataclass(frozen=True)
class IngestReport:
    """What one ingestion did.

    Attributes
    ----------
    journals : list of JournalReport
        Those with something to say: new events, a torn record, a problem.
    rebuilt : str
        Why the store was made anew; empty when it was not.
    """

    journals: list[JournalReport] = field(default_factory=list)
    rebuilt: str = ""

    @property
    def events(self) -> int:
        """How many events were new."""
        return sum(report.events for report in self.journals)

    @property
    def problems(self) -> list[JournalReport]:
        """Journals that can't be read to their end."""
        return [report for report in self.journals if report.problem]


class Unreadable(Exception):
    """A record verifies but can't be understood: start again, and stop before it."""

    def __init__(self, session_id: str, record: int, error: IntegrityBroken) -> None:
        self.session_id = session_id
        self.record = record
        self.error = error
        super().__init__(session_id, record)


@dataclass
class _Journal:
    """A journal being read: its number, and where the store stands in it and its payloads."""

    number: int
    session_id: str
    head: Head
    stored: int = 0
    form: str = ""
    payload_size: int = 0
    payload_mark: str = ""


def has_moved(connection: duckdb.DuckDBPyConnection, folder: Path) -> bool:
    """Whether any journal or payload file is not exactly what the store has brought in."""
    known = connection.execute(
        "SELECT session_id, stored, form, payload_size, payload_mark FROM base.journals"
    ).fetchall()
    stored = {session: tuple(rest) for session, *rest in known}
    found = {path.stem: (*_state(path), *_payload_state(path)) for path in journal_files(folder)}
    return found != stored


def _state(journal: Path) -> tuple[int, str]:
    """Bytes of the form in which a journal lies there, and which it is."""
    for form, path in (("plain", journal), ("compressed", compressed(journal))):
        with contextlib.suppress(FileNotFoundError):
            return path.stat().st_size, form
    return 0, ""


def _payload_state(journal: Path) -> tuple[int, str]:
    """Size of the payload file beside a journal, and what tells it from a rewritten one."""
    try:
        status = journal.with_name(journal.stem + PAYLOADS).stat()
    except FileNotFoundError:
        return 0, ""
    return status.st_size, f"{status.st_dev}:{status.st_ino}"


class Ingestion:
    """One pass over the journals of a workspace.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The store, open for writing, in a transaction.
    folder : Path
        Of the journals.
    ledger : Path
        Whose first record names the workspace that the journals must belong to.
    spool : Path
        An empty folder for the time between.
    limits : dict of str to (int, IntegrityBroken)
        Session → the record to stop before, and why.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        ledger: Path,
        spool: Path,
        limits: dict[str, tuple[int, IntegrityBroken]],
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.limits = limits
        self._workspace_id = _opening_of(ledger)
        self._spool = Spool(spool)
        self._payloads = spool / "payloads.jsonl"
        self._known = self._read_known()
        self._sources: list[tuple[_Journal, Path, Head, list[bytes]]] = []

    def run(self) -> list[JournalReport]:
        """Bring in everything new, journal by journal."""
        self.connection.execute("SET TimeZone = 'UTC'")
        graph_tables.begin(self.connection)
        with self._spool:
            reports = [self._ingest(path) for path in journal_files(self.folder)]
            self._flush()
        gone = self._known.keys() - {path.stem for path in journal_files(self.folder)}
        reports += [
            JournalReport(session, problem="its journal is gone; the store has what it said before")
            for session in sorted(gone)
        ]
        graph_tables.finish(self.connection)
        return [report for report in reports if report != JournalReport(report.session_id)]

    def _read_known(self) -> dict[str, _Journal]:
        rows = self.connection.execute(
            "SELECT session_no, session_id, records, size, head, stored, form, payload_size, "
            "payload_mark "
            "FROM base.journals"
        ).fetchall()
        return {
            row[1]: _Journal(row[0], row[1], Head(row[2], row[3], bytes.fromhex(row[4])), *row[5:])
            for row in rows
        }

    def _ingest(self, path: Path) -> JournalReport:
        known = self._known.get(path.stem)
        journal = known or _Journal(len(self._known) + 1, path.stem, Head())
        start = journal.head.records
        before = replace(journal)
        stored, form = _state(path)
        torn, problem = 0, ""
        if (stored, form) != (journal.stored, journal.form):
            torn, problem = self._read(journal, path)
            # What is torn is looked at again, what is whole only when it changes.
            whole = form == "compressed" and not torn and not problem
            journal.stored, journal.form = (stored if whole else journal.head.size), form
        if journal.head.records:
            self._ingest_payloads(journal)
            if journal != before:
                self._remember(journal)
        return JournalReport(path.stem, journal.head.records - start, torn, problem)

    def _read(self, journal: _Journal, path: Path) -> tuple[int, str]:
        """Take what is new in a journal; returns bytes of a torn record, and what is wrong."""
        stop, understood = self.limits.get(path.stem, (None, None))
        torn, problem = 0, str(understood or "")
        with JournalReader(path, journal.head) as reader:
            while True:
                left = _BLOCK if stop is None else min(_BLOCK, stop - journal.head.records)
                block = reader.block(limit=left)
                if block.bodies and journal.head.records == 0:
                    misplaced = self._misplaced(path, block.bodies[0])
                    if misplaced:
                        return 0, misplaced
                    self._add(journal)
                self._take(journal, path, block.bodies)
                journal.head = block.head
                torn = len(block.torn)
                problem = str(block.broken or problem)
                if block.last or block.head.records == stop:
                    return torn, problem

    def _misplaced(self, path: Path, body: bytes) -> str:
        """Why a journal does not belong where it lies; empty when it does."""
        try:
            opened = SESSION_DECODER.decode(body)
        except msgspec.MsgspecError as error:
            return str(not_understood(path, Head(), error))
        if not isinstance(opened, JournalOpened):
            return f"{path}: its first record does not open a journal"
        if opened.journal != path.stem:
            return f"{path} is the journal of {opened.journal!r}, not of {path.stem!r}"
        if self._workspace_id and opened.workspace_id != self._workspace_id:
            return f"{path} belongs to another workspace, {opened.workspace_id!r}"
        return ""

    def _add(self, journal: _Journal) -> None:
        self._known[journal.session_id] = journal
        self.connection.execute(
            "INSERT INTO base.journals VALUES (?, ?, 0, 0, '', 0, '', 0, '')",
            [journal.number, journal.session_id],
        )

    def _remember(self, journal: _Journal) -> None:
        head = journal.head
        self.connection.execute(
            "UPDATE base.journals SET records = ?, size = ?, head = ?, stored = ?, form = ?, "
            "payload_size = ?, payload_mark = ? WHERE session_no = ?",
            [
                *(head.records, head.size, head.hash.hex(), journal.stored, journal.form),
                *(journal.payload_size, journal.payload_mark, journal.number),
            ],
        )

    # --- events -----------------------------------------------------------------------------

    def _take(self, journal: _Journal, path: Path, bodies: list[bytes]) -> None:
        self._sources.append((journal, path, journal.head, bodies))
        if not self._spool.put(journal.number, journal.head.records, bodies):
            self._locate()
        if self._spool.size >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        """Hand what was spooled to DuckDB."""
        try:
            for tag, path, longest in self._spool.finish():
                table = EVENT_TABLES[tag]
                source = read_json(path, table, longest)
                _INSERT.get(tag, _insert_plainly)(self.connection, table, source)
        except (duckdb.ConversionException, duckdb.InvalidInputException):
            self._locate()
            raise
        self._sources.clear()

    def _locate(self) -> None:
        """Find the record that could not be read, the slow and exact way."""
        for journal, path, head, bodies in self._sources:
            for offset, body in enumerate(bodies):
                try:
                    SESSION_DECODER.decode(body)
                except msgspec.MsgspecError as error:
                    size = head.size + sum(66 + len(earlier) for earlier in bodies[:offset])
                    at = Head(head.records + offset, size)
                    raise Unreadable(
                        journal.session_id, at.records, not_understood(path, at, error)
                    ) from error

    # --- payloads ---------------------------------------------------------------------------

    def _ingest_payloads(self, journal: _Journal) -> None:
        """Take the texts that are new; all of them when the file was rewritten (an erasure)."""
        path = self.folder / (journal.session_id + PAYLOADS)
        size, mark = _payload_state(self.folder / f"{journal.session_id}.jsonl")
        if mark != journal.payload_mark or size < journal.payload_size:
            self.connection.execute(
                "DELETE FROM base.payloads WHERE session_no = ?", [journal.number]
            )
            journal.payload_size = 0
        if size > journal.payload_size:
            with path.open("rb") as source:
                source.seek(journal.payload_size)
                lines = source.read(size - journal.payload_size)
            lines = lines[: lines.rfind(b"\n") + 1]
            self._insert_payloads(journal.number, lines)
            journal.payload_size += len(lines)
        journal.payload_mark = mark

    def _insert_payloads(self, number: int, lines: bytes) -> None:
        if not lines:
            return
        self._payloads.write_bytes(lines)
        longest = max(map(len, lines.split(b"\n")))
        self.connection.execute(
            f"""INSERT INTO base.payloads
            SELECT DISTINCT ?::INTEGER, digest, text FROM read_json(?, format = 'newline_delimited',
                ignore_errors = true, maximum_object_size = {room(longest)},
                columns = {{digest: 'VARCHAR', salt: 'VARCHAR', text: 'VARCHAR'}})
            WHERE digest = sha256(CASE WHEN regexp_full_match(salt, '([0-9a-f]{{2}})*')
                                  THEN unhex(salt) ELSE ''::BLOB END || encode(text))""",
            [number, str(self._payloads)],
        )
        self._payloads.unlink()


def _opening_of(ledger: Path) -> str:
    """The workspace's identity from a ledger's first record; empty when there is none."""
    block = read_block(ledger, limit=1)
    try:
        opened = LEDGER_DECODER.decode(block.bodies[0])
    except (IndexError, msgspec.MsgspecError):
        return ""
    return opened.workspace_id if isinstance(opened, JournalOpened) else ""


def _insert_plainly(connection: duckdb.DuckDBPyConnection, table: EventTable, source: str) -> None:
    listed = ", ".join(quoted(name) for name in ("session_no", "record", *table.kept))
    connection.execute(f"INSERT INTO base.{table.name} ({listed}) SELECT {listed} FROM {source}")


def _insert_digests(connection: duckdb.DuckDBPyConnection, table: EventTable, source: str) -> None:
    # The first digest of an access is the one; a second would double the access in the view.
    connection.execute(
        f"""INSERT INTO base.{table.name} BY NAME
        SELECT DISTINCT ON (session_no, access_id) * FROM (
            SELECT session_no, record, occurred_at::TIMESTAMP AS occurred_at,
                unnest(access_ids) AS access_id, uri, sha256, bytes,
                coalesce(changed, false) AS changed
            FROM {source}) fresh
        ANTI JOIN base.digested d USING (session_no, access_id)
        ORDER BY session_no, record"""
    )
    graph_tables.note_digests(connection, source)


_INSERT: dict[str, Callable[[duckdb.DuckDBPyConnection, EventTable, str], None]] = {
    "digested": _insert_digests,
    "transformation": lambda connection, _, source: graph_tables.insert(connection, source),
}
