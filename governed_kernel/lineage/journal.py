r"""Append-only, hash-chained files of events.

Format: one record a line, ``HASH EVENT\n``. EVENT is one JSON object without line breaks; HASH is
64 hexadecimal digits of SHA-256 over the 32 bytes of the previous record's hash followed by the
bytes of EVENT. The first record's predecessor is 32 zero bytes; its event is `JournalOpened`,
which names workspace and journal. Anyone can check a journal with ``sha256sum`` and patience.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import IntegrityBroken, ResourceMissing
from governed_kernel.lineage.events import LedgerEvent, PayloadDigest, SessionEvent

__all__ = [
    "LEDGER_DECODER",
    "SESSION_DECODER",
    "Head",
    "JournalWriter",
    "Record",
    "chain",
    "payload_of",
    "read_payloads",
    "read_records",
]

_ZERO = bytes(32)
_ENCODE = msgspec.json.Encoder().encode
SESSION_DECODER: msgspec.json.Decoder[SessionEvent] = msgspec.json.Decoder(SessionEvent)
LEDGER_DECODER: msgspec.json.Decoder[LedgerEvent] = msgspec.json.Decoder(LedgerEvent)
E_co = TypeVar("E_co", covariant=True)


@dataclass(frozen=True)
class Head:
    """Where a journal stands: how many records and bytes, and the last record's hash."""

    records: int = 0
    size: int = 0
    hash: bytes = _ZERO


@dataclass(frozen=True)
class Record(Generic[E_co]):
    """One verified record: its number from 0, its event, and the head after it."""

    number: int
    event: E_co
    head: Head


def chain(previous: bytes, event: bytes) -> bytes:
    """The 32-byte hash that binds `event` to everything before it."""
    return hashlib.sha256(previous + event).digest()


class JournalWriter:
    """Appends events to one journal. One process at a time holds it.

    Parameters
    ----------
    path : Path
        The journal; made when missing.
    head : Head
        Where it stands, from `read_records` of an existing journal.

    Notes
    -----
    `append` reaches the operating system before it returns, so it survives a kill of the process;
    `sync` reaches the disk, so it survives a power cut.
    """

    def __init__(self, path: Path, head: Head = Head()) -> None:
        self.path = path
        self.head = head
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o664)
        except OSError as error:
            raise self._unwritable(error) from error

    def append(self, *events: msgspec.Struct) -> Head:
        """Chain `events` and write them in one call; returns the head after the last."""
        head = self.head
        lines = bytearray()
        digest = head.hash
        for event in events:
            body = _ENCODE(event)
            digest = chain(digest, body)
            lines += digest.hex().encode() + b" " + body + b"\n"
        try:
            self._write(bytes(lines))
        except OSError as error:
            raise self._unwritable(error) from error
        self.head = Head(head.records + len(events), head.size + len(lines), digest)
        return self.head

    def _write(self, data: bytes) -> None:
        """Write all of `data` or nothing: a short write is taken back."""
        start = os.fstat(self._descriptor).st_size
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError:
            os.ftruncate(self._descriptor, start)
            raise

    def sync(self) -> None:
        """Force everything appended so far onto the disk."""
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Sync and let go of the file."""
        self.sync()
        os.close(self._descriptor)

    def _unwritable(self, error: OSError) -> ResourceMissing:
        return ResourceMissing(
            f"{self.path} can't be written, so nothing more can be recorded",
            why=error.strerror or str(error),
            next="free disk space or mend the permissions, then start again",
        )


def read_records(
    path: Path, decoder: msgspec.json.Decoder[E_co], head: Head = Head()
) -> Iterator[Record[E_co]]:
    """Read and verify a journal from `head` on.

    A torn last record (no line end, as a power cut leaves it) is not yielded; the last record's
    ``head.size`` then lies before the end of the file.

    Raises
    ------
    IntegrityBroken
        A record's hash does not follow from what is before it; file, record and byte are named.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(head.size)
        for line in file:
            if not line.endswith(b"\n"):
                return
            body = line[65:-1]
            digest = chain(head.hash, body)
            if line[:65] != digest.hex().encode() + b" ":
                raise IntegrityBroken(
                    f"{path}: record {head.records} (byte {head.size}) is not what was written",
                    why=f"its chain hash should be {digest.hex()}, found {line[:64]!r}",
                    next="restore the file from a backup; everything before this record verifies",
                )
            try:
                event = decoder.decode(body)
            except msgspec.MsgspecError as error:
                raise IntegrityBroken(
                    f"{path}: record {head.records} (byte {head.size}) can't be understood",
                    why=str(error),
                    next="use the version of governed-notebooks that wrote it, or a newer one",
                ) from error
            after = Head(head.records + 1, head.size + len(line), digest)
            yield Record(head.records, event, after)
            head = after


# --- payloads: erasable text beside a journal ------------------------------------------------


def payload_of(text: str) -> tuple[PayloadDigest, bytes]:
    """Digest of `text` under a fresh salt, and the line that the payload file keeps.

    Without the salt nobody can find short texts by trying, so erasing the line erases the text.
    """
    salt = secrets.token_bytes(16)
    digest = digest_bytes(salt + text.encode("utf-8", "surrogatepass"))
    line = _ENCODE({"digest": digest, "salt": salt.hex(), "text": text})
    return digest, line + b"\n"


def read_payloads(path: Path) -> dict[PayloadDigest, str]:
    """All texts of a payload file that still match their digest; a torn last line is left out."""
    texts: dict[PayloadDigest, str] = {}
    if not path.exists():
        return texts
    with path.open("rb") as file:
        for line in file:
            try:
                entry: dict[str, Any] = msgspec.json.decode(line)
                text = entry["text"]
                salted = bytes.fromhex(entry["salt"]) + text.encode("utf-8", "surrogatepass")
            except (msgspec.MsgspecError, KeyError, ValueError, TypeError, AttributeError):
                continue
            if digest_bytes(salted) == entry.get("digest"):
                texts[entry["digest"]] = text
    return texts
