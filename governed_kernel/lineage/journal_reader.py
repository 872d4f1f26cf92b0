"""A journal read and verified, block by block, from whichever form of it is there."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from binascii import hexlify
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Generic, TypeVar

import msgspec

from governed_kernel.errors import IntegrityBroken
from governed_kernel.files import unreadable
from governed_kernel.lineage.chaining import DIGITS, ENVELOPE, START, Head
from governed_kernel.lineage.forms import COMPRESSED, Damaged, compressed, open_journal

__all__ = ["Block", "JournalReader", "Record", "not_understood", "read_block", "read_records"]

_MOST = 64 << 20
_PIECE = 1 << 18
"""Bytes that are read at once: more would leave the processor's cache."""
_FEW = 64
E_co = TypeVar("E_co", covariant=True)


class Record(msgspec.Struct, Generic[E_co], frozen=True):
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


class JournalReader:
    """Verifies a journal of either form from a head on, block by block, without decoding it.

    Use as a context; it holds the file open. A missing file is an empty journal. Nothing is
    raised for what does not verify: `Block.broken` says it.

    Raises
    ------
    ResourceMissing
        The file can't be read.
    """

    def __init__(self, path: Path, head: Head = START) -> None:
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
            raise unreadable(path, error) from error

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


def read_block(path: Path, head: Head = START, limit: int | None = None) -> Block:
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
        why=f"its chain hash should be {expected.hex()}, found {line[:DIGITS]!r}",
        next="restore the file from a backup; everything before this record verifies",
    )


def read_records(
    path: Path,
    decoder: msgspec.json.Decoder[E_co],
    head: Head = START,
    show: Callable[[list[bytes]], object] | None = None,
) -> Iterator[Record[E_co]]:
    """Read and verify a journal from `head` on; the bytes of its records are shown to `show`.

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
            if show is not None:
                show(block.bodies)
            for body, digest in zip(block.bodies, block.hashes, strict=True):
                try:
                    event = decoder.decode(body)
                except (msgspec.MsgspecError, RecursionError) as error:
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
