"""Which kernels people are offered: not the one of releases, which only runs may start."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable
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

    def without_release() -> Any:
        found = every()  # at once where it is there at once: not everybody awaits it
        return _later(found) if inspect.isawaitable(found) else _without_release(found)

    manager.get_all_specs = without_release


async def _later(every: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    return _without_release(await every)


def _without_release(specs: dict[str, Any]) -> dict[str, Any]:
    return {name: spec for name, spec in specs.items() if name != RELEASE}
