"""The workspace's ledger: governance events, one order, many processes, always on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.files import exclusive_lock
from governed_kernel.lineage.events import JournalOpened, LedgerEvent
from governed_kernel.lineage.journal import (
    LEDGER_DECODER,
    Head,
    JournalWriter,
    Record,
    read_records,
)
from governed_kernel.workspace import Workspace

__all__ = ["Ledger"]

R = TypeVar("R")


class Ledger:
    """Append to and read the ledger of one workspace.

    Several processes may append at once: a lock gives them one order, and each append verifies
    the records that others added since.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.path: Path = workspace.ledger
        self._records: list[Record[LedgerEvent]] = []

    @property
    def _lock(self) -> Path:
        return self.path.with_suffix(".lock")

    def create(self, workspace_id: str, *events: msgspec.Struct) -> Head:
        """Start a new ledger with its opening record and `events`."""
        with exclusive_lock(self._lock):
            writer = JournalWriter(self.path)
            if self.path.stat().st_size:
                writer.close()
                raise IntegrityBroken(
                    f"{self.path} exists already",
                    why="a ledger is never started twice",
                    next="use the workspace as it is, or make a new one in another folder",
                )
            opened = JournalOpened(workspace_id=workspace_id, journal="ledger")
            head = writer.append(opened, *events)
            writer.close()
            return head

    def records(self) -> list[Record[LedgerEvent]]:
        """Every verified record so far, oldest first; new ones are read on each call."""
        if not self.path.exists():
            raise UnknownName(
                f"{self.workspace.root} has no ledger",
                why="the workspace was never initialised on this machine, or its state is gone",
                next=f"'governed init {self.workspace.root}', or restore .governed/ from a backup",
            )
        head = self._records[-1].head if self._records else Head()
        if self.path.stat().st_size < head.size:
            raise IntegrityBroken(
                f"{self.path} became shorter",
                why=f"{head.size} bytes were there a moment ago",
                next="restore the ledger from a backup",
            )
        self._records.extend(read_records(self.path, LEDGER_DECODER, head))
        return self._records

    def events(self) -> list[LedgerEvent]:
        """The events of `records`."""
        return [record.event for record in self.records()]

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
        """
        with exclusive_lock(self._lock):
            records = self.records()
            events, result = decide([record.event for record in records])
            head = records[-1].head
            if not events:
                return head, result
            self._keep_torn_tail_aside(head)
            writer = JournalWriter(self.path, head)
            try:
                writer.append(*events)
                writer.sync()
                return writer.head, result
            finally:
                writer.close()

    def _keep_torn_tail_aside(self, head: Head) -> None:
        """A torn last record was never acknowledged; it is kept for the auditor."""
        size = self.path.stat().st_size
        if size == head.size:
            return
        with self.path.open("rb+") as file:
            file.seek(head.size)
            torn = file.read()
            aside = self.path.with_suffix(f".torn-{head.records}")
            aside.write_bytes(torn)
            file.truncate(head.size)
