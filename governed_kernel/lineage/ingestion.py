"""From verified journals into the store's tables, inside one transaction.

A sealed journal that is new is verified by its digest, any other by its chain; only what verifies
is handed on (`loading`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import msgspec

from governed_kernel.errors import IntegrityBroken
from governed_kernel.files import open_regular
from governed_kernel.lineage import graph_tables
from governed_kernel.lineage.events import JournalOpened, SessionSealed
from governed_kernel.lineage.forms import (
    COMPRESSED,
    PAYLOADS,
    Damaged,
    compressed,
    files_in,
    journal_files,
    journal_names,
    open_compressed,
    stream,
)
from governed_kernel.lineage.journal import (
    SESSION_DECODER,
    Head,
    JournalReader,
    not_understood,
)
from governed_kernel.lineage.loading import Loader
from governed_kernel.lineage.numbering import Numbers
from governed_kernel.lineage.replacing import Removing
from governed_kernel.lineage.spool import room

__all__ = [
    "Distrusted",
    "IngestReport",
    "Ingestion",
    "JournalReport",
    "has_moved",
    "states_in",
]

_BLOCK = 5_000


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


class Distrusted(Exception):
    """Sealed journals that are not what was sealed: to be followed record by record.

    Attributes
    ----------
    sessions : set of str
    """

    def __init__(self, sessions: set[str]) -> None:
        self.sessions = sessions
        super().__init__(sessions)


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


def has_moved(
    connection: duckdb.DuckDBPyConnection, folder: Path, numbers: Numbers, *, imported: bool = False
) -> bool:
    """Whether any journal or payload file is not exactly what the store has brought in."""
    known = connection.execute(
        "SELECT session_id, stored, form, payload_size, payload_mark FROM base.journals "
        "WHERE session_no BETWEEN ? AND ?",
        list(numbers.sessions),
    ).fetchall()
    stored = {session: tuple(rest) for session, *rest in known}
    found = states_in(folder)
    if imported:  # no texts come with these, and a file that is gone says nothing
        return any(state[:2] != stored.get(name, ())[:2] for name, state in found.items())
    return found != stored


def states_in(folder: Path) -> dict[str, tuple[int, str, int, str]]:
    """How much there is of each journal in a folder and of its payloads, and in which form."""
    paths = {name: f"{folder}/{name}" for name in journal_names(files_in(folder))}
    return {
        name.removesuffix(".jsonl"): (*_state(path), *_payload_state(path))
        for name, path in paths.items()
    }


def _state(journal: str) -> tuple[int, str]:
    """Bytes of the form in which a journal lies there, and which it is."""
    for form, path in (("plain", journal), ("compressed", journal + COMPRESSED)):
        with contextlib.suppress(FileNotFoundError):
            return os.stat(path).st_size, form  # noqa: PTH116 (a path for each takes longer)
    return 0, ""


def _payload_state(journal: str) -> tuple[int, str]:
    """Size of the payload file beside a journal, and what tells it from a rewritten one."""
    try:
        status = os.stat(journal.removesuffix(".jsonl") + PAYLOADS)  # noqa: PTH116 (likewise)
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
    workspace_id : str
        The workspace that the journals must belong to.
    spool : Path
        An empty folder for the time between.
    limits : dict of str to (int, IntegrityBroken)
        Session → the record to stop before, and why.
    sealed : callable
        The seal of a session, where there is one whose word is to be taken for the journal.
    progress : callable
        Told the number of events brought in so far.
    numbers : Numbers
        Which of the store's rows are of this workspace.

    Attributes
    ----------
    texts : bool
        Whether erasable texts come in as well.
    imported : bool
        Whether these are another workspace's journals, copied here without their texts.
    lake : bool
        Whether where a journal stands is added to what was known, and not changed.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        workspace_id: str,
        spool: Path,
        limits: dict[str, tuple[int, IntegrityBroken]],
        sealed: Callable[[str], SessionSealed | None],
        progress: Callable[[int], None] = lambda _: None,
        numbers: Numbers = Numbers(0),  # noqa: B008 (it can't be changed)
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.limits = limits
        self.numbers = numbers
        self.texts, self.imported, self.lake = True, False, False
        self._sealed = sealed
        self._progress = progress
        self._workspace_id = workspace_id
        self._loader = Loader(connection, spool)
        self._payloads = spool / "payloads.jsonl"
        self._known = self._read_known()
        numbered = (journal.number for journal in self._known.values())
        self._last = max(numbered, default=numbers.sessions[0])
        self._distrusted: set[str] = set()
        self._taken = 0

    def run(self) -> list[JournalReport]:
        """Bring in everything new, journal by journal.

        Raises
        ------
        Unreadable, Distrusted
            Nothing may be committed; what they say is to be minded by another pass.
        """
        self.connection.execute("SET TimeZone = 'UTC'")
        before = {session: replace(journal) for session, journal in self._known.items()}
        # One thread inserts while another reads: more of DuckDB's cost twice the time in all.
        self.connection.execute("SET threads = 1")
        graph_tables.begin(self.connection, self.numbers)
        paths = journal_files(self.folder)
        try:
            reports = [self._ingest(path) for path in paths]
            if self._distrusted:
                raise Distrusted(self._distrusted)
            self._loader.finish()
        finally:
            self._loader.close()
        there = [self._known[path.stem] for path in paths if path.stem in self._known]
        for journal in there if not self.imported else ():
            self._ingest_payloads(journal)
        self._remember([item for item in there if item != before.get(item.session_id)])
        gone = self._known.keys() - {path.stem for path in paths} if not self.imported else ()
        reports += [
            JournalReport(session, problem="its journal is gone; the store has what it said before")
            for session in sorted(gone)
        ]
        self.connection.execute("RESET threads")
        graph_tables.finish(self.connection)
        return [report for report in reports if report != JournalReport(report.session_id)]

    def _read_known(self) -> dict[str, _Journal]:
        first, last = self.numbers.sessions
        rows = self.connection.execute(
            "SELECT session_no, session_id, records, size, head, stored, form, payload_size, "
            "payload_mark FROM base.journals "
            f"WHERE session_no BETWEEN {int(first)} AND {int(last)}"
        ).fetchall()
        return {
            row[1]: _Journal(row[0], row[1], Head(row[2], row[3], bytes.fromhex(row[4])), *row[5:])
            for row in rows
        }

    def _ingest(self, path: Path) -> JournalReport:
        known = self._known.get(path.stem)
        journal = known or _Journal(self._last + 1, path.stem, Head())
        start = journal.head.records
        stored, form = _state(str(path))
        torn, problem = 0, ""
        if (stored, form) != (journal.stored, journal.form):
            seal = self._seal_of(journal, form)
            if seal:
                torn, problem = self._read_sealed(journal, path, seal)
            else:
                torn, problem = self._read(journal, path)
            # What is torn is looked at again, what is whole only when it changes.
            whole = form == "compressed" and not torn and not problem
            journal.stored, journal.form = (stored if whole else journal.head.size), form
        return JournalReport(path.stem, journal.head.records - start, torn, problem)

    def _seal_of(self, journal: _Journal, form: str) -> SessionSealed | None:
        """The seal that says what a new, compressed journal is as a whole."""
        if form != "compressed" or journal.head.records or journal.session_id in self.limits:
            return None
        seal = self._sealed(journal.session_id)
        return seal if seal and seal.sha256 else None

    def _read_sealed(self, journal: _Journal, path: Path, seal: SessionSealed) -> tuple[int, str]:
        """Take a whole journal by its digest, in a third of the time that its chain takes."""
        digest, rest, size = hashlib.sha256(), b"", 0
        try:
            with open_compressed(compressed(path)) as file:
                for piece in stream(file):
                    digest.update(piece)
                    size += len(piece)
                    *lines, rest = b"".join((rest, piece)).split(b"\n")
                    bodies = [line[65:] for line in lines]
                    problem = self._take(journal, path, bodies)
                    if problem:
                        return 0, problem
                    journal.head = msgspec.structs.replace(
                        journal.head, records=journal.head.records + len(bodies)
                    )
        except Damaged:
            size = -1
        found = (digest.hexdigest(), size, journal.head.records)
        if found != (seal.sha256, seal.bytes, seal.records):
            self._distrusted.add(journal.session_id)
        journal.head = Head(seal.records, seal.bytes, bytes.fromhex(seal.head))
        return 0, ""

    def _read(self, journal: _Journal, path: Path) -> tuple[int, str]:
        """Take what is new in a journal; returns bytes of a torn record, and what is wrong."""
        stop, understood = self.limits.get(path.stem, (None, None))
        torn, problem = 0, str(understood or "")
        with JournalReader(path, journal.head) as reader:
            while True:
                left = _BLOCK if stop is None else min(_BLOCK, stop - journal.head.records)
                block = reader.block(limit=left)
                misplaced = self._take(journal, path, block.bodies)
                if misplaced:
                    return 0, misplaced
                journal.head = block.head
                torn = len(block.torn)
                problem = str(block.broken or problem)
                if block.last or block.head.records == stop:
                    return torn, problem

    def _take(self, journal: _Journal, path: Path, bodies: list[bytes]) -> str:
        """Take the next events of a journal; why it does not belong here, or nothing."""
        if bodies and not journal.head.records:
            misplaced = self._misplaced(path, bodies[0])
            if misplaced:
                return misplaced
            self._known[journal.session_id] = journal
            self._last = max(self._last, journal.number)
        if bodies:
            self._loader.put(journal.number, path, journal.head, bodies)
            self._taken += len(bodies)
            self._progress(self._taken)
        return ""

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

    def _remember(self, journals: list[_Journal]) -> None:
        """Keep where the store stands in some journals."""
        columns = [
            [journal.number for journal in journals],
            [journal.session_id for journal in journals],
            [journal.head.records for journal in journals],
            [journal.head.size for journal in journals],
            [journal.head.hash.hex() for journal in journals],
            [journal.stored for journal in journals],
            [journal.form for journal in journals],
            [journal.payload_size for journal in journals],
            [journal.payload_mark for journal in journals],
        ]
        if not journals:
            return
        listed = ", ".join("unnest(?)" for _ in columns)
        if self.lake:  # who changes rows there gets in the way of all who add some
            first, last = self.numbers.sessions
            self.connection.execute(
                f"""INSERT INTO base.journal_states SELECT
                    (SELECT coalesce(max(state_no), 0) + 1 FROM base.journal_states
                     WHERE session_no BETWEEN {first} AND {last}), {listed}""",
                columns,
            )
            return
        self.connection.execute(
            "DELETE FROM base.journals WHERE session_no IN (SELECT unnest(?::INTEGER[]))",
            [columns[0]],
        )
        self.connection.execute(f"INSERT INTO base.journals SELECT {listed}", columns)

    # --- payloads ---------------------------------------------------------------------------

    def _ingest_payloads(self, journal: _Journal) -> None:
        """Take the texts that are new; all of them when the file was rewritten (an erasure)."""
        path = self.folder / (journal.session_id + PAYLOADS)
        size, mark = _payload_state(f"{self.folder}/{journal.session_id}.jsonl")
        if mark != journal.payload_mark or size < journal.payload_size:
            if journal.payload_mark:
                Removing.check(self.connection)
                self.connection.execute(
                    "DELETE FROM base.payloads WHERE session_no = ?", [journal.number]
                )
            journal.payload_size = 0
        if not self.texts:
            journal.payload_size = size
        if size > journal.payload_size:
            with open_regular(path) as source:
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
