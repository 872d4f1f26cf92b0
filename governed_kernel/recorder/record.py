"""What a session leaves behind: its journal and its payload file, written by nobody else."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import msgspec

from governed_kernel.errors import GovernedError, IntegrityBroken, ResourceMissing
from governed_kernel.lineage.events import (
    CellStarted,
    JournalOpened,
    ObserverLost,
    SessionSealed,
)
from governed_kernel.lineage.heads import HeadWriter
from governed_kernel.lineage.journal import (
    LEDGER_DECODER,
    Head,
    JournalWriter,
    payload_of,
    read_records,
)
from governed_kernel.lineage.texts import TextsDigest, digest_of, texts_file
from governed_kernel.recorder.messages import Fault, LinkTampered
from governed_kernel.workspace import Workspace

__all__ = ["SessionRecord"]

_SYNC_SECONDS = 0.7  # with the time between two looks: within a second


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
        self._texts: list[tuple[bytes, str]] = []
        self._unsynced = False
        self._texts_unsynced = False
        self._cell = (0, "")
        self._marked = False
        """Whether what waits says already that a write failed."""
        self._synced_at = time.monotonic()
        self._syncing: threading.Thread | None = None
        self._beside = False, False
        """Which of texts and records the thread has yet to bring to the disk."""
        self._writer = JournalWriter(self.path)
        if os.path.getsize(self.path):
            raise ResourceMissing(
                f"{self.path} exists already",
                why="each session has a journal of its own",
                next="start the kernel again; it gets a new session id",
            )
        self._digests = TextsDigest()
        self._written_texts = 0
        self._payloads = self._open_payloads()
        self._head = HeadWriter(self.path)
        self.add(JournalOpened(workspace_id=_workspace_id(workspace), journal=session))

    def _open_payloads(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        return os.open(texts_file(self.path), flags, 0o664)

    @property
    def head(self) -> Head:
        """Where the journal stands."""
        return self._writer.head

    def add(self, event: msgspec.Struct) -> None:
        """Put `event` next in the record's order; `flush` writes it."""
        if isinstance(event, CellStarted):
            self._cell = (event.execution, event.cell_id)
        self._pending.append(event)

    def text(self, line: bytes) -> None:
        """Keep one line of the payload file.

        Raises
        ------
        LinkTampered
            It is not what an honest kernel sends: the text is not the one its digest stands for.
        """
        digest, wrong = digest_of(line)
        if wrong:
            raise LinkTampered(f"a text that is none: {wrong}")
        self._texts.append((line, digest))

    def payload(self, text: str) -> str:
        """Keep erasable `text` and give its digest."""
        digest, line = payload_of(text)
        self.text(line)
        return digest

    def flush(self) -> Fault | None:
        """Hand everything to the operating system; what fails is kept for the next try."""
        try:
            if self._texts or self._pending:
                self._write()
        except IntegrityBroken as error:
            return Fault(error.what, error.why, error.next, final=True)
        except GovernedError as error:
            return self._unwritten(Fault(error.what, error.why, error.next))
        except OSError as error:
            return self._unwritten(
                Fault(
                    f"the texts of session {self.session} can't be written",
                    error.strerror or str(error),
                    "free disk space, then run the cell again",
                )
            )
        self._marked = False
        return None

    def _unwritten(self, fault: Fault) -> Fault:
        """Have the next write that succeeds say that one before it did not."""
        if not self._marked:
            self._marked = True
            execution, cell_id = self._cell
            self.add(
                ObserverLost(
                    execution=execution,
                    cell_id=cell_id,
                    observer="journal",
                    error_name="ResourceMissing",
                    error=self.payload(f"{fault.what}: {fault.why}"),
                )
            )
        return fault

    def _write(self) -> None:
        """The texts first, so that no record speaks of one that is not there."""
        self._head.begin()
        try:
            if self._texts:
                self._write_texts()
            if self._pending:
                self._writer.append(*self._pending)
                self._pending.clear()
                self._unsynced = True
        finally:
            if not self._writer.in_doubt:  # else the file may go on beyond what is known of it
                self._head.write(self._seal())

    def _write_texts(self) -> None:
        data = b"".join(line for line, _ in self._texts)
        self._check_texts()
        try:
            written = 0
            while written < len(data):
                written += os.write(self._payloads, data[written:])
        except OSError:
            os.ftruncate(self._payloads, self._written_texts)
            raise
        self._written_texts += len(data)
        self._texts_unsynced = True
        for _, digest in self._texts:
            self._digests.add(digest)
        self._texts.clear()

    def _check_texts(self) -> None:
        status = os.fstat(self._payloads)
        if status.st_size == self._written_texts and status.st_nlink:
            return
        found = f"it has {status.st_size} bytes" if status.st_nlink else "it was deleted"
        raise IntegrityBroken(
            f"{texts_file(self.path)} is not as its writer left it",
            why=f"{self._written_texts} bytes had been written, and {found}",
            next="end this session; 'governed audit verify' says what of it can be trusted",
        )

    def settle(self) -> Fault | None:
        """The end of a cell: flush, and reach the disk if durable."""
        return self.flush() or (self.sync() if self._durable else None)

    def sync(self) -> Fault | None:
        """Reach the disk."""
        self._end_sync()
        try:
            self._reach_disk(texts=self._texts_unsynced, records=self._unsynced)
        except (GovernedError, OSError) as error:
            return Fault("the session's journal did not reach the disk", str(error))
        self._unsynced = self._texts_unsynced = False
        self._synced_at = time.monotonic()
        return None

    def _reach_disk(self, *, texts: bool, records: bool) -> None:
        if texts:  # a record never outlives the text that it speaks of
            os.fdatasync(self._payloads)
        if records:
            self._writer.sync()

    def sync_if_due(self) -> None:
        """Reach the disk when the last time is long enough ago, while the recorder goes on.

        A disk may take many milliseconds, for which no cell waits that only opens a file.
        """
        if self._syncing is not None:
            if self._syncing.is_alive():
                return
            self._end_sync()
        if self._to_sync and time.monotonic() - self._synced_at >= _SYNC_SECONDS:
            self._syncing = threading.Thread(target=self._sync_beside, daemon=True)
            self._synced_at = time.monotonic()
            texts, records = self._texts_unsynced, self._unsynced
            self._texts_unsynced = self._unsynced = False
            self._beside = texts, records
            self._syncing.start()

    def _sync_beside(self) -> None:
        """What was written before is made to reach the disk; what comes meanwhile is due again."""
        texts, records = self._beside
        with contextlib.suppress(GovernedError, OSError):
            self._reach_disk(texts=texts, records=records)
            self._beside = False, False

    def _end_sync(self) -> None:
        """Wait for what was begun; what failed is due again."""
        if self._syncing is None:
            return
        self._syncing.join()
        self._syncing = None
        texts, records = self._beside
        self._texts_unsynced |= texts
        self._unsynced |= records

    @property
    def pending(self) -> int:
        """How many events and texts are still to be written."""
        return len(self._pending) + len(self._texts)

    @property
    def waits(self) -> bool:
        """Whether something is still to be written or synced."""
        return bool(self._pending or self._texts or self._to_sync)

    @property
    def _to_sync(self) -> bool:
        return self._unsynced or self._texts_unsynced

    def seal(self) -> str:
        """Close the journal, bind it into the ledger, compress it; what went wrong, or nothing."""
        fault = self.flush() or self.sync()
        if fault is not None:
            return f"{fault.what}: {fault.why}"
        self._writer.close()
        os.close(self._payloads)
        trouble, bound = self._bind()
        self._head.close(sealed=bound)
        return trouble

    def _bind(self) -> tuple[str, bool]:
        """Enter the seal into the ledger; what went wrong, and whether it is there."""
        if not self.workspace.ledger.exists():
            return "", False  # a workspace of one's own, without governance
        from governed_kernel.lineage.ledger import Ledger
        from governed_kernel.lineage.sealing import Sealing
        from governed_kernel.locks import A_DAY, patiently

        with Sealing(self.path) as sealing:
            seal = msgspec.structs.replace(self._seal(), sha256=self._writer.sha256)
            form = sealing.compress(seal.sha256)
            if form is not None:
                seal = msgspec.structs.replace(
                    seal,
                    compressed_bytes=form.compressed_bytes,
                    compressed_sha256=form.compressed_sha256,
                )
            try:
                with patiently(A_DAY):  # nobody else can say how far this session went
                    Ledger(self.workspace).append(seal)
            except (GovernedError, OSError) as error:
                return f"session {self.session} is not sealed: {error}", False
            if form is not None:
                sealing.settle()
        return "", True

    def _seal(self) -> SessionSealed:
        """What binds the session as it stands."""
        head = self.head
        return SessionSealed(
            session_id=self.session,
            records=head.records,
            bytes=head.size,
            head=head.hash.hex(),
            texts=self._digests.count,
            texts_sha256=self._digests.hexdigest(),
        )


def _workspace_id(workspace: Workspace) -> str:
    """Identity of the workspace, from the ledger's first record; empty without a ledger."""
    try:
        first = next(read_records(Path(workspace.ledger), LEDGER_DECODER), None)
    except GovernedError:
        return ""  # 'governed audit verify' says what is wrong with the ledger
    return first.event.workspace_id if first and isinstance(first.event, JournalOpened) else ""
