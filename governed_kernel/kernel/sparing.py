"""What ipykernel and IPython do for every cell that nobody has anything of, left undone.

It pays for a part of what recording a cell costs. Nothing here is needed: where it does not fit
(another version, another configuration) all stays as it is.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sqlite3
import threading
import time
from typing import Any

from ipykernel import ipkernel

__all__ = [
    "keep_history_journal",
    "make_no_unseen_records",
    "remember_signatures",
    "save_history_between_cells",
]

_SECONDS_LATER = 0.02
"""As long as most cells of one line take, with their reply."""
_SECONDS_BETWEEN_LOOKS = 0.005


def make_no_unseen_records(log: logging.Logger) -> None:
    """Make no records of messages that no handler of `log` takes.

    ipykernel's logger lets everything pass to a handler that takes warnings: four records of every
    cell are made, with all that the cell's messages say, and thrown away.
    """
    if log.handlers and not log.propagate:
        least = min(handler.level for handler in log.handlers)
        log.setLevel(max(log.level, least))


def remember_signatures() -> None:
    """Look once at the signature of a function that ipykernel looks at for every cell.

    It asks whether what runs a cell (the shell's ``run_cell_async``) takes the cell's id; one that
    is put in its place is asked anew.
    """
    ask: Any = vars(ipkernel).get("_accepts_parameters")
    if ask is None or hasattr(ask, "__wrapped__"):
        return
    known: dict[tuple[Any, ...], dict[str, bool]] = {}

    @functools.wraps(ask)
    def ask_once(method: Any, names: list[str]) -> dict[str, bool]:
        key = (getattr(method, "__func__", method), *names)
        if key not in known:
            known[key] = ask(method, names)
        return dict(known[key])

    vars(ipkernel)["_accepts_parameters"] = ask_once


def keep_history_journal(history: Any) -> None:
    """Have IPython's thread that saves the input history empty SQLite's journal, not remove it.

    Each cell that is saved makes and removes one otherwise: three calls that the witness looks at
    while the cell runs, where two will do. Kernels that remove theirs work beside it, as SQLite
    says of ``PRAGMA journal_mode = TRUNCATE``. To be called before the first cell is saved.
    """
    connection = getattr(getattr(history, "save_thread", None), "db", None)
    if isinstance(connection, sqlite3.Connection):  # else it has not begun, or nothing is saved
        with contextlib.suppress(sqlite3.Error):  # a damaged one is IPython's to mend
            connection.execute("PRAGMA journal_mode = TRUNCATE").fetchall()


def save_history_between_cells(history: Any) -> None:
    """Have IPython's thread that saves the input history begin when a short cell has ended.

    It is told at the beginning of each cell, and what it does then (SQLite's files are opened,
    written and synced) takes time and the interpreter's lock from that very cell; the next one
    waits for its end. A longer cell is saved while it runs, and all of it at once when somebody
    asks for the history, as before.
    """
    write = getattr(history, "writeout_cache", None)
    if write is None or not hasattr(history, "save_thread"):
        return

    @functools.wraps(write)
    def write_later(*arguments: Any, **options: Any) -> Any:
        thread = history.save_thread
        if threading.current_thread() is thread:
            _wait_for_end_of_cell(thread)
        return write(*arguments, **options)

    history.writeout_cache = write_later


def _wait_for_end_of_cell(thread: Any) -> None:
    """Not for long, and not when somebody waits for the thread to stop, as before a fork."""
    until = time.monotonic() + _SECONDS_LATER
    while time.monotonic() < until and not getattr(thread, "_stop_now", True):
        time.sleep(_SECONDS_BETWEEN_LOOKS)
