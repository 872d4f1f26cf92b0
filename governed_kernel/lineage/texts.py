"""The erasable texts beside a journal: in which order they came, and what became of each.

A payload file has one line a text, ``{"digest": …, "salt": …, "text": …}``, exactly as
`journal.payload_of` writes it: salt and text follow from the digest, and every byte from these. A
text that was erased leaves its digest behind, ``{"digest": …}``, in its place. So a line can be
erased, and none can be changed, lost, doubled or moved without being found: a seal binds how many
lines there are and the SHA-256 of their digests in order (`TextsDigest`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from io import BufferedReader
from pathlib import Path

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.files import open_regular, unreadable, write_atomically
from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    ObserverLost,
    PayloadDigest,
    Transformation,
)

__all__ = [
    "Line",
    "TextsDigest",
    "digest_of",
    "erase",
    "erased_line",
    "lines_of",
    "text_named",
    "texts_file",
]

_NAMED: dict[type, str] = {
    CellStarted: "source",
    CellEnded: "error",
    Access: "detail",
    Transformation: "detail",
    ObserverLost: "error",
}
"""Event → its field that names a text."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SALT = re.compile(r"[0-9a-f]{32}")
_ENCODE = msgspec.json.Encoder().encode


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    digest: str
    salt: str
    text: str


class _Erased(msgspec.Struct, forbid_unknown_fields=True):
    digest: str


_KEPT: msgspec.json.Decoder[_Kept] = msgspec.json.Decoder(_Kept)
_ERASED: msgspec.json.Decoder[_Erased] = msgspec.json.Decoder(_Erased)


class Line(msgspec.Struct, frozen=True):
    """One line of a payload file.

    Attributes
    ----------
    number, offset : int
        The line's number from 0, and its first byte.
    digest : str
        What events call the text; empty when the line is not what a recorder writes.
    erased : bool
        Whether only the digest is left.
    wrong : str
        Why the line is not what was written; empty when it is.
    torn : int
        Its length when it is the last and has no line end.
    """

    number: int
    offset: int
    digest: PayloadDigest = ""
    erased: bool = False
    wrong: str = ""
    torn: int = 0


class TextsDigest:
    """Running SHA-256 over the digests of a session's texts, in the order of their lines."""

    def __init__(self) -> None:
        self.count = 0
        self._sha256 = hashlib.sha256()

    def add(self, digest: PayloadDigest) -> None:
        """Take the next line's digest."""
        self._sha256.update(bytes.fromhex(digest))
        self.count += 1

    def hexdigest(self) -> str:
        """Of all that was taken so far."""
        return self._sha256.hexdigest()


def texts_file(journal: Path) -> Path:
    """Where the texts of a session lie, from its journal or its id's path."""
    return journal.with_name(journal.name.partition(".")[0] + ".payloads.jsonl")


def text_named(event: msgspec.Struct) -> PayloadDigest:
    """The digest of the text that an event speaks of; empty when it speaks of none."""
    field = _NAMED.get(type(event))
    return str(getattr(event, field)) if field else ""


def digest_of(line: bytes) -> tuple[PayloadDigest, str]:
    """The digest of a line that holds a text, and why it is not what was written, or nothing."""
    try:
        kept = _KEPT.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return "", str(error)
    if not _DIGEST.fullmatch(kept.digest) or not _SALT.fullmatch(kept.salt):
        return "", "its digest or salt is no hexadecimal number of the right length"
    if _ENCODE(kept) + b"\n" != line:
        return "", "it is not written as recorders write"
    found = digest_bytes(bytes.fromhex(kept.salt) + kept.text.encode())
    return (kept.digest, "") if found == kept.digest else ("", f"its SHA-256 is {found}")


def erased_line(digest: PayloadDigest) -> bytes:
    """What stands in a payload file for a text that was erased."""
    return _ENCODE(_Erased(digest)) + b"\n"


def _opened(path: Path) -> BufferedReader:
    try:
        return open_regular(path)
    except OSError as error:
        raise unreadable(path, error) from error


def lines_of(path: Path) -> Iterator[Line]:
    """Every line of a payload file, each held against its own digest; none for a missing file.

    Raises
    ------
    ResourceMissing
        It can't be read, or it is no file.
    """
    if not path.exists():
        return
    offset = 0
    with _opened(path) as file:
        for number, line in enumerate(file):
            yield _line(number, offset, line)
            offset += len(line)


def _line(number: int, offset: int, line: bytes) -> Line:
    digest, wrong = digest_of(line)
    if not wrong:
        return Line(number, offset, digest)
    try:
        gone = _ERASED.decode(line).digest
    except (msgspec.MsgspecError, UnicodeDecodeError):
        torn = 0 if line.endswith(b"\n") else len(line)
        return Line(number, offset, wrong=wrong, torn=torn)
    if not _DIGEST.fullmatch(gone) or erased_line(gone) != line:
        return Line(number, offset, wrong=wrong)
    return Line(number, offset, gone, erased=True)


def erase(path: Path, digests: Collection[PayloadDigest]) -> int:
    """Replace the texts of `digests` by their digests alone, all at once; returns how many went.

    The file keeps its owner and mode. What is erased without a signed entry in the ledger is
    reported by every verification.

    Raises
    ------
    ResourceMissing
        The file can't be read or written; nothing was erased.
    """
    wanted = set(digests)
    found, gone = [], 0
    with _opened(path) as file:
        for line in file:
            digest, wrong = digest_of(line)
            if not wrong and digest in wanted:
                found.append(erased_line(digest))
                gone += 1
            else:
                found.append(line)
    if gone:
        status = path.stat()
        write_atomically(path, b"".join(found), mode=status.st_mode & 0o777)
        if os.geteuid() == 0:
            os.chown(path, status.st_uid, status.st_gid)
    return gone
