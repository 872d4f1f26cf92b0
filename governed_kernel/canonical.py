"""Canonical bytes and digests: what is hashed, and how.

JSON is canonicalised by RFC 8785 (JCS) before it is hashed; digests are SHA-256 in lower-case
hexadecimal everywhere.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import rfc8785

from governed_kernel.files import open_regular, opened_regular

__all__ = ["canonical_json", "digest_bytes", "digest_file", "digest_json", "hash_file"]

_BLOCK = 1 << 20
_SMALL = 1 << 16
_OTHER = rb"(?:n|-?\d++(?:[eE]|\.(?:0\D|\d{17}|\d++[eE])|(?<=\d{16})))"
_AFTER_NAME, _AFTER_ITEM, _FIRST_ITEM = (re.compile(at + _OTHER) for at in (b'":', b",", rb"\["))
"""Three that begin with a text of their own are found in half the time that one of all takes."""
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
            if not _is_apart(written):
                return written
            written = _whole_numbers(written)
            if not _is_apart(written):
                return written
    except (TypeError, ValueError, OverflowError):
        pass  # the standard's library says what is wrong
    return rfc8785.dumps(msgspec.to_builtins(value))


def _is_apart(written: bytes) -> bool:
    found = _AFTER_NAME.search(written) or _AFTER_ITEM.search(written)
    return bool(found or _FIRST_ITEM.search(written))


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


def hash_file(path: str | os.PathLike[str], algorithm: str) -> bytes:
    """Hash of a file's content, by any algorithm of hashlib.

    Raises
    ------
    ValueError
        There is no such algorithm.
    """
    # Opened and read as text names are: an environment has tens of thousands of files, most of
    # them shorter than a buffer, which takes longer to be made than they to be read.
    descriptor = opened_regular(path, os.O_RDONLY)
    try:
        digest = hashlib.new(algorithm)
        data = os.read(descriptor, _SMALL)
        if len(data) < _SMALL:
            while data:
                digest.update(data)
                data = os.read(descriptor, _SMALL)
            return digest.digest()
        os.lseek(descriptor, 0, os.SEEK_SET)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return hashlib.file_digest(file, algorithm).digest()
    finally:
        os.close(descriptor)


def digest_file(
    path: str | os.PathLike[str],
    size: int = -1,
    progress: Callable[[int], None] | None = None,
) -> str:
    """SHA-256 of a file's content, or of its first `size` bytes.

    Parameters
    ----------
    progress : callable
        Called with the number of bytes just read, after each MiB.
    """
    if size < 0 and progress is None:
        return hash_file(path, "sha256").hex()
    digest, left = hashlib.sha256(), size if size >= 0 else sys.maxsize
    with open_regular(path) as file:
        view = memoryview(bytearray(min(left, _BLOCK)))
        while count := file.readinto(view[: min(left, _BLOCK)]):
            digest.update(view[:count])
            left -= count
            if progress is not None:
                progress(count)
    return digest.hexdigest()
