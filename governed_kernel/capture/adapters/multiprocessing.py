"""multiprocessing: a child that is started anew is observed as its parent is.

What goes to such a child is a dictionary; one entry more, an *heir* of the kernel, puts the
observers in place when the child unpickles it. joblib's and dill's variants do as the original.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from governed_kernel.capture.exchanges import hook
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.programs import starts

__all__ = ["arm"]


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe where a child's preparation is made, or where its program is started."""
    library = name.partition(".")[0]

    def started(values: tuple[Any, ...]) -> None:
        # ``spawnv_passfds(path, words, …)`` and loky's ``fork_exec(words, …)``
        words = values[1] if name.endswith("util") else values[0]
        starts(observation, words[0], words, f"{library}.spawn")

    if name.endswith(("util", "fork_exec")):
        function = "spawnv_passfds" if name.endswith("util") else "fork_exec"
        hook(observation, module, function, f"{library}.spawn", enter=started)
        return
    heir = getattr(observation.emitter, "heir", None)
    if heir is None:
        return

    def made(_: tuple[Any, ...], preparation: Any) -> None:
        if isinstance(preparation, dict):
            preparation["governed"] = heir()

    hook(observation, module, "get_preparation_data", f"{library}.preparation", leave=made)
