"""What a process gives up of root's power, for good.

Source of the formats: ``linux/capability.h``, capabilities(7).
"""

from __future__ import annotations

import ctypes
import os
import struct

__all__ = ["OVER_FILES", "keep_only"]

OVER_FILES = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: reading and writing what belongs to others."""

_CAPGET, _CAPSET, _VERSION_3 = 125, 126, 0x20080522


def keep_only(bits: int) -> None:
    """Give up every capability that is not among `bits`.

    Raises
    ------
    OSError
        The system refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", _VERSION_3, 0)
    held = ctypes.create_string_buffer(24)
    if libc.syscall(_CAPGET, header, held):
        raise _failed("capget")
    _, permitted, *_ = struct.unpack("=6I", held.raw)
    kept = permitted & bits
    if libc.syscall(_CAPSET, header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)):
        raise _failed("capset")


def _failed(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
