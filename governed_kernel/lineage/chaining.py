"""How records are chained: the bytes of an event, and the hash that binds it to all before it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

__all__ = ["DIGITS", "ENVELOPE", "START", "Head", "chain", "encode", "well_formed", "whole_record"]

_ZERO = bytes(32)
DIGITS = 64
"""Hexadecimal digits of a hash."""
ENVELOPE = DIGITS + 2
"""Bytes of a record beside its event: the hash, a space, the line end."""
_ENCODE = msgspec.json.Encoder().encode


class Head(msgspec.Struct, frozen=True, gc=False):
    """Where a journal stands: how many records, how many bytes (`size`), the last record's hash."""

    records: int = 0
    size: int = 0
    hash: bytes = _ZERO


START = Head()
"""Before the first record."""


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


def shown(value: Any) -> bytes:
    """JSON of anything that people or programs are told: what it has no form for as text, and names
    that are not valid text as `encode` writes them.
    """
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except UnicodeEncodeError:
        return _ENCODE(_well_formed(msgspec.to_builtins(value, enc_hook=str)))


def _well_formed(value: Any) -> Any:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, dict):
        return {well_formed(str(key)): _well_formed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_well_formed(item) for item in value]
    return value


def well_formed(value: str) -> str:
    """A text as it can be kept: what is not valid in it is written with backslashes."""
    return value.encode("utf-8", "backslashreplace").decode()


def whole_record(torn: bytes, previous: bytes) -> bool:
    """Whether a torn last record lacks nothing but its line end."""
    body = torn[DIGITS + 1 :]
    return torn[: DIGITS + 1] == chain(previous, body).hex().encode() + b" "
