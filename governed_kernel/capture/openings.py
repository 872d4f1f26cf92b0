"""Libraries whose native code opens a file that one argument of a call names.

The call is announced as any reader or writer is; what it does to the file is read from its mode.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.transfers import announce, complete
from governed_kernel.lineage.events import Operation

__all__ = ["observe_opening", "operations_of"]


def operations_of(mode: object, path: object = None) -> tuple[Operation, ...]:
    """What opening in `mode` does: ``r`` reads, ``w`` and ``x`` write, ``a`` and ``+`` do both.

    Of a file that does not exist yet there is nothing to read.
    """
    letters = mode if isinstance(mode, str) else "r"
    if letters[:1] in ("w", "x"):
        return ("write",)
    if letters[:1] == "a" or "+" in letters:
        exists = not isinstance(path, (str, os.PathLike)) or Path(path).expanduser().exists()
        return ("read", "write") if exists else ("write",)
    return ("read",)


def observe_opening(
    observation: Observation,
    library: str,
    owner: Any,
    name: str,
    *,
    via: str,
    parameter: str,
    mode: str = "",
    operation: Operation = "read",
) -> bool:
    """Observe the calls of ``owner.name``, which open the file that `parameter` names.

    Parameters
    ----------
    via : str
        What the call is named on record.
    mode : str
        The parameter that says whether it reads or writes; without one it does `operation`.

    Returns
    -------
    bool
        As `observe`.
    """

    def before(observation: Observation, call: Call) -> None:
        arguments = call.target.bind(call.arguments)
        target = arguments.get(parameter)
        wanted = operations_of(arguments.get(mode), target) if mode else (operation,)
        for each in wanted:
            announce(observation, call, each, target)

    def after(observation: Observation, observed: Observed) -> None:
        complete(observation, observed.call)

    return observe(observation, library, owner, name, after, label=via, before=before, io=True)
