"""Which journal belongs to which run, asked of the journals themselves."""

from __future__ import annotations

from itertools import islice

from governed_kernel.errors import IntegrityBroken
from governed_kernel.lineage.events import SessionStarted
from governed_kernel.lineage.forms import journal_files
from governed_kernel.lineage.journal import SESSION_DECODER, read_records
from governed_kernel.workspace import Workspace

__all__ = ["session_of_run"]


def session_of_run(workspace: Workspace, run_id: str) -> str:
    """The newest session that was started for `run_id`; empty when there is none yet."""
    for path in reversed(journal_files(workspace.journals)):
        try:
            for record in islice(read_records(path, SESSION_DECODER), 3):
                event = record.event
                if isinstance(event, SessionStarted) and event.run_id == run_id:
                    return event.session_id
        except IntegrityBroken:
            continue  # verification reports it; another journal may be the one
    return ""
