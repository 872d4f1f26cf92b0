"""HTTP: what is fetched and sent, by which library, with status and content digest."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Observation

__all__ = ["arm"]


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe one of the libraries, whenever it is loaded."""
    from governed_kernel.capture.adapters.http import asynchronous, httpx, standard

    root = name.partition(".")[0]
    if root in ("httpx", "httpx2"):
        httpx.arm(observation, name, module)
    elif root == "aiohttp":
        asynchronous.arm(observation, name, module)
    else:
        standard.arm(observation, name, module)
