"""Pickles, by their content and not by their name.

A pickle is a program for the one who opens it. Only the beginning of a stream is read, as it lies
there or decompressed. Format: https://docs.python.org/3/library/pickletools.html.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import pickletools
import re
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

__all__ = ["is_tar", "named", "of_head"]

_HEAD = 1 << 16
_NAMES = (".pkl", ".pickle", ".joblib", ".dill")
_ACTS = frozenset(
    {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "REDUCE", "BUILD", "NEWOBJ", "NEWOBJ_EX"}
)
"""Operations that find or call something; without any of them nothing is run."""


def named(name: str) -> str:
    """What a file's name says, whatever is in it; empty where that is nothing."""
    suffix = PurePosixPath(name).suffix.lower()
    return f"its name ends in {suffix}, which says that it is one" if suffix in _NAMES else ""


def is_tar(head: bytes) -> bool:
    """Whether a file begins as a tar archive, compressed or not."""
    return any(data[257:262] == b"ustar" for _, data in (("", head), *_unpacked(head)))


def of_head(head: bytes) -> str:
    """What the beginning of a stream is, as it lies there or decompressed."""
    for packed, data in (("", head), *_unpacked(head)):
        if _is_stream(data):
            return f"it begins as one{packed}"
        if data.startswith(b"\x93NUMPY") and re.search(rb"'descr':[^,]*\|O", data[:10_000]):
            return f"it is a numpy array of Python objects{packed}"
    return ""


def _unpacked(head: bytes) -> list[tuple[str, bytes]]:
    """The beginning of what is compressed in the ways that joblib and pandas know."""
    openers: dict[bytes, tuple[str, Callable[..., Any]]] = {
        b"\x1f\x8b": ("gzip", gzip.open),
        b"BZh": ("bzip2", bz2.open),
        b"\xfd7zXZ": ("xz", lzma.open),
        b"\x5d\x00\x00": ("lzma", lzma.open),
    }
    for magic, (name, opener) in openers.items():
        if head.startswith(magic):
            out = b""
            with (
                contextlib.suppress(OSError, EOFError, lzma.LZMAError, zlib.error),
                opener(io.BytesIO(head)) as file,
            ):
                while len(out) < _HEAD and (more := file.read(256)):
                    out += more
            return [(f", compressed by {name}", out)]
    if head[:1] == b"\x78":
        with contextlib.suppress(zlib.error):
            return [(", compressed by zlib", zlib.decompressobj().decompress(head, _HEAD))]
    return []


def _is_stream(data: bytes) -> bool:
    """Whether `data` begins as a pickle: with its mark, or of old by operations that act."""
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    acts, place = False, 0
    with contextlib.suppress(Exception):  # pickletools raises of every kind on what is none
        for operation, _, at in pickletools.genops(data):
            acts, place = acts or operation.name in _ACTS, at or 0
            if operation.name == "STOP":
                return acts
    return acts and place > _HEAD // 2  # no text is read as operations for so long
