"""A sealed journal held against its seal: at the speed of SHA-256, and slowly only where it fails.

The seal binds the digest of the whole journal and of its compressed form, so that whether they are
what was written takes one pass over the bytes, in constant memory. Only when they are not is
the chain followed, record by record, to the first byte that is wrong.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from governed_kernel.errors import IntegrityBroken
from governed_kernel.files import open_regular
from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.forms import (
    COMPRESSED,
    Damaged,
    forms,
    open_compressed,
    open_journal,
    stream,
)
from governed_kernel.lineage.journal import Head, JournalReader
from governed_kernel.lineage.sealing import compressor

__all__ = ["check_sealed"]

_BLOCK = 50_000
_PIECE = 1 << 18


def check_sealed(journal: Path, seal: SessionSealed) -> None:
    """Hold every form of a journal that is there against a seal that binds digests.

    Raises
    ------
    IntegrityBroken
        A form is not what was sealed; file, record and byte are named, and what was expected.
    """
    for form in forms(journal):
        if form.suffix == COMPRESSED:
            _check_compressed(form, seal)
        else:
            with open_regular(form) as file:
                found = _digest(file)
            if found != (seal.sha256, seal.bytes):
                raise _located(form, seal, found[0])


def _digest(file: BinaryIO) -> tuple[str, int]:
    """SHA-256 and length of what `file` gives."""
    digest, size = hashlib.sha256(), 0
    for piece in stream(file):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


def _check_compressed(form: Path, seal: SessionSealed) -> None:
    if not seal.compressed_sha256:
        raise IntegrityBroken(
            f"{form}: nobody sealed a compressed form of this journal",
            why="its seal speaks of the plain one alone",
            next="move the file away, and keep it for whoever asks where it came from",
        )
    raw = hashlib.sha256()
    try:
        with open_compressed(form, raw.update) as file:
            found = _digest(file)
    except Damaged:
        found = ("", -1)
    if found != (seal.sha256, seal.bytes):
        raise _located(form, seal, found[0])
    if raw.hexdigest() != seal.compressed_sha256:
        raise _other_bytes(form, seal, raw.hexdigest())


def _located(form: Path, seal: SessionSealed, found: str) -> IntegrityBroken:
    """Follow the chain to the first record that is not what was sealed."""
    with JournalReader(form) as reader:
        while True:
            block = reader.block(limit=_BLOCK)
            if block.broken is not None:
                return block.broken
            if block.head.records > seal.records or (block.torn and block.head == _end(seal)):
                return _otherwise(
                    form,
                    f"it goes on after record {seal.records - 1} (byte {seal.bytes}), its last",
                )
            if block.torn:
                where = f"record {block.head.records} (byte {block.head.size})"
                return _otherwise(form, f"{where} has no end: {len(block.torn)} bytes are left")
            if block.last:
                break
    head = block.head
    if head.records < seal.records:
        why = f"it ends after record {head.records - 1} (byte {head.size})"
        return _otherwise(form, f"{why}, and {seal.records} records in {seal.bytes} bytes were")
    return _otherwise(
        form,
        f"its chain holds and is another: SHA-256 {found or 'unknown'}, last hash "
        f"{head.hash.hex()}, sealed were {seal.sha256} and {seal.head}",
    )


def _end(seal: SessionSealed) -> Head:
    return Head(seal.records, seal.bytes, bytes.fromhex(seal.head))


def _other_bytes(form: Path, seal: SessionSealed, found: str) -> IntegrityBroken:
    """The content is whole, and lies there in other bytes: compress it again to see where."""
    where = f"its SHA-256 is {found}, sealed was {seal.compressed_sha256}"
    for checksum in (False, True):  # as it is done, and as it was done once
        made, at = _made_again(form, seal, checksum=checksum)
        if made == seal.compressed_sha256:  # else by another version of Zstandard
            where = f"byte {at} of the file is the first that is not as sealed"
    return _otherwise(form, f"the journal in it is whole, the file is not: {where}")


def _made_again(form: Path, seal: SessionSealed, *, checksum: bool) -> tuple[str, int]:
    """SHA-256 of what compressing the content gives, and the first byte where `form` differs."""
    digest = hashlib.sha256()
    packing = compressor(checksum=checksum).compressobj(size=seal.bytes)
    place, at = 0, -1
    with open_journal(form) as content, open_regular(form) as file:
        ended = False
        while not ended:
            piece = content.read(_PIECE)
            ended = not piece
            made = packing.flush() if ended else packing.compress(piece)
            digest.update(made)
            there = file.read(len(made))
            if at < 0 and there != made:
                at = place + _first_difference(made, there)
            place += len(made)
    return digest.hexdigest(), place if at < 0 else at


def _first_difference(one: bytes, other: bytes) -> int:
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return place
    return min(len(one), len(other))


def _otherwise(form: Path, why: str) -> IntegrityBroken:
    return IntegrityBroken(
        f"{form} is not what was sealed", why=why, next="restore the file from a backup"
    )
