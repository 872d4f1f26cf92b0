"""What the system alone asks for an open that somebody is told of.

Run it: ``python tests/benchmarks/bare_notification.py``. The filter is the recorder's own; who is
told reads the path and lets the call go on, and does nothing else. No witness in Python can be
cheaper, so this is what a witnessed open is to be held against, machine by machine.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from governed_kernel.recorder.seccomp import Listener
from governed_kernel.recorder.start import start_kernel

LOOP = """
import statistics, sys, time
taken = []
for _ in range(9):
    begun = time.perf_counter()
    for _ in range(5_000):
        with open(sys.argv[1]):
            pass
    taken.append((time.perf_counter() - begun) / 5_000)
open(sys.argv[2], "w").write(str(statistics.median(taken)))
"""
_PATH_OF = {2: 0, 257: 1}
"""Which argument of open and openat is the path."""


def microseconds() -> float:
    """How much longer an open takes when it is told and let go at once."""
    with tempfile.TemporaryDirectory() as folder:
        file, answer = Path(folder, "file"), Path(folder, "answer")
        file.touch()
        command = [sys.executable, "-c", LOOP, str(file), str(answer)]
        subprocess.run(command, check=True)
        before = float(answer.read_text())
        _let_go(command)
        return (float(answer.read_text()) - before) * 1e6


def _let_go(command: list[str]) -> None:
    """Run a program, read each path that it names, and let the call go on."""
    kernel = start_kernel(command, os.environ, (), None)
    listener = Listener(kernel.listener)
    over = os.pidfd_open(kernel.pid)
    poll = select.poll()
    for descriptor in (kernel.listener, over):
        poll.register(descriptor, select.POLLIN)
    kernel.release()
    while not any(descriptor == over for descriptor, _ in poll.poll()):
        told = listener.receive()
        if told is None:
            continue
        if told.number in _PATH_OF:
            listener.text(told.thread, told.arguments[_PATH_OF[told.number]])
        listener.proceed(told)
    os.close(over)
    os.waitpid(kernel.pid, 0)
    listener.close()


if __name__ == "__main__":
    sys.stdout.write(f"an open that is told and let go at once: {microseconds():.0f} µs more\n")
