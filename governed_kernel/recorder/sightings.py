"""What the witness tells of one call."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from governed_kernel.lineage.events import Operation
from governed_kernel.recorder.restrictions import Restriction

__all__ = ["Sighting", "has_content"]


class Sighting(NamedTuple):
    """One call that is not environment.

    Attributes
    ----------
    thread : int
        Who made it.
    call : str
        The system call.
    operation : Operation
        What it does to `path`.
    path : str
        Canonical absolute path, or an address.
    exists : bool
        Whether the path existed before the call.
    possible : bool
        Whether the call can have had an effect on content: the file is there or may be made,
        and is no folder.
    both : bool
        Opened for reading and writing.
    source : str
        Where a renamed or linked file came from.
    denied : Restriction or None
        Why the call was refused.
    replaces : bool
        Whether nothing of what the file held before is left.
    within : str
        Of a file that only its folder's rename moved: where the folder is now.
    """

    thread: int
    call: str
    operation: Operation
    path: str
    exists: bool = True
    possible: bool = True
    both: bool = False
    source: str = ""
    denied: Restriction | None = None
    replaces: bool = False
    within: str = ""


def has_content(mode: int | None, flags: int, path: str) -> bool:
    """Whether an open can have read or written content."""
    if mode is None:
        return bool(flags & os.O_CREAT) and os.path.isdir(os.path.dirname(path))
    if flags & (os.O_DIRECTORY | os.O_PATH) or stat.S_ISDIR(mode):
        return False
    wanted = (os.R_OK, os.W_OK, os.R_OK | os.W_OK, os.R_OK)[flags & os.O_ACCMODE]
    return os.access(path, wanted)
