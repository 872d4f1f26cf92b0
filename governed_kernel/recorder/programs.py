"""Which programs the system runs when a process executes a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from governed_kernel.recorder import paths

__all__ = ["run_by"]

_MOST_INTERPRETERS = 5
"""As the system: the interpreter of a script may be a script."""
_FIRST_LINE_BYTES = 256  # BINPRM_BUF_SIZE


def run_by(process: int, path: bytes, directory: int | None = None) -> Iterator[tuple[str, str]]:
    """What executing `path` runs: the program itself, then what a script's first line names.

    Nothing, where it can't be executed: the shell and `subprocess` try every folder of PATH.
    Parameters as for `paths.resolve`; yields canonical paths, each with what leads there in
    ``/proc`` if the path does not any more.

    Raises
    ------
    Unreachable
        As `paths.link`.
    """
    for _ in range(1 + _MOST_INTERPRETERS):
        nameless: list[str] = []
        found = paths.resolve(process, path, directory, nameless=nameless)
        way = nameless[0] if nameless else ""
        if not os.access(way or found, os.X_OK) or os.path.isdir(way or found):
            return
        yield found, way
        path, directory = _interpreter_of(way or found), None
        if not path:
            return


def _interpreter_of(program: str) -> bytes:
    """What the first line of a script says that it is run by (``#!``); empty for other programs.

    Source: execve(2), "Interpreter scripts".
    """
    try:
        descriptor = os.open(program, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        return b""  # it may be run by who may not read it
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        first = os.read(descriptor, _FIRST_LINE_BYTES) if regular else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    if not first.startswith(b"#!"):
        return b""
    words = first[2:].split(b"\n")[0].split(b"\0")[0].replace(b"\t", b" ").split(b" ")
    return next(filter(None, words), b"")
