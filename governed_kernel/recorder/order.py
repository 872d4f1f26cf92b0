"""What whoever starts a kernel tells its recorder: options, and one signal.

Kept free of other imports: a recorder starts with every notebook.
"""

from __future__ import annotations

import signal
import sys
from typing import Literal, NamedTuple

from governed_kernel.errors import UsageError

__all__ = ["KILL_SIGNAL", "Order", "parse"]

KILL_SIGNAL = signal.SIGRTMIN + 3
"""Tells the recorder to kill its kernel, finish the record, and end as a killed kernel does."""

_OPTIONS = ("workspace", "session", "mode", "notebook", "ticket", "connection-file", "restrictions")


class Order(NamedTuple):
    """One kernel to be started and recorded.

    Attributes
    ----------
    workspace : str
        Folder of the workspace.
    session : str
        Id of the new session.
    mode : {"research", "release"}
        What the kernel may do.
    notebook : str
        Path of the notebook, for the record.
    ticket : str
        ``ticket.json`` of the run, in release mode alone.
    connection_file : str
        The kernel's connection file.
    restrictions : str
        Module that says what a research kernel may not open; empty for none.
    command : tuple of str
        The kernel's program and arguments.
    """

    workspace: str
    session: str
    mode: Literal["research", "release"]
    notebook: str
    ticket: str
    connection_file: str
    restrictions: str
    command: tuple[str, ...]

    def command_line(self) -> list[str]:
        """The recorder's own command, which `parse` understands.

        ``-P`` and ``-E`` keep files of the working directory and of ``PYTHONPATH``, which may be a
        notebook's, from running in the recorder.
        """
        values = self[: len(_OPTIONS)]
        options = [
            part
            for name, value in zip(_OPTIONS, values, strict=True)
            if value
            for part in (f"--{name}", str(value))
        ]
        own = [sys.executable, "-E", "-P", "-m", "governed_kernel.recorder"]
        return [*own, *options, "--", *self.command]


def parse(arguments: list[str]) -> Order:
    """Read ``--name value … -- COMMAND …``."""
    values = dict.fromkeys(_OPTIONS, "")
    rest = list(arguments)
    while rest and rest[0] != "--":
        name = rest.pop(0).removeprefix("--")
        if name not in values or not rest:
            raise _misuse(f"--{name}")
        values[name] = rest.pop(0)
    mode = values["mode"]
    if mode not in ("research", "release"):
        raise _misuse(f"--mode {mode!r}")
    if not values["workspace"] or not values["session"] or len(rest) < 2:
        raise _misuse("a workspace, a session or a command is missing")
    if (mode == "release") != bool(values["ticket"]):
        raise _misuse("a release kernel has a ticket, and no other has one")
    return Order(
        values["workspace"],
        values["session"],
        "release" if mode == "release" else "research",
        values["notebook"],
        values["ticket"],
        values["connection-file"],
        values["restrictions"],
        tuple(rest[1:]),
    )


def _misuse(what: str) -> UsageError:
    options = " ".join(f"[--{name} …]" for name in _OPTIONS)
    return UsageError(
        "the recorder was started in a wrong way",
        why=what,
        next=f"python -m governed_kernel.recorder {options} -- COMMAND …",
    )
