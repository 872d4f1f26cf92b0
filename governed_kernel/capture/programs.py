"""Programs that are started in ways of which Python's audit hook is not told."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from typing import Any

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.uris import file_uri

__all__ = ["starts"]


def starts(observation: Observation, program: Any, words: Sequence[Any], via: str) -> None:
    """Before a program is started.

    Raises
    ------
    PolicyDenied
        Policy forbids it; the attempt is on record.
    """
    if observation.state.busy:
        return
    with observation.at_work():
        name = os.fsdecode(program)
        uri = file_uri(shutil.which(name) or name)
        decision = observation.decide("execute", uri)
        command = shlex.join(os.fsdecode(word) for word in words)
        observation.access("execute", "process", uri, via, decision, command)
