"""Canonical bytes and digests: what is hashed, and how.

JSON is canonicalised by RFC 8785 (JCS) before it is hashed; digests are SHA-256 in lower-case
hexadecimal everywhere.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import msgspec
import rfc8785

__all__ = ["canonical_json", "digest_bytes", "digest_file", "digest_json"]

_BLOCK = 1 << 20
_APART = re.compile(rb"[:,\[](?:n|-?\d(?:\d{15}|\d*(?:\.\d+)?[eE]|\d*\.0\D|\d*\.\d{17}))")
_FAR = re.compile(rb"[\xf0-\xff]")
"""Where sorted compact JSON of msgspec may be another than RFC 8785's: what may have been no
number, large integers, exponents, whole numbers written as fractions; keys beyond the basic
plane."""
_WHOLE = re.compile(rb"(?<=[:,\[])(-?[1-9]\d{0,14}|0)\.0(?=[,\]}])")
"""A whole number written as a fraction, in the text between strings."""


def canonical_json(value: Any) -> bytes:
    """RFC 8785 bytes of a JSON value; msgspec Structs are taken as objects.

    Nearly always msgspec writes the same bytes in a thirtieth of the time; wherever it may not, the
    library of the standard does.
    """
    try:
        written = msgspec.json.encode(value, order="sorted")
        is_far = not written.isascii() and _FAR.search(written)
        if written[:1] in b"{[" and not is_far:
            if not _APART.search(written):
                return written
            written = _whole_numbers(written)
            if not _APART.search(written):
                return written
    except (TypeError, ValueError, OverflowError):
        pass  # the standard's library says what is wrong
    return rfc8785.dumps(msgspec.to_builtins(value))


def _whole_numbers(written: bytes) -> bytes:
    """The same JSON with ``1.0`` as ``1``, which is what most that differs comes down to."""
    if b"\\" in written:  # a quote may be part of a string
        return written
    parts = written.split(b'"')
    parts[::2] = _WHOLE.sub(rb"\1", b'"'.join(parts[::2])).split(b'"')
    return b'"'.join(parts)


def digest_bytes(data: bytes) -> str:
    """SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value."""
    return digest_bytes(canonical_json(value))


def digest_file(path: str | os.PathLike[str], size: int = -1) -> str:
    """SHA-256 of a file's content, or of its first `size` bytes, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with Path(path).open("rb", buffering=0) as file:
        buffer = bytearray(_BLOCK)
        view = memoryview(buffer)
        while count := file.readinto(view if size < 0 else view[: min(size, _BLOCK)]):
            digest.update(view[:count])
            size -= count if size > 0 else 0
    return digest.hexdigest()
