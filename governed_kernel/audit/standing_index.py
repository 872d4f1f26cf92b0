"""The verified ledger by place and time, so that the past can be asked for without replaying it.

Replaying a ledger verifies every signature in it, which takes seconds for tens of thousands of
records. What came of that is kept, by the ledger's head: the judged statements that standing rests
on, when each deployment began and ended, and the tree of RFC 6962 over all records. It lies in the
person's own folder, never in the workspace: who can rewrite the ledger could rewrite it as well.
It is used only while the ledger is, byte for byte, the one that it was made from.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import GovernedError, IntegrityBroken
from governed_kernel.files import write_atomically
from governed_kernel.governance import envelopes, pins
from governed_kernel.governance.register import Register
from governed_kernel.governance.settling import Unsettled, settled
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage import merkle
from governed_kernel.lineage.attestations import (
    Checkpoint,
    Collection,
    Deployment,
    Erasure,
    LearningAllowed,
    LearningClosed,
    Predicate,
    Withdrawal,
)
from governed_kernel.lineage.events import LedgerEvent
from governed_kernel.lineage.journal import JournalReader, Record
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release.registry import DeploymentRecord, Registry
from governed_kernel.workspace import Workspace, personal_folder

__all__ = ["StandingIndex"]

_VERSION = "3"
_SETTLED = 2_000_000_000
"""Nanoseconds that the ledger must have rested: a change within a clock's tick leaves no trace."""
_BLOCK = 10_000
_BESIDE = 256
"""So many nodes of a level of the tree lie in one row."""
_HASH = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ASIDE = (
    *(Deployment, Checkpoint, Erasure, Withdrawal, LearningAllowed, LearningClosed, Collection),
)
"""Statements on which no release's standing rests; deployments have a table of their own."""
_DEPLOYMENT: msgspec.json.Decoder[Deployment] = msgspec.json.Decoder(Deployment)
_PREDICATE: msgspec.json.Decoder[Predicate] = msgspec.json.Decoder(Predicate)
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE records (number INTEGER PRIMARY KEY, at INTEGER, earliest INTEGER, hash BLOB);
CREATE TABLE nodes (level INTEGER, block INTEGER, hashes BLOB, PRIMARY KEY (level, block));
CREATE TABLE entries (number INTEGER PRIMARY KEY, at INTEGER, key TEXT, reason TEXT, said BLOB);
CREATE TABLE places (place INTEGER PRIMARY KEY, environment TEXT, slot TEXT);
CREATE TABLE deployments (place INTEGER, since INTEGER, until INTEGER, live_from INTEGER,
    live_to INTEGER, said BLOB, PRIMARY KEY (place, since)) WITHOUT ROWID;
"""
_INDEXES = """
CREATE INDEX by_time ON records (earliest, number);
CREATE INDEX out_of_order ON records (number) WHERE at > earliest;
"""
_LIVE = """
SELECT since, until, live_from, live_to, said FROM deployments AS known JOIN (
    SELECT place, (SELECT max(since) FROM deployments AS one
        WHERE one.place = places.place AND since < :size) AS last
    FROM places WHERE :environment IN ('', environment)
) AS wanted ON known.place = wanted.place AND known.since = wanted.last
ORDER BY since
"""


class StandingIndex:
    """What a verified ledger says of the past, for one workspace and one person.

    Use as a context; it holds a file open.

    Parameters
    ----------
    workspace : Workspace
        Whose ledger is asked; its index is made anew where there is none of it.

    Raises
    ------
    IntegrityBroken
        The ledger does not verify, or is not the one that this person saw before.
    UnknownName
        There is no ledger.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._ledger = workspace.ledger
        name = digest_bytes(os.fsencode(workspace.root))[:32]
        self._path = personal_folder() / "verified" / f"{name}.as-of.sqlite"
        self._replayed: Registry | None = None
        """What was just read off the whole ledger, where there was no index of it."""
        self._wait: Callable[[], None] = _for_nothing
        seen = pins.last_seen(workspace.root)
        self._connection = self._opened() or self._made()
        try:
            self.workspace_id = self._meta("workspace_id")
            self.records = int(self._meta("records"))
            pins.check(workspace.root, self.workspace_id, self._meta("genesis"))
            pins.check_hashes(workspace.root, seen, self.records, self.hash)
        except BaseException as error:
            self._close()
            if isinstance(error, sqlite3.Error):
                raise self._not_whole(str(error)) from error
            raise

    def __enter__(self) -> StandingIndex:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._close()
        if isinstance(error, sqlite3.Error):
            raise self._not_whole(str(error)) from error

    def _close(self) -> None:
        try:
            self._wait()
        finally:
            self._connection.close()

    def _not_whole(self, why: str) -> IntegrityBroken:
        return IntegrityBroken(
            f"{self._path} is not whole", why=why, next="remove that file; it is made anew"
        )

    # --- asking ------------------------------------------------------------------------------

    def cut(self, moment: datetime) -> tuple[int, list[int]]:
        """How many records count at a moment, and which of them bear a later time."""
        at = _microseconds(moment)
        (last,) = self._one("SELECT max(number) FROM records WHERE earliest <= ?", at)
        size = 0 if last is None else last + 1
        late = self._connection.execute(
            "SELECT number FROM records INDEXED BY out_of_order "
            "WHERE at > earliest AND number < ? AND at > ? ORDER BY number",
            (size, at),
        )
        return size, [number for (number,) in late]

    def occurred_at(self, number: int) -> datetime:
        """The time that a record bears."""
        return _moment(self._one("SELECT at FROM records WHERE number = ?", number)[0])

    def hash(self, number: int) -> bytes:
        """A record's place in the chain."""
        return bytes(self._one("SELECT hash FROM records WHERE number = ?", number)[0])

    def root(self, size: int) -> bytes:
        """The root over the first `size` records, from the whole subtrees that they consist of."""
        parts, start = [], 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                parts.append(self._node(level, start >> level))
                start += 1 << level
        return merkle.joined(parts)

    def _node(self, level: int, number: int) -> bytes:
        block, place = divmod(number, _BESIDE)
        sql = "SELECT substr(hashes, ?, ?) FROM nodes WHERE level = ? AND block = ?"
        node = bytes(self._one(sql, place * _HASH + 1, _HASH, level, block)[0])
        if len(node) != _HASH:
            raise self._not_whole("a part of the tree over the ledger is missing in it")
        return node

    def registry(self, size: int) -> Registry:
        """Releases and runs by the first `size` records.

        Ask `live` for deployments: this has them, and refusals, only where it was just replayed.
        """
        if self._replayed is not None and size == self.records:
            return self._replayed
        rows = self._connection.execute("SELECT * FROM entries WHERE number < ?", (size,))
        entries = [
            Entry(
                number, _moment(at), _PREDICATE.decode(said) if said else None, key, not reason,
                reason, {},
            )
            for number, at, key, reason, said in rows
        ]  # fmt: skip
        register = Register.judged(
            self.workspace, self.workspace_id, self._meta("genesis"), entries, self._last(size)
        )
        register.rules_of_then = True
        return Registry(register)

    def _last(self, size: int) -> datetime:
        """The latest time that any of the first `size` records bears."""
        return _moment(self._one("SELECT max(at) FROM records WHERE number < ?", size)[0])

    def live(self, size: int, environment: str = "") -> list[DeploymentRecord]:
        """What was live after the first `size` records, in the order in which it went live."""
        found = []
        rows = self._connection.execute(_LIVE, {"size": size, "environment": environment})
        for since, until, live_from, live_to, said in rows:
            ended = until is not None and until < size
            found.append(
                DeploymentRecord(
                    _DEPLOYMENT.decode(said),
                    _moment(live_from),
                    _moment(live_to) if ended else None,
                    since,
                    until if ended else None,
                )
            )
        return found

    def _one(self, sql: str, *values: object) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._connection.execute(sql, values).fetchone()
        if row is None:
            raise self._not_whole("a part of what was read off the ledger is missing in it")
        return row

    def _meta(self, key: str) -> str:
        return str(self._one("SELECT value FROM meta WHERE key = ?", key)[0])

    # --- keeping -----------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection | None:
        """The index of exactly this ledger, if it is there."""
        stamp, at_rest = _stamp(self._ledger)
        if not stamp or not self._path.exists():
            return None
        found = sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True)
        with contextlib.suppress(sqlite3.Error):
            known = dict(found.execute("SELECT key, value FROM meta").fetchall())
            if known.get("version") == _VERSION:
                if known["stamp"] == stamp:
                    return found
                if self._ends_as(known["size"], known["records"], known["head"]):
                    if at_rest:
                        self._restamp(stamp)
                    return found
        found.close()
        return None

    def _ends_as(self, size: str, records: str, head: str) -> bool:
        """Whether the chain of the whole ledger ends where that of the index does."""
        if size != str(self._ledger.stat().st_size):
            return False  # as after most changes, without reading it
        with JournalReader(self._ledger) as reader:
            while not (block := reader.block(limit=_BLOCK)).last:
                pass
        found = (str(block.head.records), block.head.hash.hex())
        return block.broken is None and found == (records, head)

    def _restamp(self, stamp: str) -> None:
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(self._path)) as connection,
            connection,
        ):
            connection.execute("UPDATE meta SET value = ? WHERE key = 'stamp'", (stamp,))

    def _made(self) -> sqlite3.Connection:
        """Replay the ledger with all its signatures, and keep what came of it."""
        stamp, at_rest = _stamp(self._ledger)
        ledger = Ledger(self.workspace, with_leaves=True)
        records = ledger.records()  # once: it may go on meanwhile
        read = partial(self._read_off, records, ledger.leaves(), stamp if at_rest else "")
        connection = settled(self.workspace, [record.event for record in records], read)
        envelopes.keep_verified()
        body = connection.serialize()
        # Most of that is to wait for the disk, while the question is answered.
        keeping = threading.Thread(target=self._keep, args=(body,))
        try:
            keeping.start()
        except RuntimeError:  # no more threads may be started
            self._keep(body)
        else:
            self._wait = keeping.join
        return connection

    def _read_off(
        self,
        records: Sequence[Record[LedgerEvent]],
        leaves: list[bytes],
        stamp: str,
        found: Unsettled,
    ) -> sqlite3.Connection:
        """What a replay says, while its signatures are verified; nothing if one is none."""
        register = found.register
        register.rules_of_then = True
        replayed = Registry(register)
        facts = {
            "version": _VERSION,
            "stamp": stamp,
            "records": str(len(records)),
            "size": str(records[-1].head.size),
            "head": records[-1].head.hash.hex(),
            "workspace_id": register.workspace_id,
            "genesis": register.genesis,
        }
        connection = sqlite3.connect(":memory:")
        with connection:
            connection.executescript(_SCHEMA)
            connection.executemany("INSERT INTO meta VALUES (?, ?)", facts.items())
            connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", _records(records))
            connection.executemany("INSERT INTO nodes VALUES (?, ?, ?)", _nodes(leaves))
            connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", _entries(register))
            _add_deployments(connection, replayed.deployments)
            connection.executescript(_INDEXES)
        try:
            found.settle()
        except BaseException:
            connection.close()
            raise
        self._replayed = replayed
        return connection

    def _keep(self, body: bytes) -> None:
        with contextlib.suppress(GovernedError):  # then it is made again the next time
            write_atomically(self._path, body, mode=0o600)


def _for_nothing() -> None:
    pass


def _stamp(ledger: Path) -> tuple[str, bool]:
    """The state of the ledger's file, and whether it has been so for a while."""
    now = time.time_ns()
    try:
        status = ledger.stat()
    except OSError:
        return "", False
    known = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return ":".join(map(str, known)), status.st_ctime_ns < now - _SETTLED


def _records(records: Sequence[Record[LedgerEvent]]) -> Iterator[tuple[int, int, int, bytes]]:
    """Each record's time, and the earliest that it or any later one bears; the last one first."""
    earliest: int | None = None
    for record in reversed(records):
        at = _microseconds(record.event.occurred_at)
        earliest = at if earliest is None else min(at, earliest)
        yield record.number, at, earliest, record.head.hash


def _nodes(leaves: list[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Every whole subtree of the tree over `leaves`, many of a level in each row."""
    level, nodes = 0, leaves
    while nodes:
        for start in range(0, len(nodes), _BESIDE):
            yield level, start // _BESIDE, b"".join(nodes[start : start + _BESIDE])
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        level, nodes = level + 1, [merkle.joined(pair) for pair in pairs]


def _entries(register: Register) -> Iterator[tuple[int, int, str, str, bytes]]:
    for entry in register.entries:
        if entry.predicate is not None and not isinstance(entry.predicate, _ASIDE):
            at, said = _microseconds(entry.occurred_at), msgspec.json.encode(entry.predicate)
            yield entry.number, at, entry.key_id, entry.reason, said


def _add_deployments(connection: sqlite3.Connection, found: list[DeploymentRecord]) -> None:
    places: dict[tuple[str, str], int] = {}
    rows = []
    for record in found:
        said = record.deployment
        place = places.setdefault((said.environment, said.slot), len(places))
        live_to = None if record.live_to is None else _microseconds(record.live_to)
        interval = (record.since, record.until, _microseconds(record.live_from), live_to)
        rows.append((place, *interval, msgspec.json.encode(said)))
    named = [(number, *place) for place, number in places.items()]
    connection.executemany("INSERT INTO places VALUES (?, ?, ?)", named)
    connection.executemany("INSERT INTO deployments VALUES (?, ?, ?, ?, ?, ?)", rows)


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
