"""Which kernels people are offered: not the one of releases, which only runs may start."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["offer_research_only"]

RELEASE = "governed-release"


def offer_research_only(manager: Any) -> None:
    """Leave the release kernel out of what launchers and pickers are told; it can still be named.

    Who asks for it all the same is refused by its provisioner, in words. Which class manages a
    server's specifications is its owner's choice, a gateway's too, so this object answers with
    less, and no class takes the place of its own.

    Parameters
    ----------
    manager : KernelSpecManager
        That of the Jupyter server; its answer may be awaitable.
    """
    every = manager.get_all_specs

    async def without_release() -> dict[str, Any]:
        found = every()
        specs = await found if inspect.isawaitable(found) else found
        return {name: spec for name, spec in specs.items() if name != RELEASE}

    manager.get_all_specs = without_release
