"""Files that run code when they are loaded: pickles, by their content and not by their name.

A pickle is a program for the one who opens it, so none is released, harmless or not: weights are
safetensors, tables are Parquet, estimators are their parameters. Only the beginning of a stream is
read and nothing is ever loaded. Format: https://docs.python.org/3/library/pickletools.html.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import pickletools
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

__all__ = ["pickled"]

_HEAD = 1 << 16
_MEMBERS = 10_000
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
"""What `torch.load` and `numpy.load` take for an archive, and what begins one of several parts."""
_NAMES = (".pkl", ".pickle", ".joblib", ".dill")
_ACTS = frozenset(
    {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "REDUCE", "BUILD", "NEWOBJ", "NEWOBJ_EX"}
)
"""Operations that find or call something; without any of them nothing is run."""


def pickled(path: Path) -> str:
    """What of a file is a pickle, in words; empty where nothing is."""
    if path.suffix.lower() in _NAMES:
        return f"its name ends in {path.suffix}, which says that it is one"
    with path.open("rb") as file:
        head = file.read(_HEAD)
        found = _of_head(head)
        if not found and head.startswith(_ARCHIVES):
            file.seek(0)
            found = _of_archive(file)
    return found


def _of_head(head: bytes) -> str:
    """What the beginning of a stream is, as it lies there or decompressed."""
    for packed, data in (("", head), *_unpacked(head)):
        if _is_stream(data):
            return f"it is one{packed}"
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


def _of_archive(file: IO[bytes]) -> str:
    """The first pickle among the members of a zip archive, as `torch.save` and numpy write.

    What can't be looked into may hold one: other readers of archives take what Python's does not.
    """
    name = ""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            for member in members:
                if Path(member.filename).suffix.lower() in _NAMES:
                    return f"{member.filename!r} in it is one"
            if len(members) > _MEMBERS:
                return f"it may hold one: it has {len(members)} members"
            for member in members:
                name = f"{member.filename!r} in "
                with archive.open(member) as inner:
                    if found := _of_head(inner.read(_HEAD)):
                        return f"{member.filename!r} in it: {found}"
    # zipfile raises so for what is damaged, encrypted or compressed in a way that it does not know
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error) as error:
        return f"it may hold one: {name}the archive can't be read ({error})"
    return ""
