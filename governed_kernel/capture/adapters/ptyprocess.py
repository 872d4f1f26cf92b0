"""ptyprocess, which runs IPython's shell lines (``!ls``) in a terminal of their own.

The child closes all files between fork and exec, so nothing in it can tell of the program.
"""

from __future__ import annotations

import os
import shlex
import shutil
from types import ModuleType
from typing import Any

from governed_kernel.capture.exchanges import hook
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.uris import file_uri

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe ``PtyProcess.spawn(argv, …)``."""

    def starts(values: tuple[Any, ...]) -> None:
        if observation.state.busy:
            return
        words = [os.fsdecode(word) for word in values[1]]
        uri = file_uri(shutil.which(words[0]) or words[0])
        with observation.at_work():
            decision = observation.decide("execute", uri)
            command = shlex.join(words)
            observation.access("execute", "process", uri, "ptyprocess.spawn", decision, command)

    hook(observation, module.PtyProcess, "spawn", "ptyprocess.spawn", enter=starts)
