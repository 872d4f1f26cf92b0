"""A run while it goes on: its state, what its log says since, and what it uses."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import msgspec
import psutil

from governed_kernel.release.run_states import RunState, is_alive, run_folder, state_of
from governed_kernel.workspace import Workspace

__all__ = ["Seen", "watch"]

_MOST_LOG = 64 << 10


class Seen(msgspec.Struct, frozen=True):
    """A run at one moment.

    Attributes
    ----------
    seconds : float
        How long it has run, or ran.
    log : str
        What the log says beyond the offset that was asked from, at most 64 KiB at once.
    memory : int
        Bytes that its processes hold; 0 when it is over.
    gpu_memory : int or None
        Bytes that they hold on GPUs; None where there is no GPU.
    """

    state: RunState
    seconds: float
    log: str
    log_offset: int
    memory: int
    gpu_memory: int | None


def watch(workspace: Workspace, run_id: str, log_offset: int = 0) -> Seen:
    """Look at a run.

    Parameters
    ----------
    log_offset : int
        Bytes of the log that the reader has already.
    """
    state = state_of(workspace, run_id)
    with (run_folder(workspace, run_id) / "log.txt").open("rb") as log:
        log.seek(log_offset)
        text = log.read(_MOST_LOG)
    processes = _processes(state)
    return Seen(
        state=state,
        seconds=round(state.seconds, 1) if state.is_over else float(int(state.seconds)),
        log=text.decode(errors="replace"),
        log_offset=log_offset + len(text),
        memory=sum(_memory(process) for process in processes),
        gpu_memory=_gpu_memory({process.pid for process in processes}),
    )


def _processes(state: RunState) -> list[psutil.Process]:
    if state.is_over or not is_alive(state):
        return []
    with contextlib.suppress(psutil.Error):
        worker = psutil.Process(state.pid)
        return [worker, *worker.children(recursive=True)]
    return []


def _memory(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _gpu_memory(pids: set[int]) -> int | None:
    """What the driver says that these processes hold; None without a driver."""
    program = shutil.which("nvidia-smi")
    if program is None or not Path("/proc/driver/nvidia").exists():
        return None
    words = ["--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    rows = [line.split(", ") for line in told.stdout.splitlines() if line.count(", ") == 1]
    held = [int(used) for pid, used in rows if int(pid) in pids and used.isdigit()]
    return sum(held) << 20
