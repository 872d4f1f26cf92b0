"""Answers of the lineage store that are kept for as long as nothing is written down."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from governed_kernel.errors import GovernedError
from governed_kernel.lineage.imports import imported
from governed_kernel.lineage.ingestion import states_in
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace

__all__ = ["Kept"]

_MOST = 64
Mark = tuple[Any, ...]


class Kept:
    """The last answers of a server, and what was written down when each was given."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[Mark, Any]] = OrderedDict()
        self._changing = threading.Lock()

    def answer(
        self, workspace: Workspace, question: Hashable, ask: Callable[[], tuple[Any, bool]]
    ) -> Any:
        """The answer to a question, from the store only where anything was written since.

        Parameters
        ----------
        workspace : Workspace
        question : hashable
            What tells it from others about the same workspace.
        ask : callable
            Gives the answer, and whether it rests on what is on record alone.
        """
        key, before = (workspace.root, question), _mark(workspace)
        with self._changing:
            known = self._answers.get(key)
            if known is not None and before and known[0] == before:
                self._answers.move_to_end(key)
                return known[1]
        answer, is_of_record = ask()
        # what was written meanwhile may be in it or not: then it is asked again
        if is_of_record and before and _mark(workspace) == before:
            with self._changing:
                self._answers[key] = before, answer
                while len(self._answers) > _MOST:
                    self._answers.popitem(last=False)
        return answer


def _mark(workspace: Workspace) -> Mark:
    """What changes whenever anything is written down; empty where that can't be seen in files."""
    store = workspace.store
    files = (
        store,
        store.with_name(store.name + ".wal"),
        workspace.ledger,
        workspace.root / CONFIGURATION_FILE,
    )
    try:
        if workspace.keeps_lake or any(imported(workspace)):
            return ()
        return (*map(_state, files), states_in(workspace.journals))
    except (OSError, GovernedError):  # nobody may look; the question says why
        return ()


def _state(path: Path) -> Mark:
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
