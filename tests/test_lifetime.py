"""A process that serves another one ends with it."""

from __future__ import annotations

import signal
import subprocess
import sys

SERVING = """
import os, sys, time
from governed_kernel.lifetime import end_with
end_with(int(sys.argv[1]))
print("serves", os.getpid(), flush=True)
time.sleep(600)
"""
SERVED = f"""
import os, subprocess, sys
subprocess.run([sys.executable, "-c", {SERVING!r}, str(os.getpid())])
"""


def test_a_process_ends_with_the_one_that_it_serves() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVED], stdout=subprocess.PIPE) as served:
        assert served.stdout is not None
        assert served.stdout.readline().startswith(b"serves")
        served.send_signal(signal.SIGKILL)
        assert served.stdout.read() == b""  # held by both, so it ends with the later


def test_a_process_whose_starter_is_gone_already_does_not_begin() -> None:
    done = subprocess.run([sys.executable, "-c", SERVING, "0"], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not done.stdout
