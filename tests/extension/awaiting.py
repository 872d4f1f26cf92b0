"""Awaiting in a test, whatever else goes on in its process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Value = TypeVar("Value")


def awaited(work: Coroutine[Any, Any, Value]) -> Value:
    """What `work` comes to, in a thread of its own: a browser's tests leave a loop in this one."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()
