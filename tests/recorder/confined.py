"""A plain program under the recorder of a release: what it could do, and what is on record."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from governed_kernel.lineage.events import Access
from governed_kernel.recorder.order import Order
from governed_kernel.recorder.seccomp import _Filter, _Program
from governed_kernel.workspace import Workspace
from tests.kernel.running import events_of

_UNSHARE = 272


class ConfinedPrograms:
    """Runs programs one after the other as if each were the kernel of a run of its own.

    Attributes
    ----------
    input : Path
        The one file that their ticket lets them read.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir()
        (root / "governed.toml").write_text('[workspace]\nname = "tests"\n')
        self.workspace = Workspace.open(root)
        self.input = root / "input.txt"
        self.input.write_text("input")
        self._count = 0

    def run(
        self, code: str, beforehand: Callable[[], None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `code` to its end; it finds its own folder as its working directory."""
        self._count += 1
        own = self.workspace.root / f"own-{self._count}"
        own.mkdir()
        ticket = self.workspace.root / f"ticket-{self._count}.json"
        said = {
            "run_id": f"run-{self._count}",
            "kind": "release",
            "read": [str(self.input)],
            "write": [str(own)],
            "pid": os.getpid(),
        }
        ticket.write_bytes(msgspec.json.encode(said))
        command = (sys.executable, "-W", "ignore", "-c", code)
        root = str(self.workspace.root)
        order = Order(root, self.session, "release", "n.ipynb", str(ticket), "", "", command)
        return subprocess.run(
            order.command_line(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=own,
            env={**os.environ, "HOME": str(own), "TMPDIR": str(own)},
            preexec_fn=beforehand,
        )

    @property
    def session(self) -> str:
        """The session of the program that ran last."""
        return f"s-{self._count}"

    def accesses(self) -> list[Access]:
        """What the last program did, as it stands on record."""
        return events_of(self.workspace.journals / f"{self.session}.jsonl", Access)


def forbid_namespaces() -> None:
    """Let ``unshare`` fail from now on, as most containers do."""
    lines = [
        (0x20, 0, 0, 0),  # load the call's number
        (0x15, 0, 1, _UNSHARE),
        (0x06, 0, 0, 0x0005_0001),  # EPERM
        (0x06, 0, 0, 0x7FFF_0000),  # go on
    ]
    code = _Program(len(lines), (_Filter * len(lines))(*(_Filter(*line) for line in lines)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.syscall(317, 1, 0, ctypes.byref(code)) == 0
