"""The workspace's ledger: governance events, one order, many processes, always on disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.files import SETTLED, read_regular, unreadable, write_atomically
from governed_kernel.lineage.events import JournalOpened, LedgerEvent
from governed_kernel.lineage.journal import (
    ENVELOPE,
    LEDGER_DECODER,
    Block,
    Head,
    JournalWriter,
    Record,
    encode,
    read_block,
    read_records,
    whole_record,
)
from governed_kernel.lineage.merkle import leaf_hash
from governed_kernel.locks import exclusive_lock
from governed_kernel.workspace import Workspace

__all__ = ["Ledger"]

R = TypeVar("R")
_LEDGERS = 4


class _Read(NamedTuple):
    """A ledger that this process read last, for another `Ledger` to hold the file against."""

    records: list[Record[LedgerEvent]]
    seen: tuple[int, ...]
    at_rest: bool
    """Whether another content of the file would have another state than `seen`."""


_READ: dict[Path, _Read] = {}


class _Together(msgspec.Struct, frozen=True):
    """Noted before several records are added at once: from where on they count as one.

    A kill in the middle of a write, or a power cut, can leave the first of them. They are whole by
    themselves and mean something else without the others: data that was divided, and not locked.
    """

    size: int
    """The ledger's bytes before them."""
    end: int
    """Its bytes with all of them."""


class Ledger:
    """Append to and read the ledger of one workspace.

    Several processes may append at once: a lock gives them one order, and each append verifies
    first, under the lock, whatever is there. A reader that keeps a `Ledger` open finds out when
    what it has already read is changed, cut off or replaced.
    """

    def __init__(self, workspace: Workspace, *, with_leaves: bool = False) -> None:
        self.workspace = workspace
        self.path: Path = workspace.ledger
        self._leaves: list[bytes] | None = [] if with_leaves else None
        self._records: list[Record[LedgerEvent]] = []
        self._seen: tuple[int, ...] = ()
        self._is_verified = False
        """Whether this one has held the file itself against what it has of it."""

    @property
    def _lock(self) -> Path:
        return self.path.with_suffix(".lock")

    def create(self, workspace_id: str, *events: msgspec.Struct) -> Head:
        """Start a new ledger with its opening record and `events`.

        What a power cut left of an earlier start, no whole record, does not count as a ledger.
        """
        with exclusive_lock(self._lock):
            self._undo_half()
            block = read_block(self.path, limit=1)
            if block.bodies or block.broken or whole_record(block.torn, Head().hash):
                raise IntegrityBroken(
                    f"{self.path} exists already",
                    why="a ledger is never started twice",
                    next="use the workspace as it is, or make a new one in another folder",
                )
            self._keep_aside(block)
            opened = JournalOpened(workspace_id=workspace_id, journal="ledger")
            _check_form(opened)
            _check_opening(self.path, opened)
            return self._write(Head(), (opened, *events))

    def records(self) -> list[Record[LedgerEvent]]:
        """Every verified record so far, oldest first; new ones are read on each call.

        Raises
        ------
        UnknownName
            There is no ledger.
        IntegrityBroken
            A record is not what was written, or no longer what was read a moment ago.
        """
        self._bring_up()
        return list(self._records)

    def _bring_up(self, *, trusting: bool = True) -> None:
        """Read what is new.

        Parameters
        ----------
        trusting : bool
            Whether a file whose state is the same as when another `Ledger` of this process read it
            is not read again.
        """
        try:
            status = self.path.stat()
        except FileNotFoundError:
            raise self._missing() from None
        except OSError as error:
            raise unreadable(self.path, error) from error
        # A change of content changes the size or the change time, which nobody can set.
        seen = (status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns)
        if seen == self._seen and (trusting or self._is_verified):
            return
        at_rest = status.st_ctime_ns < time.time_ns() - SETTLED
        if self._records:
            self._verify_again()
        elif self._begin(seen, trusting=trusting):
            return
        half = self._half()
        if self._leaves is not None and len(self._leaves) != len(self._records):
            self._leaves = None  # an earlier reading was cut short, or found in memory
        found = read_records(self.path, LEDGER_DECODER, self._head, self._show)
        self._records.extend(one for one in found if half is None or one.head.size <= half.size)
        if not self._records:
            raise self._missing()
        _check_opening(self.path, self._records[0].event)
        self._seen, self._is_verified = seen, True
        self._remember(at_rest=at_rest)

    def _show(self, bodies: list[bytes]) -> None:
        if self._leaves is not None:
            self._leaves += map(leaf_hash, bodies)

    def _begin(self, seen: tuple[int, ...], *, trusting: bool) -> bool:
        """Take what this process decoded before, if byte for byte it is still in place.

        Returns whether that is all that there is.
        """
        known = _READ.get(self.path)
        if known is None:
            return False
        self._records = list(known.records)
        if trusting and known.at_rest and known.seen == seen:
            self._seen, self._leaves, self._is_verified = seen, None, False
            return True
        try:
            self._verify_again()
        except IntegrityBroken:  # another ledger by now: all of it is read and judged anew
            self._records = []
        return False

    def _remember(self, *, at_rest: bool) -> None:
        _READ.pop(self.path, None)
        _READ[self.path] = _Read(list(self._records), self._seen, at_rest)
        for path in list(_READ)[:-_LEDGERS]:
            _READ.pop(path, None)

    @property
    def _head(self) -> Head:
        return self._records[-1].head if self._records else Head()

    def after(
        self, head: Head, show: Callable[[list[bytes]], object] | None = None
    ) -> list[Record[LedgerEvent]] | None:
        """The verified records after `head`; None where this ledger was never there.

        What is before it is verified, and not decoded. `show` is given the bytes of the others.

        Raises
        ------
        IntegrityBroken
            A record is not what was written.
        """
        if self._chain(head.records) != head:
            return None
        half = self._half()
        found = read_records(self.path, LEDGER_DECODER, head, show)
        return [one for one in found if half is None or one.head.size <= half.size]

    def _chain(self, records: int) -> Head:
        """Where so many records end, or the file before them."""
        head = Head()
        while head.records < records:
            block = read_block(self.path, head, limit=records - head.records)
            if block.broken is not None:
                raise block.broken
            if block.head == head:
                break
            head = block.head
        return head

    def _verify_again(self) -> None:
        """Hold the file against what was read from it before."""
        head = self._chain(len(self._records))
        if head != self._head:
            raise IntegrityBroken(
                f"{self.path} was replaced",
                why=f"record {self._head.records - 1} had the hash {self._head.hash.hex()}, "
                f"and the file now has {head.records} records ending in {head.hash.hex()}",
                next="restore the ledger from a backup",
            )

    def _missing(self) -> UnknownName:
        return UnknownName(
            f"{self.workspace.root} has no ledger",
            why="the workspace was never initialised on this machine, or its state is gone",
            next=f"'governed init {self.workspace.root}', or restore .governed/ from a backup",
        )

    def events(self) -> list[LedgerEvent]:
        """The events of `records`."""
        return [record.event for record in self.records()]

    def leaves(self) -> list[bytes]:
        """The hashes of all records as leaves of a Merkle tree (`merkle.leaf_hash`).

        They are at hand where the ledger was read `with_leaves`, and not remembered from before.
        """
        if self._leaves is not None and len(self._leaves) == len(self._records):
            return list(self._leaves)
        found: list[bytes] = []
        head = Head()
        while head != self._head:
            block = read_block(self.path, head, limit=self._head.records - head.records)
            if block.broken is not None:
                raise block.broken
            found += map(leaf_hash, block.bodies)
            if block.head == head:
                break
            head = block.head
        return found

    @property
    def workspace_id(self) -> str:
        """The workspace's identity, from the opening record."""
        first = self.records()[0].event
        assert isinstance(first, JournalOpened)
        return first.workspace_id

    def append(self, *events: msgspec.Struct) -> Head:
        """Add `events` durably."""
        return self.append_checked(lambda _: (events, None))[0]

    def append_checked(
        self, decide: Callable[[list[LedgerEvent]], tuple[tuple[msgspec.Struct, ...], R]]
    ) -> tuple[Head, R]:
        """Add what `decide` returns, with the ledger held still while it decides.

        `decide` is given every event so far and returns the events to add and any result; an
        exception adds nothing. That is how two that approve, promote or register at the same
        moment are put in an order, and the second sees the first.

        Raises
        ------
        IntegrityBroken
            What is there does not verify, or what is to be added has a name or digest that is
            none, so that nobody could read the ledger any more; nothing is added to it.
        ResourceMissing
            The disk is full, or the file can't be written; the ledger is as it was.
        """
        with exclusive_lock(self._lock):
            self._undo_half()
            self._bring_up(trusting=False)
            self._keep_aside(read_block(self.path, self._head))
            records = self.records()
            events, result = decide([record.event for record in records])
            head = records[-1].head
            for event in events:
                _check_form(event)
            return (self._write(head, events) if events else head), result

    def _write(self, head: Head, events: tuple[msgspec.Struct, ...]) -> Head:
        if len(events) > 1:
            end = head.size + sum(len(encode(event)) + ENVELOPE for event in events)
            note = msgspec.json.encode(_Together(head.size, end))
            write_atomically(self._together, note)
        writer = JournalWriter(self.path, head)
        try:
            writer.append(*events)
            writer.sync()
            return writer.head
        finally:
            writer.close()
            if not writer.in_doubt:
                self._together.unlink(missing_ok=True)

    @property
    def _together(self) -> Path:
        return self.path.with_suffix(".together")

    def _half(self) -> _Together | None:
        """Where records begin that were added together and are not all there."""
        try:
            note = msgspec.json.decode(read_regular(self._together), type=_Together)
            size = self.path.stat().st_size
        except (OSError, msgspec.MsgspecError):
            return None
        return note if note.size < size < note.end else None

    def _undo_half(self) -> None:
        """Take away what a crash left of records that belong together, as the lock's holder may.

        Nobody was told that they are there; what is taken away is kept for the auditor.
        """
        half = self._half()
        if half is not None:
            with self.path.open("rb+") as file:
                file.seek(half.size)
                self._put_aside(file.read(), str(half.size))
                file.truncate(half.size)
                os.fsync(file.fileno())
        self._together.unlink(missing_ok=True)

    def _put_aside(self, data: bytes, where: str) -> None:
        name = f".torn-{where}-{digest_bytes(data)[:12]}"
        write_atomically(self.path.with_suffix(name), data, mode=0o444)

    def _keep_aside(self, tail: Block) -> None:
        """Make the file end with its last whole record, as only the lock's holder may.

        A torn last record (power cut) was never acknowledged; it is kept for the auditor. If it
        lacks nothing but its line end, it verifies, and is completed rather than lost.
        """
        if not tail.torn:
            return
        if whole_record(tail.torn, tail.head.hash):
            with self.path.open("ab") as file:
                file.write(b"\n")
                os.fsync(file.fileno())
            return
        if whole_record(tail.torn[:-1], tail.head.hash):
            raise IntegrityBroken(
                f"{self.path}: record {tail.head.records} has lost its line end",
                why=f"byte {tail.head.size + len(tail.torn) - 1} is {tail.torn[-1:]!r}",
                next="restore the ledger from a backup",
            )
        self._put_aside(tail.torn, str(tail.head.records))
        with self.path.open("rb+") as file:
            file.truncate(tail.head.size)
            os.fsync(file.fileno())

    def torn(self) -> list[Path]:
        """What torn last records were kept aside; an auditor is told of them."""
        return sorted(self.path.parent.glob(f"{self.path.stem}.torn-*"))


def _check_form(event: msgspec.Struct) -> None:
    """Refuse what no reader would take for a record."""
    try:
        LEDGER_DECODER.decode(encode(event))
    except msgspec.MsgspecError as error:
        kind = event.__struct_config__.tag
        raise IntegrityBroken(
            f"a record of type {kind} is not as records are, so it was not added",
            why=str(error),
            next="nothing was changed",
        ) from error


def _check_opening(path: Path, opening: LedgerEvent) -> None:
    if isinstance(opening, JournalOpened) and opening.journal == "ledger" and opening.workspace_id:
        return
    raise IntegrityBroken(
        f"{path} is no ledger",
        why="its first record does not open one, or names no workspace",
        next="restore the ledger from a backup",
    )
