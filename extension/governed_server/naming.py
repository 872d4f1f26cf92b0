"""What goes wrong with names that somebody asked for, in words."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from governed_kernel.errors import UsageError

__all__ = ["too_long_names_in_words"]


@contextlib.contextmanager
def too_long_names_in_words() -> Iterator[None]:
    """Say in words that no file can be called as somebody asked: a name may be of any length.

    Raises
    ------
    UsageError
        In place of the system's error for a name that is too long; others stay as they are.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise UsageError(
            "a name is too long for a file",
            why=f"it has {len(str(error.filename)):,} letters; no file system takes them",
            next="name a file, folder, run or release that is there",
        ) from error
