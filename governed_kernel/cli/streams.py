"""Standard input, output and error as a command needs them, whatever it was started with.

Services start programs with closed descriptors, and disks are full. A closed one would be the
number of the next file that is opened, a journal perhaps, into which any library then prints. What
can't be written is no reason to stop in the middle of what was signed: the command goes on to its
end, and says then that it was done and could not be shown.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

__all__ = ["keep_private", "open_closed", "outlast", "unwritten"]

_NAMES = ("stdin", "stdout", "stderr")
_MODES = ("r", "w", "w")


class _Lasting(io.RawIOBase):
    """A descriptor that takes everything, and remembers what went wrong.

    A reader that has gone is nothing wrong: nobody wants the rest.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.error: OSError | None = None

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        try:
            return os.write(self._descriptor, view)
        except BlockingIOError:
            raise
        except OSError as error:
            self.error = self.error or (None if isinstance(error, BrokenPipeError) else error)
            return view.nbytes


def open_closed() -> None:
    """Let nothing that is opened later have the number of a standard stream."""
    for number, (name, mode) in enumerate(zip(_NAMES, _MODES, strict=True)):
        try:
            os.fstat(number)
        except OSError:
            found = os.open(os.devnull, os.O_RDWR)
            if found != number:
                os.dup2(found, number)
                os.close(found)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (kept)


def outlast() -> None:
    """Let standard output and error take what can't be written."""
    for name in _NAMES[1:]:
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__") or not isinstance(stream, io.TextIOWrapper):
            continue  # somebody else's
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
            lasting = io.TextIOWrapper(
                io.BufferedWriter(_Lasting(stream.fileno())),
                encoding=stream.encoding,
                errors=stream.errors,
                line_buffering=stream.line_buffering or name == "stderr",
            )
            setattr(sys, name, lasting)


def unwritten() -> OSError | None:
    """Why something of standard output could not be written; None if all was."""
    stream = sys.stdout
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", None)
    if not isinstance(raw, _Lasting):
        return None
    stream.flush()
    return raw.error


def keep_private() -> None:
    """Take nothing of what is made from its person, and let nobody beyond the group write to it.

    A mask that takes the owner's own rights away makes files that nobody can open again.
    """
    mask = os.umask(0o077)
    os.umask((mask & 0o077) | 0o002)
