"""Pools of threads: what is handed over belongs to the cell that hands it over.

A thread belongs to the cell that started it. A pool's thread outlives that cell and works for
others, so each piece of work remembers whose it is. asyncio's executors are such pools.
"""

from __future__ import annotations

import threading
import weakref
from types import ModuleType
from typing import Any

from governed_kernel.capture.emitter import THREAD_CELL, Cell
from governed_kernel.capture.exchanges import hook
from governed_kernel.capture.observation import Observation

__all__ = ["arm"]


def arm(observation: Observation, _name: str, module: ModuleType) -> None:
    """Observe the work items of ``ThreadPoolExecutor``."""
    cells: weakref.WeakKeyDictionary[Any, Cell] = weakref.WeakKeyDictionary()

    def handed_over(values: tuple[Any, ...]) -> None:
        cells[values[0]] = observation.cell()

    def begins(values: tuple[Any, ...]) -> tuple[dict[str, Any], Any] | None:
        cell = cells.pop(values[0], None)
        if cell is None:
            return None
        own = threading.current_thread().__dict__
        before = own.get(THREAD_CELL)
        own[THREAD_CELL] = cell
        return own, before

    def ends(token: tuple[dict[str, Any], Any], _: Any) -> None:
        own, before = token
        own[THREAD_CELL] = before

    item, title = module._WorkItem, "concurrent.futures"
    hook(observation, item, "__init__", title, enter=handed_over)
    hook(observation, item, "run", title, enter=begins, leave=ends)
