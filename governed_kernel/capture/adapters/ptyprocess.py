"""ptyprocess, which runs IPython's shell lines (``!ls``) in a terminal of their own.

The child closes all files between fork and exec, so nothing in it can tell of the program.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.exchanges import hook
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.programs import starts

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe ``PtyProcess.spawn(argv, …)``."""

    def spawns(values: tuple[Any, ...]) -> None:
        words = values[1]
        starts(observation, words[0], words, "ptyprocess.spawn")

    hook(observation, module.PtyProcess, "spawn", "ptyprocess.spawn", enter=spawns)
