"""The process beside a server that keeps the stores of its workspaces up to date."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

__all__ = ["Following"]

_MODULE = "governed_kernel.release.following"
_SECONDS_BETWEEN_STARTS = 1.0
_SERVER_S_OWN = ("JUPYTER", "JPY_")
"""Variables that may open the server, which the process has no use for."""


class Following:
    """Tells a process of its own which workspaces to follow; it ends with this one.

    It is another process, so that ingesting millions of events keeps no request waiting.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._known: set[Path] = set()
        self._lock = threading.Lock()
        self._started = -_SECONDS_BETWEEN_STARTS

    def add(self, root: Path) -> None:
        """Follow the workspace in a folder, from now on."""
        if root in self._known and self._lives():
            return
        with self._lock:
            told = {root} - self._known
            self._known.add(root)
            if not self._lives():
                if time.monotonic() - self._started < _SECONDS_BETWEEN_STARTS:
                    return
                self._start()
                told = self._known
            for each in sorted(told):
                self._tell(each)

    def _lives(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> None:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(_SERVER_S_OWN)
        }
        self._started = time.monotonic()
        with contextlib.suppress(OSError):  # nothing rests on it
            self._process = subprocess.Popen(
                # -E and -P: a notebook's files in the server's folder are no modules of its
                [sys.executable, "-E", "-P", "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=kept,
                start_new_session=True,  # a Ctrl-C on the terminal is the server's to answer
            )

    def _tell(self, root: Path) -> None:
        if self._process is None or self._process.stdin is None:
            return
        with contextlib.suppress(OSError):  # it died: the next one is told of all
            self._process.stdin.write(os.fsencode(root) + b"\n")
            self._process.stdin.flush()
