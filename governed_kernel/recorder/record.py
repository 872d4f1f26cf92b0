"""What a session leaves behind: its journal and its payload file, written by nobody else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from governed_kernel.errors import GovernedError, IntegrityBroken, ResourceMissing
from governed_kernel.lineage.events import JournalOpened, SessionSealed
from governed_kernel.lineage.journal import (
    LEDGER_DECODER,
    Head,
    JournalWriter,
    payload_of,
    read_records,
)
from governed_kernel.recorder.messages import Fault
from governed_kernel.workspace import Workspace

__all__ = ["SessionRecord"]

_SYNC_SECONDS = 1.0


class SessionRecord:
    """The journal of one session. Events wait in memory only until the next `flush`.

    Parameters
    ----------
    workspace : Workspace
        Where the journal goes.
    session : str
        The session's id.
    durable : bool
        Whether the end of each cell reaches the disk (release mode), not only the system.

    Raises
    ------
    ResourceMissing
        The journal can't be written.
    """

    def __init__(self, workspace: Workspace, session: str, *, durable: bool) -> None:
        self.workspace = workspace
        self.session = session
        self.path = workspace.journals / f"{session}.jsonl"
        self._durable = durable
        self._pending: list[msgspec.Struct] = []
        self._texts: list[bytes] = []
        self._unsynced = False
        self._synced_at = time.monotonic()
        self._writer = JournalWriter(self.path)
        if os.path.getsize(self.path):
            raise ResourceMissing(
                f"{self.path} exists already",
                why="each session has a journal of its own",
                next="start the kernel again; it gets a new session id",
            )
        self._payloads = self._open_payloads()
        self.add(JournalOpened(workspace_id=_workspace_id(workspace), journal=session))

    def _open_payloads(self) -> int:
        path = self.path.with_name(f"{self.session}.payloads.jsonl")
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o664)

    @property
    def head(self) -> Head:
        """Where the journal stands."""
        return self._writer.head

    def add(self, event: msgspec.Struct) -> None:
        """Put `event` next in the record's order; `flush` writes it."""
        self._pending.append(event)

    def text(self, line: bytes) -> None:
        """Keep one line of the payload file."""
        if line.endswith(b"\n") and line.count(b"\n") == 1:
            self._texts.append(line)

    def payload(self, text: str) -> str:
        """Keep erasable `text` and give its digest."""
        digest, line = payload_of(text)
        self.text(line)
        return digest

    def flush(self) -> Fault | None:
        """Hand everything to the operating system; what fails is kept for the next try."""
        try:
            if self._texts:
                self._write_texts()
            if self._pending:
                self._writer.append(*self._pending)
                self._pending.clear()
                self._unsynced = True
        except IntegrityBroken as error:
            return Fault(error.what, error.why, error.next, final=True)
        except GovernedError as error:
            return Fault(error.what, error.why, error.next)
        except OSError as error:
            return Fault(
                f"the texts of session {self.session} can't be written",
                error.strerror or str(error),
                "free disk space, then run the cell again",
            )
        return None

    def _write_texts(self) -> None:
        data = b"".join(self._texts)
        start = os.fstat(self._payloads).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(self._payloads, data[written:])
        except OSError:
            os.ftruncate(self._payloads, start)
            raise
        self._texts.clear()

    def settle(self) -> Fault | None:
        """The end of a cell: flush, and reach the disk if durable."""
        return self.flush() or (self.sync() if self._durable else None)

    def sync(self) -> Fault | None:
        """Reach the disk."""
        try:
            if self._unsynced:
                self._writer.sync()
                os.fdatasync(self._payloads)
        except (GovernedError, OSError) as error:
            return Fault("the session's journal did not reach the disk", str(error))
        self._unsynced = False
        self._synced_at = time.monotonic()
        return None

    def sync_if_due(self) -> None:
        """Reach the disk when the last time is more than a second ago."""
        if self._unsynced and time.monotonic() - self._synced_at >= _SYNC_SECONDS:
            self.sync()

    @property
    def pending(self) -> int:
        """How many events and texts are still to be written."""
        return len(self._pending) + len(self._texts)

    @property
    def waits(self) -> bool:
        """Whether something is still to be written or synced."""
        return bool(self._pending or self._texts or self._unsynced)

    def seal(self) -> str:
        """Close the journal and bind it into the ledger; returns what went wrong, or nothing."""
        fault = self.flush() or self.sync()
        if fault is not None:
            return f"{fault.what}: {fault.why}"
        head = self.head
        self._writer.close()
        if not self.workspace.ledger.exists():
            return ""  # a workspace of one's own, without governance
        sealed = SessionSealed(
            session_id=self.session,
            records=head.records,
            bytes=head.size,
            head=head.hash.hex(),
        )
        from governed_kernel.lineage.ledger import Ledger

        try:
            Ledger(self.workspace).append(sealed)
        except (GovernedError, OSError) as error:
            return f"session {self.session} is not sealed: {error}"
        return ""


def _workspace_id(workspace: Workspace) -> str:
    """Identity of the workspace, from the ledger's first record; empty without a ledger."""
    try:
        first = next(read_records(Path(workspace.ledger), LEDGER_DECODER), None)
    except GovernedError:
        return ""  # 'governed audit verify' says what is wrong with the ledger
    return first.event.workspace_id if first and isinstance(first.event, JournalOpened) else ""
