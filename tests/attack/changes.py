"""What can be done to the bytes of a file, at random and at every structural boundary."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

__all__ = ["Change", "boundaries", "drawn", "structural"]

Change = tuple[str, str, bytes]
"""Kind of change, where, and the file's content after it."""
_BLOCK = 32


def boundaries(data: bytes) -> list[int]:
    """Offsets at which something begins: lines, fields of a document, parts of a header."""
    found = {0, len(data)}
    found |= {at + 1 for at, byte in enumerate(data) if byte == 0x0A}
    if data[8:9] == b"{":  # safetensors: length, header, tensors
        (length,) = struct.unpack("<Q", data[:8])
        found |= {8, 8 + length}
    if data.startswith(b"{") and data.count(b"\n") < 2:
        found |= set(_fields(data))
    if data[64:65] == b" ":  # hash-chained: the hash, then the event
        starts = sorted(at for at in found if at < len(data))
        found |= {start + 64 for start in starts} | {start + 65 for start in starts}
    return sorted(at for at in found if at <= len(data))


def _fields(data: bytes) -> Iterator[int]:
    """Where the top-level fields of a JSON object begin."""
    depth, inside, escaped = 0, False, False
    for at, byte in enumerate(data):
        if inside:
            inside = escaped or byte != 0x22
            escaped = byte == 0x5C and not escaped
            continue
        inside = byte == 0x22
        depth += (byte in b"{[") - (byte in b"}]")
        if depth == 1 and byte in b"{,":
            yield at + 1


def pieces(data: bytes) -> list[bytes]:
    """The lines of a file that has some, else blocks of it."""
    lines = data.splitlines(keepends=True)
    if len(lines) > 2:
        return lines
    return [data[at : at + _BLOCK] for at in range(0, len(data), _BLOCK)]


def flip(data: bytes, draw: random.Random, at: int) -> bytes:
    """One bit of the byte at `at`."""
    changed = bytearray(data)
    changed[at] ^= 1 << draw.randrange(8)
    return bytes(changed)


def structural(data: bytes, draw: random.Random) -> Iterator[Change]:
    """Changes at every boundary: cut there, grow there, flip what stands on both sides."""
    for at in boundaries(data):
        if at < len(data):
            yield "truncate", f"to {at}, a boundary", data[:at]
            yield "flip", f"byte {at}, after a boundary", flip(data, draw, at)
        if at:
            yield "flip", f"byte {at - 1}, before a boundary", flip(data, draw, at - 1)
            yield "truncate", f"to {at - 1}, before a boundary", data[: at - 1]
        yield "extend", f"at {at}, a boundary", data[:at] + draw.randbytes(3) + data[at:]
    found = pieces(data)
    for number, piece in enumerate(found):
        without = found[:number] + found[number + 1 :]
        yield "drop", f"piece {number}", b"".join(without)
        twice = [*found[:number], piece, *found[number:]]
        yield "duplicate", f"piece {number}", b"".join(twice)
        if number:
            swapped = list(found)
            swapped[number - 1 : number + 1] = piece, found[number - 1]
            yield "swap", f"pieces {number - 1} and {number}", b"".join(swapped)
    for tail in (b"\n", b" ", b"\0", found[-1] if found else b"x"):
        yield "extend", f"by {tail[:8]!r}", data + tail


def drawn(data: bytes, draw: random.Random) -> Change:
    """One change at a place drawn at random."""
    kinds: dict[str, Callable[[bytes, random.Random], tuple[str, bytes]]] = {
        "flip": _flip,
        "drop": _drop,
        "duplicate": _duplicate,
        "swap": _swap,
        "truncate": _truncate,
        "extend": _extend,
    }
    kind = draw.choice(list(kinds) if data else ["extend"])
    where, after = kinds[kind](data, draw)
    return kind, where, after


def _flip(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    at = draw.randrange(len(data))
    return f"byte {at}", flip(data, draw, at)


def _drop(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    at = draw.randrange(len(data))
    length = draw.randint(1, _BLOCK)
    return f"{length} bytes at {at}", data[:at] + data[at + length :]


def _duplicate(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    at = draw.randrange(len(data))
    piece = data[at : at + draw.randint(1, _BLOCK)]
    return f"{len(piece)} bytes at {at}", data[:at] + piece + data[at:]


def _swap(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    found = pieces(data)
    one, two = draw.randrange(len(found)), draw.randrange(len(found))
    found[one], found[two] = found[two], found[one]
    return f"pieces {one} and {two}", b"".join(found)


def _truncate(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    at = draw.randrange(len(data))
    return f"to {at}", data[:at]


def _extend(data: bytes, draw: random.Random) -> tuple[str, bytes]:
    more = draw.randbytes(draw.randint(1, _BLOCK))
    return f"by {len(more)} bytes", data + more
