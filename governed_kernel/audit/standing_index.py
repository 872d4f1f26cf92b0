"""The verified ledger by place and time, so that the past can be asked for without replaying it.

Replaying a ledger verifies every signature in it, which takes seconds for tens of thousands of
records. What came of that is kept, by the ledger's head: the judged statements that standing rests
on, when each deployment began and ended, and the tree of RFC 6962 over all records. It lies in the
person's own folder, never in the workspace: who can rewrite the ledger could rewrite it as well.
It is used only where the ledger is, byte for byte, the one that it was made from, or begins with
that: then what follows is judged as a replay would, and added.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from governed_kernel.audit import standing_rows
from governed_kernel.audit.standing_rows import microseconds
from governed_kernel.audit.standing_rows import moment as _moment
from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import GovernedError, IntegrityBroken
from governed_kernel.files import SETTLED, write_atomically
from governed_kernel.governance import envelopes, pins
from governed_kernel.governance.register import Register
from governed_kernel.governance.settling import Unsettled, settled
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage import merkle
from governed_kernel.lineage.attestations import Deployment, Predicate
from governed_kernel.lineage.events import LedgerEvent
from governed_kernel.lineage.journal import Head, JournalReader, Record
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release.registry import DeploymentRecord, Registry
from governed_kernel.workspace import Workspace, personal_folder

__all__ = ["StandingIndex"]

_VERSION = "4"
_BLOCK = 10_000
_DAMAGED = (OSError, sqlite3.Error, LookupError, ValueError, TypeError, msgspec.MsgspecError)
"""What comes of an index that is not there, or not whole."""
_FEW = 1000
"""More new records than so many are not judged one after the other: signatures take too long."""
_DEPLOYMENT: msgspec.json.Decoder[Deployment] = msgspec.json.Decoder(Deployment)
_PREDICATE: msgspec.json.Decoder[Predicate] = msgspec.json.Decoder(Predicate)
_PAYLOADS = "SELECT sha256 FROM payloads"
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
        self._connection = self._opened() or self._gone_on() or self._made()
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
        at = microseconds(moment)
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
        found = standing_rows.node(self._connection, level, number)
        if not found:
            raise self._not_whole("a part of the tree over the ledger is missing in it")
        return found

    def registry(self, size: int) -> Registry:
        """Releases and runs by the first `size` records.

        Ask `live` for deployments: this has them, and refusals, only where it was just replayed.
        """
        if self._replayed is not None and size == self.records:
            return self._replayed
        return Registry(self._judged(self._connection, size))

    def _judged(self, connection: sqlite3.Connection, size: int) -> Register:
        """What was known after the first `size` records, by the rules of then."""
        known = dict(connection.execute("SELECT key, value FROM meta"))
        (last,) = connection.execute("SELECT max(at) FROM records WHERE number < ?", (size,))
        rows = connection.execute("SELECT * FROM entries WHERE number < ? ORDER BY number", (size,))
        entries = [
            Entry(
                number, _moment(at), _PREDICATE.decode(said) if said else None, key, not reason,
                reason, {},
            )
            for number, at, key, reason, said in rows
        ]  # fmt: skip
        register = Register.judged(
            self.workspace, known["workspace_id"], known["genesis"], entries, _moment(*last)
        )
        register.rules_of_then = True
        return register

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
        with contextlib.suppress(*_DAMAGED):
            known = dict(found.execute("SELECT key, value FROM meta").fetchall())
            if known.get("version") == _VERSION:
                if known["stamp"] == stamp:
                    return found
                if self._ends_as(known["size"], known["records"], known["head"]):
                    if at_rest:
                        self._restamp(stamp, known["head"])
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

    def _restamp(self, stamp: str, head: str) -> None:
        """Note a state of the ledger, unless another command has put down another end of it."""
        change = """UPDATE meta SET value = ? WHERE key = 'stamp'
            AND EXISTS (SELECT * FROM meta WHERE key = 'head' AND value = ?)"""
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(self._path)) as connection,
            connection,
        ):
            connection.execute(change, (stamp, head))

    def _gone_on(self) -> sqlite3.Connection | None:
        """What is kept of an earlier state of this very ledger, taken on to where it is now."""
        stamp, at_rest = _stamp(self._ledger)
        connection = sqlite3.connect(":memory:")
        try:
            with contextlib.suppress(*_DAMAGED):
                connection.deserialize(self._path.read_bytes())
                if self._take_on(connection, stamp if at_rest else ""):
                    return self._kept(connection)
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    def _take_on(self, connection: sqlite3.Connection, stamp: str) -> bool:
        """Judge what follows on an index, where it is one of this ledger and not much does."""
        known = dict(connection.execute("SELECT key, value FROM meta"))
        (whole,) = connection.execute("PRAGMA quick_check").fetchone()
        if known["version"] != _VERSION or whole != "ok":
            return False
        head = Head(int(known["records"]), int(known["size"]), bytes.fromhex(known["head"]))
        leaves: list[bytes] = []
        ledger = Ledger(self.workspace)
        records = ledger.after(head, lambda new: leaves.extend(map(merkle.leaf_hash, new)))
        if not records or len(records) > _FEW:
            return False
        register = self._judged(connection, head.records)
        register.payloads.update(sha256 for (sha256,) in connection.execute(_PAYLOADS))
        for record in records:
            register.judge(record.number, record.event)
        self._put_down(connection, records, leaves[: len(records)], Registry(register), stamp)
        return True

    def _made(self) -> sqlite3.Connection:
        """Replay the ledger with all its signatures, and keep what came of it."""
        stamp, at_rest = _stamp(self._ledger)
        ledger = Ledger(self.workspace, with_leaves=True)
        records = ledger.records()  # once: it may go on meanwhile
        read = partial(self._read_off, records, ledger.leaves(), stamp if at_rest else "")
        return self._kept(settled(self.workspace, [record.event for record in records], read))

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
        connection = sqlite3.connect(":memory:")
        connection.executescript(standing_rows.SCHEMA)
        self._put_down(connection, records, leaves, Registry(register), stamp)
        connection.executescript(standing_rows.INDEXES)
        try:
            found.settle()
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_down(
        self,
        connection: sqlite3.Connection,
        records: Sequence[Record[LedgerEvent]],
        leaves: list[bytes],
        replayed: Registry,
        stamp: str,
    ) -> None:
        head = records[-1].head
        facts = {
            "version": _VERSION,
            "stamp": stamp,
            "records": str(head.records),
            "size": str(head.size),
            "head": head.hash.hex(),
            "workspace_id": replayed.register.workspace_id,
            "genesis": replayed.register.genesis,
        }
        with connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", facts.items())
            standing_rows.add(connection, records, leaves, replayed)
        self._replayed = replayed

    def _kept(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        """The same, kept: mostly by waiting for the disk, while the question is answered."""
        envelopes.keep_verified()
        body = connection.serialize()
        keeping = threading.Thread(target=self._keep, args=(body,))
        try:
            keeping.start()
        except RuntimeError:  # no more threads may be started
            self._keep(body)
        else:
            self._wait = keeping.join
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
    return ":".join(map(str, known)), status.st_ctime_ns < now - SETTLED
