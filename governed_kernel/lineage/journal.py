r"""Append-only, hash-chained files of events.

Format: one record a line, ``HASH EVENT\n``. EVENT is one JSON object without line breaks; HASH is
64 hexadecimal digits of SHA-256 over the 32 bytes of the previous record's hash followed by the
bytes of EVENT. The first record's predecessor is 32 zero bytes; its event is `JournalOpened`,
which names workspace and journal. Anyone can check a journal with ``sha256sum`` and patience.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
from binascii import hexlify
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import IntegrityBroken, ResourceMissing
from governed_kernel.files import sync_folder
from governed_kernel.lineage.events import LedgerEvent, PayloadDigest, SessionEvent
from governed_kernel.lineage.forms import COMPRESSED, Damaged, compressed, open_journal

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

_ZERO = bytes(32)
_DIGITS = 64
ENVELOPE = _DIGITS + 2
"""Bytes of a record beside its event: the hash, a space, the line end."""
_MOST = 64 << 20
_PIECE = 1 << 18
"""Bytes that are read at once: more would leave the processor's cache."""
_FEW = 64
_ENCODE = msgspec.json.Encoder().encode
SESSION_DECODER: msgspec.json.Decoder[SessionEvent] = msgspec.json.Decoder(SessionEvent)
LEDGER_DECODER: msgspec.json.Decoder[LedgerEvent] = msgspec.json.Decoder(LedgerEvent)
E_co = TypeVar("E_co", covariant=True)


@dataclass(frozen=True)
class Head:
    """Where a journal stands: how many records, how many bytes (`size`), the last record's hash."""

    records: int = 0
    size: int = 0
    hash: bytes = _ZERO


@dataclass(frozen=True)
class Record(Generic[E_co]):
    """One verified record: its number from 0, its event, and the head after it."""

    number: int
    event: E_co
    head: Head


@dataclass(frozen=True)
class Block:
    """Verified records as bytes, for those who decode them in another way.

    Attributes
    ----------
    bodies, hashes : list of bytes
        Each record's EVENT and its chain hash.
    head : Head
        Where the verified part ends.
    torn : bytes
        What follows the verified part at the end of the file without a line end.
    broken : IntegrityBroken, optional
        Why the record at `head` does not belong there.
    """

    bodies: list[bytes]
    hashes: list[bytes]
    head: Head
    torn: bytes = b""
    broken: IntegrityBroken | None = None

    @property
    def last(self) -> bool:
        """Whether nothing more can be read after this block, for now."""
        return not self.bodies or bool(self.torn) or self.broken is not None


def chain(previous: bytes, event: bytes) -> bytes:
    """The 32-byte hash that binds `event` to everything before it."""
    return hashlib.sha256(previous + event).digest()


def encode(event: msgspec.Struct) -> bytes:
    """The bytes of an event as they are chained.

    Names that are not valid text (a file name of foreign bytes) are written with backslashes, so
    that no name can keep an event from being recorded.
    """
    try:
        return _ENCODE(event)
    except UnicodeEncodeError:
        return _ENCODE(_well_formed(msgspec.to_builtins(event)))


def _well_formed(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(str(key)): _well_formed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_well_formed(item) for item in value]
    return value


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()


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

    def __init__(self, path: Path, head: Head = Head()) -> None:
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


class JournalReader:
    """Verifies a journal of either form from a head on, block by block, without decoding it.

    Use as a context; it holds the file open. A missing file is an empty journal. Nothing is
    raised for what does not verify: `Block.broken` says it.

    Raises
    ------
    ResourceMissing
        The file can't be read.
    """

    def __init__(self, path: Path, head: Head = Head()) -> None:
        self.path = path
        self.head = head
        self._broken: IntegrityBroken | None = None
        self._damage: Damaged | None = None
        self._waiting: list[bytes] = []
        self._taken = head.size
        try:
            self._file: BinaryIO = open_journal(path)
            self._seek()
        except FileNotFoundError:
            self._file = io.BytesIO()
            self._broken = _shorter(path, 0, head) if head.size else None
        except Damaged as error:
            self._file = io.BytesIO()
            self._broken = _damaged(path, head, error)
        except OSError as error:
            raise ResourceMissing(
                f"{path} can't be read",
                why=error.strerror or str(error),
                next="mend the permissions, then run the same command again",
            ) from error

    def _seek(self) -> None:
        if self._file.seekable():
            size = os.fstat(self._file.fileno()).st_size
            self._file.seek(self.head.size)
        else:
            size = self._skip(self.head.size)
        if size < self.head.size:
            self._broken = _shorter(self.path, size, self.head)

    def _skip(self, size: int) -> int:
        """Pass over as many bytes of a content that can't be sought; how many there were."""
        passed = 0
        while passed < size and (found := len(self._file.read(min(_PIECE, size - passed)))):
            passed += found
        return passed

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def block(self, limit: int | None = None) -> Block:
        """The next block, of up to `limit` records.

        With a limit a block also ends after 64 MiB, so that long records don't fill the memory.
        """
        start = self.head
        block = Block([], [], start, broken=self._broken)
        while not block.torn and block.broken is None:
            taken = len(block.bodies)
            if limit is not None and (taken >= limit or block.head.size - start.size > _MOST):
                break
            lines = self._next(None if limit is None else limit - taken)
            if not lines:
                break
            block = self._follow(block, lines)
        self.head = block.head
        if block.broken is None and self._damage is not None and not self._waiting:
            return replace(block, broken=_damaged(self.path, block.head, self._damage))
        return block

    def _next(self, limit: int | None) -> list[bytes]:
        """Some lines, at most `limit`; none at the end."""
        if not self._waiting and self._damage is None:
            try:
                hint = _PIECE if limit is None or limit > _FEW else 1
                self._waiting = self._file.readlines(hint)
            except Damaged as error:
                self._damage = error
                self._waiting = self._rest()
        lines, self._waiting = self._waiting[:limit], self._waiting[limit or len(self._waiting) :]
        return lines

    def _rest(self) -> list[bytes]:
        """The last whole lines before the damage, read again one by one."""
        self._file.close()
        self._file = open_journal(self.path)
        found: list[bytes] = []
        with contextlib.suppress(Damaged):
            self._skip(self._taken)
            found.extend(iter(self._file.readline, b""))
        return found

    def _follow(self, block: Block, lines: list[bytes]) -> Block:
        """Add what verifies of `lines` to a block: all at once, or else up to what does not."""
        bodies = [line[65:-1] for line in lines]
        hashes: list[bytes] = []
        sha256, digest = hashlib.sha256, block.head.hash
        for body in bodies:
            digest = sha256(digest + body).digest()
            hashes.append(digest)
        expected = hexlify(b"".join(hashes), b" ", 32) + b" "
        if b"".join([line[:65] for line in lines]) == expected and lines[-1].endswith(b"\n"):
            torn, broken = b"", None
        else:
            torn, broken = self._first_wrong(block.head, lines, bodies, hashes)
        block.bodies.extend(bodies)
        block.hashes.extend(hashes)
        size = block.head.size + sum(map(len, bodies)) + ENVELOPE * len(bodies)
        digest = hashes[-1] if hashes else block.head.hash
        self._taken = size
        head = Head(block.head.records + len(bodies), size, digest)
        return Block(block.bodies, block.hashes, head, torn, broken)

    def _first_wrong(
        self, head: Head, lines: list[bytes], bodies: list[bytes], hashes: list[bytes]
    ) -> tuple[bytes, IntegrityBroken | None]:
        """Cut `bodies` and `hashes` before the first line that is wrong; what it is instead."""
        size = head.size
        for number, (line, digest) in enumerate(zip(lines, hashes, strict=True)):
            if line[:65] == hexlify(digest) + b" " and line.endswith(b"\n"):
                size += len(line)
                continue
            del bodies[number:], hashes[number:]
            if not line.endswith(b"\n"):
                return line, None
            return b"", _not_written(self.path, head.records + number, size, digest, line)
        raise AssertionError  # the lines are not what was expected of all of them


def read_block(path: Path, head: Head = Head(), limit: int | None = None) -> Block:
    """Verify up to `limit` records of a journal from `head` on (see `JournalReader.block`)."""
    with JournalReader(path, head) as reader:
        return reader.block(limit)


def _damaged(path: Path, head: Head, error: Damaged) -> IntegrityBroken:
    form = path if path.suffix == COMPRESSED else compressed(path)
    return IntegrityBroken(
        f"{form}: record {head.records} (byte {head.size} of its content) can't be read",
        why=str(error),
        next="restore the file from a backup; everything before this record verifies",
    )


def _shorter(path: Path, size: int, head: Head) -> IntegrityBroken:
    return IntegrityBroken(
        f"{path} became shorter",
        why=f"{head.records} records in {head.size} bytes were there before, {size} bytes are now",
        next="restore the file from a backup",
    )


def _not_written(
    path: Path, number: int, offset: int, expected: bytes, line: bytes
) -> IntegrityBroken:
    of = " of its content" if path.suffix == COMPRESSED or not path.exists() else ""
    return IntegrityBroken(
        f"{path}: record {number} (byte {offset}{of}) is not what was written",
        why=f"its chain hash should be {expected.hex()}, found {line[:_DIGITS]!r}",
        next="restore the file from a backup; everything before this record verifies",
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
    with JournalReader(path, head) as reader:
        while True:
            block = reader.block(limit=10_000)
            for body, digest in zip(block.bodies, block.hashes, strict=True):
                try:
                    event = decoder.decode(body)
                except msgspec.MsgspecError as error:
                    raise not_understood(path, head, error) from error
                after = Head(head.records + 1, head.size + ENVELOPE + len(body), digest)
                yield Record(head.records, event, after)
                head = after
            if block.broken is not None:
                raise block.broken
            if block.last:
                return


def not_understood(path: Path, head: Head, error: Exception) -> IntegrityBroken:
    """The error for a record, after `head`, whose bytes verify but whose meaning is not known."""
    return IntegrityBroken(
        f"{path}: record {head.records} (byte {head.size}) can't be understood",
        why=str(error),
        next="use the version of governed-notebooks that wrote it, or a newer one",
    )


def whole_record(torn: bytes, previous: bytes) -> bool:
    """Whether a torn last record lacks nothing but its line end."""
    body = torn[_DIGITS + 1 :]
    return torn[: _DIGITS + 1] == chain(previous, body).hex().encode() + b" "


# --- payloads: erasable text beside a journal ------------------------------------------------


def payload_of(text: str) -> tuple[PayloadDigest, bytes]:
    """Digest of `text` under a fresh salt, and the line that the payload file keeps.

    Without the salt nobody can find short texts by trying, so erasing the line erases the text.
    What is not valid text (a lone surrogate) is kept with backslashes.
    """
    text = _text(text)
    salt = secrets.token_bytes(16)
    digest = digest_bytes(salt + text.encode())
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
                salted = bytes.fromhex(entry["salt"]) + text.encode()
            except (msgspec.MsgspecError, KeyError, ValueError, TypeError, AttributeError):
                continue
            if digest_bytes(salted) == entry.get("digest"):
                texts[entry["digest"]] = text
    return texts
