"""Envelopes that this person's programs have verified before, so that a ledger opens quickly.

Verifying a signature, and that a payload is in its one canonical form, gives the same answer for
the same bytes and the same key for ever. So what passed is remembered by digest: of the envelope,
and of the key. A changed byte anywhere has another digest and is verified anew; whether a key or a
role counts is never remembered, but replayed each time. The file lies in the person's own folder,
beside their keys: who can write there could sign as them. One that is damaged counts for nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from governed_kernel.files import read_regular, write_atomically
from governed_kernel.workspace import personal_folder

__all__ = ["Verified", "digest_of", "location"]

_SIZE = 32
_MARK = b"governed verified 1\n"
_WORTH = 500
"""So many new ones are worth a write; fewer are verified again in no time."""


def digest_of(envelope: dict[str, Any]) -> bytes:
    """Digest of everything in an envelope of the one form that there is (`envelopes.peek`)."""
    (signature,) = envelope["signatures"]
    if len(envelope) != 3 or len(signature) != 2:
        raise ValueError("it has other fields than an envelope")
    kind, payload = envelope["payloadType"], envelope["payload"]
    key, made = signature["keyid"], signature["sig"]
    # The lengths keep a text from moving from one part to another.
    lengths = f"{len(kind)},{len(payload)},{len(key)},{len(made)}\n"
    return hashlib.sha256("".join((lengths, kind, payload, key, made)).encode()).digest()


class Verified:
    """The envelopes known as verified, each with the digest of the key that it verifies with."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}
        self._new: dict[bytes, bytes] = {}
        self._signed: dict[bytes, bytes] = {}
        self._home: str | None = None

    def key_of(self, envelope: bytes) -> bytes | None:
        """Digest of the key that an envelope was verified with; None if it never was."""
        if self._home is None:
            self.begin()
        return self._known.get(envelope)

    def begin(self) -> None:
        """Read what this person's programs remember, once for each person, before many are asked.

        To look whose folder counts takes as long as to look an envelope up.
        """
        home = _home()
        if self._home != home:
            self._home = home
            self._read()

    def add(self, envelope: bytes, key: bytes) -> None:
        """Remember an envelope that verified."""
        if self._home is None:
            self.begin()
        self._known[envelope] = self._new[envelope] = key

    def signed_with(self, envelope: bytes) -> bytes | None:
        """Digest of the key that a copy found an envelope signed with, whatever its form."""
        return self._signed.get(envelope)

    def add_signed(self, body: bytes) -> None:
        """Take the envelopes that a copy found signed, each followed by its key, for this run."""
        self._signed.update(_pairs(body))

    def keep(self) -> None:
        """Write down what is new, where that is worth it; nothing rests on whether it can be."""
        if len(self._new) < _WORTH or self._home != _home():
            return
        body = b"".join(envelope + key for envelope, key in self._known.items())
        with contextlib.suppress(OSError):
            location().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(location(), _MARK + hashlib.sha256(body).digest() + body, mode=0o600)
            self._new.clear()

    def _read(self) -> None:
        file = location()
        self._known.clear()
        self._new.clear()
        self._signed.clear()
        with contextlib.suppress(OSError):
            status = file.stat()
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                return
            data = read_regular(file)
            body = data[len(_MARK) + _SIZE :]
            head = _MARK + hashlib.sha256(body).digest()
            if data.startswith(head) and len(body) % (2 * _SIZE) == 0:
                self._known.update(_pairs(body))


def _home() -> str:
    return os.environ.get("GOVERNED_HOME", "")


def _pairs(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    for at in range(0, len(body), 2 * _SIZE):
        yield body[at : at + _SIZE], body[at + _SIZE : at + 2 * _SIZE]


def location() -> Path:
    """Where what was verified is remembered."""
    return personal_folder() / "verified-envelopes"
