"""How far the list of what sessions made goes: ``.governed/derived.head``.

A line that is taken out of the list opens what was made from restricted data. So how many bytes
the list had, and their SHA-256, are noted beside it by whoever writes it; no notebook writes
either. What a crash left between both only makes the list longer than is noted.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from governed_kernel.canonical import digest_bytes
from governed_kernel.files import read_or_refuse
from governed_kernel.workspace import Workspace

__all__ = ["Head", "head_file", "noted", "write_head"]


class Head(msgspec.Struct, frozen=True):
    """What the list began with when it was written last."""

    size: int
    sha256: str

    def begins(self, data: bytes) -> bool:
        """Whether a list has all that is noted, and goes on at most."""
        return len(data) >= self.size and digest_bytes(data[: self.size]) == self.sha256


def head_file(workspace: Workspace) -> Path:
    """Where it is noted."""
    return workspace.derived.with_suffix(".head")


def noted(workspace: Workspace) -> Head | None:
    """What is noted of the list; None where nobody did.

    Raises
    ------
    ResourceMissing
        It can't be read.
    """
    try:
        return msgspec.json.decode(read_or_refuse(head_file(workspace)), type=Head)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write_head(workspace: Workspace) -> None:
    """Note the list as it lies there; only who holds its lock does."""
    data = read_or_refuse(workspace.derived)
    file = head_file(workspace)
    new = file.with_name(f"{file.name}.new")
    # lost with a power cut, the list is read from the journals: nothing is worth waiting for a disk
    new.write_bytes(msgspec.json.encode(Head(len(data), digest_bytes(data))))
    os.replace(new, file)  # noqa: PTH105 (the house's own writing waits for the disk)
