r"""Append-only, hash-chained files of events.

Format: one record a line, ``HASH EVENT\n``. EVENT is one JSON object without line breaks; HASH is
64 hexadecimal digits of SHA-256 over the 32 bytes of the previous record's hash followed by the
bytes of EVENT. The first record's predecessor is 32 zero bytes; its event is `JournalOpened`,
which names workspace and journal. Anyone can check a journal with ``sha256sum`` and patience.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import IntegrityBroken, ResourceMissing
from governed_kernel.files import open_regular, sync_folder, unreadable
from governed_kernel.lineage.chaining import (
    ENVELOPE,
    START,
    Head,
    chain,
    encode,
    well_formed,
    whole_record,
)
from governed_kernel.lineage.events import LedgerEvent, PayloadDigest, SessionEvent
from governed_kernel.lineage.journal_reader import (
    Block,
    JournalReader,
    Record,
    not_understood,
    read_block,
    read_records,
)

__all__ = [
    "ENVELOPE",
    "LEDGER_DECODER",
    "SESSION_DECODER",
    "Block",
    "Head",
    "JournalReader",
    "JournalWriter",
    "Record",
    "chain",
    "encode",
    "not_understood",
    "payload_of",
    "read_block",
    "read_payloads",
    "read_records",
    "whole_record",
]

SESSION_DECODER: msgspec.json.Decoder[SessionEvent] = msgspec.json.Decoder(SessionEvent)
LEDGER_DECODER: msgspec.json.Decoder[LedgerEvent] = msgspec.json.Decoder(LedgerEvent)
_ENCODE = msgspec.json.Encoder().encode


class JournalWriter:
    """Appends events to one journal. One process at a time holds it.

    Parameters
    ----------
    path : Path
        The journal; made when missing, durably.
    head : Head
        Where it stands, from `read_records` of an existing journal.

    Notes
    -----
    `append` reaches the operating system before it returns, so it survives a kill of the process;
    `sync` reaches the disk, so it survives a power cut. Before each write the file is held against
    the writer's own head: a journal that was deleted, cut or written to by another is found out
    at once. After a failure that leaves the file in doubt, the writer refuses to go on.
    """

    def __init__(self, path: Path, head: Head = START) -> None:
        self.path = path
        self.head = head
        self._content = None if head.records else hashlib.sha256()
        self._in_doubt = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = self._open()
        except OSError as error:
            raise self._unwritable(error) from error

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o664)
        except FileExistsError:
            return os.open(self.path, flags)
        # Without this a power cut could lose the whole file, however well its content was synced.
        sync_folder(self.path.parent)
        return descriptor

    def append(self, *events: msgspec.Struct) -> Head:
        """Chain `events` and write them in one call; returns the head after the last.

        Raises
        ------
        ResourceMissing
            They can't be written (disk full …); the journal is as it was before.
        IntegrityBroken
            The file is not what this writer left; nothing is written.
        """
        head = self.head
        lines = bytearray()
        digest = head.hash
        for event in events:
            body = encode(event)
            digest = chain(digest, body)
            lines += digest.hex().encode() + b" " + body + b"\n"
        self._check()
        self._write(lines)
        if self._content is not None:
            self._content.update(lines)
        self.head = Head(head.records + len(events), head.size + len(lines), digest)
        return self.head

    @property
    def in_doubt(self) -> bool:
        """Whether a failure left it open what the file holds."""
        return self._in_doubt

    def _check(self) -> None:
        if self._in_doubt:
            raise self._unwritable(OSError("an earlier write failed half-way"))
        status = os.fstat(self._descriptor)
        if status.st_size == self.head.size and status.st_nlink:
            return
        found = f"it has {status.st_size} bytes" if status.st_nlink else "it was deleted"
        raise IntegrityBroken(
            f"{self.path} is not as its writer left it",
            why=f"{self.head.size} bytes had been written, and {found}",
            next="end this session; 'governed audit verify' says what of it can be trusted",
        )

    def _write(self, data: bytearray) -> None:
        """Write all of `data` or nothing: a short write is taken back.

        Appending is at the end whatever happened before, and nobody else writes to this file, so
        the end before the write is `head.size`, which `_check` has just seen.
        """
        view = memoryview(data)
        written = 0
        self._in_doubt = True
        try:
            while written < len(data):
                written += os.write(self._descriptor, view[written:])
        except OSError as error:
            self._take_back()
            raise self._unwritable(error) from error
        except BaseException:
            self._take_back()
            raise
        self._in_doubt = False

    def _take_back(self) -> None:
        with contextlib.suppress(OSError):  # then the writer stays in doubt, and refuses
            os.ftruncate(self._descriptor, self.head.size)
            self._in_doubt = False

    @property
    def sha256(self) -> str:
        """Digest of all that was written; empty where another writer began the journal."""
        return self._content.hexdigest() if self._content is not None else ""

    def sync(self) -> None:
        """Force everything appended so far onto the disk."""
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            # Linux forgets which pages failed: a second fdatasync would wrongly succeed.
            self._in_doubt = True
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Sync and let go of the file."""
        try:
            if not self._in_doubt:
                self.sync()
        finally:
            os.close(self._descriptor)

    def _unwritable(self, error: OSError) -> ResourceMissing:
        return ResourceMissing(
            f"{self.path} can't be written, so nothing more can be recorded",
            why=error.strerror or str(error),
            next="free disk space or mend the permissions, then start again",
        )


# --- payloads: erasable text beside a journal ------------------------------------------------


def payload_of(text: str) -> tuple[PayloadDigest, bytes]:
    """Digest of `text` under a fresh salt, and the line that the payload file keeps.

    Without the salt nobody can find short texts by trying, so erasing the line erases the text.
    What is not valid text (a lone surrogate) is kept with backslashes.
    """
    text = well_formed(text)
    salt = secrets.token_bytes(16)
    digest = digest_bytes(salt + text.encode())
    line = _ENCODE({"digest": digest, "salt": salt.hex(), "text": text})
    return digest, line + b"\n"


def read_payloads(path: Path) -> dict[PayloadDigest, str]:
    """All texts of a payload file that still match their digest; a torn last line is left out.

    Raises
    ------
    ResourceMissing
        It can't be read, or it is no file.
    """
    texts: dict[PayloadDigest, str] = {}
    try:
        file = open_regular(path)
    except FileNotFoundError:
        return texts
    except OSError as error:
        raise unreadable(path, error) from error
    with file:
        for line in file:
            try:
                entry: dict[str, Any] = msgspec.json.decode(line)
                text = entry["text"]
                salted = bytes.fromhex(entry["salt"]) + text.encode()
            except (msgspec.MsgspecError, KeyError, ValueError, TypeError, AttributeError):
                continue
            if digest_bytes(salted) == entry.get("digest"):
                texts[entry["digest"]] = text
    return texts
