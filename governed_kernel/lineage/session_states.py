"""How each session stands: sealed, running, cut off, or with its journal gone."""

from __future__ import annotations

from typing import Any

from governed_kernel.lineage.events import SessionSealed
from governed_kernel.lineage.forms import forms
from governed_kernel.lineage.heads import is_live
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace

__all__ = ["sessions"]

_SESSIONS = """
WITH turned AS (
    SELECT session_no, count(*) FILTER (back) AS times FROM (
        SELECT session_no, occurred_at < lag(occurred_at) OVER (
            PARTITION BY session_no ORDER BY record) AS back
        FROM (SELECT session_no, record, occurred_at FROM base.cell_started
              UNION ALL SELECT session_no, record, occurred_at FROM base.cell_ended)
    ) GROUP BY session_no
)
SELECT s.*, count(DISTINCT c.execution) AS cells, any_value(k.unexplained) AS unexplained,
    (SELECT count(*) FROM base.observer_lost l JOIN base.journals j USING (session_no)
     WHERE j.session_id = s.session_id) AS lost,
    (SELECT coalesce(any_value(t.times), 0) FROM turned t JOIN base.journals j USING (session_no)
     WHERE j.session_id = s.session_id) AS clock_back
FROM sessions s LEFT JOIN cells c USING (session_id) LEFT JOIN completeness k USING (session_id)
GROUP BY ALL ORDER BY started_at DESC, session_id DESC
"""


def sessions(workspace: Workspace, store: Store) -> list[dict[str, Any]]:
    """The recorded sessions, the newest first, each with its state and what it lost.

    ``state`` is ``sealed`` (its end lies in the ledger), ``running``, ``cut off`` (its recorder
    was killed, so its end is only its recorder's word) or ``journal gone``. ``lost`` counts what is
    on record as not recorded: observers that failed, writes for which the disk had no room, a
    journal that somebody else changed. ``clock_back`` counts how often the clock stepped back
    between cells: the order of records is the truth, their times are claims.

    Parameters
    ----------
    store : Store
        Up to date.
    """
    rows = store.query(_SESSIONS)
    sealed = set()
    if workspace.ledger.exists():
        events = Ledger(workspace).events()
        sealed = {event.session_id for event in events if isinstance(event, SessionSealed)}
    known = {row["session_id"] for row in rows}
    heads = {path.stem for path in workspace.journals.glob("[!.]*.head")}
    empty = dict.fromkeys(rows[0] if rows else ("session_id",))
    rows += [{**empty, "session_id": name, "cells": 0} for name in sorted(heads - known)]
    return [{**row, "state": _state(workspace, row["session_id"], sealed)} for row in rows]


def _state(workspace: Workspace, session: str, sealed: set[str]) -> str:
    journal = workspace.journals / f"{session}.jsonl"
    if not forms(journal):
        return "journal gone"
    if session in sealed:
        return "sealed"
    return "running" if is_live(journal) else "cut off"
