"""Libraries whose native code opens a file that one argument of a call names.

The call is announced as any reader or writer is; what it does to the file is read from its mode.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from governed_kernel.capture import native
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import (
    NativeTarget,
    Observed,
    hooks_of,
    observe,
    observe_native,
)
from governed_kernel.capture.transfers import announce, complete
from governed_kernel.lineage.events import Operation

__all__ = [
    "before_native",
    "observe_native_opening",
    "observe_opening",
    "operations_of",
    "report",
]


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

    return observe(observation, library, owner, name, report, label=via, before=before, io=True)


def report(observation: Observation, observed: Observed) -> None:
    """The rule of a call that only opens what it has announced."""
    complete(observation, observed.call)


def before_native(
    place: int, parameter: str, operation: Operation | None
) -> Callable[[Observation, Call], None]:
    """Announces what an argument of a native function names.

    Parameters
    ----------
    place : int
        Of the argument among the positional ones; a list in it names several files.
    operation : Operation or None
        None where the next argument is a mode, which may also come as ``mode=``.
    """

    def before(observation: Observation, call: Call) -> None:
        positional, keywords = call.arguments
        target = positional[place] if len(positional) > place else keywords.get(parameter)
        mode = [*positional[place + 1 : place + 2], keywords.get("mode")][0]
        for each in target if isinstance(target, (list, tuple)) else (target,):
            wanted = (operation,) if operation is not None else operations_of(mode, each)
            for what in wanted:
                announce(observation, call, what, each)

    return before


def observe_native_opening(
    observation: Observation,
    library: str,
    owners: tuple[Any, ...],
    name: str,
    *,
    via: str,
    parameter: str,
    place: int = 0,
    operation: Operation | None = "read",
) -> bool:
    """The same of a native function that `owners` have: modules, or one class that can be changed.

    Returns
    -------
    bool
        False where there is no such function, or where native functions can't be observed.
    """
    before = before_native(place, parameter, operation)
    found = inspect.getattr_static(owners[0], name, None)
    if not isinstance(owners[0], type) or hasattr(found, "__func__") or found is None:
        if isinstance(found, staticmethod):
            return _observe_slot(observation, library, owners[0], name, via, before, staticmethod)
        return observe_native(observation, library, owners, name, report, label=via, before=before)
    return _observe_slot(observation, library, owners[0], name, via, before, native.as_method)


def _observe_slot(
    observation: Observation,
    library: str,
    owner: type,
    name: str,
    via: str,
    before: Callable[[Observation, Call], None],
    bound: Callable[[Any], Any],
) -> bool:
    """A method of a class that is written in C."""
    if not native.works():
        return False
    function = getattr(owner, name)
    target = NativeTarget(library, name, via, function)
    hooks = hooks_of(observation, target, report, before, io=True)
    setattr(owner, name, bound(native.observed(function, hooks)))
    return True
