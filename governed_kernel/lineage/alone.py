"""A lineage store of some sessions' verified journals alone, for a moment.

The workspace's own store is a projection that anybody with the file may change: what decides
something asks the journals.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.lineage.forms import forms
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace

__all__ = ["store_of"]


@contextmanager
def store_of(workspace: Workspace, sessions: Iterable[str]) -> Iterator[Store]:
    """A store of these sessions and no others.

    Raises
    ------
    IntegrityBroken
        A journal can't be read to its end.
    UnknownName
        There is none.
    """
    with tempfile.TemporaryDirectory(prefix="governed-") as folder:
        alone = Workspace(Path(folder))
        alone.journals.mkdir(parents=True)
        shutil.copy2(workspace.root / CONFIGURATION_FILE, alone.root)
        shutil.copy2(workspace.ledger, alone.ledger)
        for session in sessions:
            journal = workspace.journals / f"{session}.jsonl"
            found = forms(journal)
            if not found:
                raise UnknownName(
                    f"no journal of session {session}",
                    why=f"{journal} is missing",
                    next="restore it from a backup",
                )
            for form in found:
                shutil.copy2(form, alone.journals)
        store = Store(alone, path=alone.store)
        report = store.ingest()
        if report.problems:
            raise IntegrityBroken(
                "a session's journal can't be read to its end",
                why=report.problems[0].problem,
                next="restore it from a backup",
            )
        yield store
