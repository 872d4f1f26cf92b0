"""What may not be cut in two by an interrupt: announcing a cell, and its end."""

from __future__ import annotations

import importlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["uninterrupted"]

_handlers: Any = importlib.import_module("_signal")
"""What `signal` wraps to give enumerations, at eight microseconds a call."""


@contextmanager
def uninterrupted(*, forget: bool = False) -> Iterator[None]:
    """Hold an interrupt (SIGINT) back until the block has ended.

    Only the main thread is interrupted; in others nothing is done.

    Parameters
    ----------
    forget : bool
        Let nobody know of it afterwards: it came too late for the cell, whose reply has to go out.

    Raises
    ------
    KeyboardInterrupt
        What the handler that was there raises, once the block has ended.
    """
    before = _handlers.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if before is None or not is_main:  # None: C code handles it
        yield
        return
    arrived: list[tuple[int, object]] = []
    _handlers.signal(signal.SIGINT, lambda number, frame: arrived.append((number, frame)))
    try:
        yield
    finally:
        _handlers.signal(signal.SIGINT, before)
    if arrived and not forget and callable(before):
        before(signal.SIGINT, None)
