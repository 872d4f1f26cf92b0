"""What ipykernel and IPython do for every cell that nobody has anything of, left undone.

It pays for a part of what recording a cell costs. Nothing here is needed: where it does not fit
(another version, another configuration) all stays as it is.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sqlite3
from typing import Any

from ipykernel import ipkernel

__all__ = ["keep_history_journal", "make_no_unseen_records", "remember_signatures"]


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
