"""What a verified ledger says of the past, as rows of SQLite: made, and added to as it goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import msgspec

from governed_kernel.governance.register import Register
from governed_kernel.lineage import merkle
from governed_kernel.lineage.attestations import (
    Checkpoint,
    Collection,
    Deployment,
    Erasure,
    LearningAllowed,
    LearningClosed,
    Withdrawal,
)
from governed_kernel.lineage.events import LedgerEvent
from governed_kernel.lineage.journal import Record
from governed_kernel.release.registry import DeploymentRecord, Registry

__all__ = ["INDEXES", "SCHEMA", "add", "add_nodes", "microseconds", "moment", "node"]

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE records (number INTEGER PRIMARY KEY, at INTEGER, earliest INTEGER, hash BLOB);
CREATE TABLE nodes (level INTEGER, block INTEGER, hashes BLOB, PRIMARY KEY (level, block));
CREATE TABLE entries (number INTEGER PRIMARY KEY, at INTEGER, key TEXT, reason TEXT, said BLOB);
CREATE TABLE payloads (sha256 BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE places (place INTEGER PRIMARY KEY, environment TEXT, slot TEXT);
CREATE TABLE deployments (place INTEGER, since INTEGER, until INTEGER, live_from INTEGER,
    live_to INTEGER, said BLOB, PRIMARY KEY (place, since)) WITHOUT ROWID;
"""
INDEXES = """
CREATE INDEX by_time ON records (earliest, number);
CREATE INDEX out_of_order ON records (number) WHERE at > earliest;
"""
_BESIDE = 256
"""So many nodes of a level of the tree lie in one row."""
_HASH = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ASIDE = (
    *(Deployment, Checkpoint, Erasure, Withdrawal, LearningAllowed, LearningClosed, Collection),
)
"""Statements on which no release's standing rests; deployments have a table of their own."""


def add(
    connection: sqlite3.Connection,
    records: Sequence[Record[LedgerEvent]],
    leaves: list[bytes],
    replayed: Registry,
) -> None:
    """Put down what follows on the records that are there, or all of them.

    Parameters
    ----------
    records : sequence of Record
        What follows, at least one.
    leaves : list of bytes
        Their hashes in the tree, 32 bytes each.
    replayed : Registry
        What is known after them; of deployments only those that they tell of.
    """
    first, register = records[0].number, replayed.register
    rows = list(_records(records))
    earliest = rows[-1][2]
    connection.execute("UPDATE records SET earliest = ?1 WHERE earliest > ?1", (earliest,))
    connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows)
    add_nodes(connection, first, leaves)
    entries = _entries(register, first)
    connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", entries)
    payloads = ((sha256,) for sha256 in register.payloads)
    connection.executemany("INSERT OR IGNORE INTO payloads VALUES (?)", payloads)
    _add_deployments(connection, replayed.deployments)


def _records(records: Sequence[Record[LedgerEvent]]) -> Iterator[tuple[int, int, int, bytes]]:
    """Each record's time, and the earliest that it or any later one bears; the last one first."""
    earliest: int | None = None
    for record in reversed(records):
        at = microseconds(record.event.occurred_at)
        earliest = at if earliest is None else min(at, earliest)
        yield record.number, at, earliest, record.head.hash


def add_nodes(connection: sqlite3.Connection, size: int, leaves: list[bytes]) -> None:
    """Add every whole subtree that `leaves` make, on their own or with `size` that are there."""
    level, start, nodes = 0, size, leaves
    while nodes:
        connection.executemany(
            "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?)",
            _blocks(connection, level, start, nodes),
        )
        if start % 2:
            start, nodes = start - 1, [node(connection, level, start - 1), *nodes]
        pairs = zip(nodes[::2], nodes[1::2], strict=False)
        level, start, nodes = level + 1, start // 2, [merkle.joined(pair) for pair in pairs]


def _blocks(
    connection: sqlite3.Connection, level: int, start: int, nodes: list[bytes]
) -> Iterator[tuple[int, int, bytes]]:
    """Rows of a level from where these nodes begin, many in each; the first may be there."""
    block, beside = divmod(start, _BESIDE)
    before = [node(connection, level, block * _BESIDE + place) for place in range(beside)]
    nodes = [*before, *nodes]
    for at in range(0, len(nodes), _BESIDE):
        yield level, block + at // _BESIDE, b"".join(nodes[at : at + _BESIDE])


def node(connection: sqlite3.Connection, level: int, number: int) -> bytes:
    """The root of a whole subtree; empty where it is not there."""
    block, place = divmod(number, _BESIDE)
    found = connection.execute(
        "SELECT substr(hashes, ?, ?) FROM nodes WHERE level = ? AND block = ?",
        (place * _HASH + 1, _HASH, level, block),
    ).fetchone()
    found = bytes(found[0]) if found else b""
    return found if len(found) == _HASH else b""


def _entries(register: Register, first: int) -> Iterator[tuple[int, int, str, str, bytes]]:
    """The signed entries from a record on, but for those that are put aside."""
    for entry in takewhile(lambda one: one.number >= first, reversed(register.entries)):
        if entry.predicate is not None and not isinstance(entry.predicate, _ASIDE):
            at, said = microseconds(entry.occurred_at), msgspec.json.encode(entry.predicate)
            yield entry.number, at, entry.key_id, entry.reason, said


def _add_deployments(connection: sqlite3.Connection, found: Sequence[DeploymentRecord]) -> None:
    """Each begins where the one before in its place ends."""
    known = connection.execute("SELECT environment, slot, place FROM places")
    places = {(environment, slot): place for environment, slot, place in known}
    there = len(places)
    ended: dict[int, tuple[int, int]] = {}
    rows = []
    for record in found:
        said = record.deployment
        place = places.setdefault((said.environment, said.slot), len(places))
        live_from = microseconds(record.live_from)
        ended.setdefault(place, (record.since, live_from))
        live_to = None if record.live_to is None else microseconds(record.live_to)
        interval = (record.since, record.until, live_from, live_to)
        rows.append((place, *interval, msgspec.json.encode(said)))
    connection.executemany(
        "UPDATE deployments SET until = ?, live_to = ? WHERE place = ? AND until IS NULL",
        ((*end, place) for place, end in ended.items() if place < there),
    )
    named = [(number, *name) for name, number in places.items() if number >= there]
    connection.executemany("INSERT INTO places VALUES (?, ?, ?)", named)
    connection.executemany("INSERT INTO deployments VALUES (?, ?, ?, ?, ?, ?)", rows)


def microseconds(when: datetime) -> int:
    """A time as SQLite keeps it."""
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment(kept: int) -> datetime:
    """The time that is kept as `microseconds`."""
    return _EPOCH + timedelta(microseconds=kept)
