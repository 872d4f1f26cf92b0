"""How each session stands: sealed, running, cut off, or with its journal gone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from governed_kernel.lineage.forms import forms
from governed_kernel.lineage.heads import is_live
from governed_kernel.lineage.seals import Seals
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace

__all__ = ["Page", "State", "sessions"]

State: TypeAlias = Literal["sealed", "running", "cut off", "journal gone"]

_NAMED = """
SELECT s.*, nullif(b.run_id, '') AS run_id, r.release, j.session_no
FROM sessions s JOIN base.journals j USING (session_id)
JOIN base.session_started b USING (session_no) LEFT JOIN runs r ON r.run_id = b.run_id
WHERE contains(lower(concat_ws(' ', s.session_id, s.notebook, b.run_id, r.release, s.user_name,
    s.host)), lower(?))
"""

_SESSIONS = f"""
WITH page AS MATERIALIZED (
    {_NAMED} ORDER BY started_at DESC, session_id DESC LIMIT ? OFFSET ?
), turned AS (
    SELECT session_no, count(*) FILTER (back) AS times FROM (
        SELECT session_no, occurred_at < lag(occurred_at) OVER (
            PARTITION BY session_no ORDER BY record) AS back
        FROM (SELECT session_no, record, occurred_at FROM base.cell_started
              UNION ALL SELECT session_no, record, occurred_at FROM base.cell_ended)
        SEMI JOIN page USING (session_no)
    ) GROUP BY session_no
), counted AS (
    SELECT session_no, count(DISTINCT execution) AS cells
    FROM base.cell_started SEMI JOIN page USING (session_no) GROUP BY session_no
), lost AS (
    SELECT session_no, count(*) AS lost
    FROM base.observer_lost SEMI JOIN page USING (session_no) GROUP BY session_no
)
SELECT p.* EXCLUDE (session_no), coalesce(c.cells, 0) AS cells, k.unexplained,
    coalesce(l.lost, 0) AS lost, coalesce(t.times, 0) AS clock_back
FROM page p LEFT JOIN completeness k USING (session_id) LEFT JOIN counted c USING (session_no)
LEFT JOIN lost l USING (session_no) LEFT JOIN turned t USING (session_no)
ORDER BY started_at DESC, session_id DESC
"""


@dataclass(frozen=True)
class Page:
    """Some of the sessions, the newest first.

    Attributes
    ----------
    total : int
        How many there are, on this page and others.
    sessions : list of dict
        Columns of the view ``sessions``, and what `sessions` says of each.
    """

    total: int
    sessions: list[dict[str, Any]]


def sessions(
    workspace: Workspace,
    store: Store,
    *,
    limit: int | None = None,
    offset: int = 0,
    search: str = "",
) -> Page:
    """The recorded sessions, the newest first, each with its state and what it lost.

    ``state`` is ``sealed`` (its end lies in the ledger), ``running``, ``cut off`` (its recorder
    was killed, so its end is only its recorder's word) or ``journal gone``. ``lost`` counts what is
    on record as not recorded: observers that failed, writes for which the disk had no room, a
    journal that somebody else changed. ``clock_back`` counts how often the clock stepped back
    between cells: the order of records is the truth, their times are claims. ``run_id`` and
    ``release`` are of a session that executed a release, which has no ``notebook`` of its own.

    Parameters
    ----------
    store : Store
        Up to date.
    limit, offset : int
        How many to give, after how many others. A page takes no longer with more of them.
    search : str
        Only those whose name, notebook, run, release, user or machine contains it, in letters of
        either case.
    """
    rows = store.query(_SESSIONS, [search, limit, offset])
    (found,) = store.query(f"SELECT count(*) AS there FROM ({_NAMED})", [search])
    unheard = [name for name in _unheard(workspace, store) if search.lower() in name.lower()]
    start = max(offset - found["there"], 0)
    end = None if limit is None else start + limit - len(rows)
    empty = dict.fromkeys(rows[0] if rows else ("session_id",))
    rows += [{**empty, "session_id": name, "cells": 0} for name in unheard[start:end]]
    sealed = Seals(workspace).all()
    states = [_state(workspace, row["session_id"], sealed) for row in rows]
    return Page(
        found["there"] + len(unheard),
        [{**row, "state": state} for row, state in zip(rows, states, strict=True)],
    )


def _unheard(workspace: Workspace, store: Store) -> list[str]:
    """Sessions of which there is their recorder's word alone: their journals are gone."""
    heads = sorted(path.stem for path in workspace.journals.glob("[!.]*.head"))
    rows = store.query(
        "SELECT session_id FROM base.journals WHERE session_id IN (SELECT unnest(?::VARCHAR[]))",
        [heads],
    )
    known = {row["session_id"] for row in rows}
    return [name for name in heads if name not in known]


def _state(workspace: Workspace, session: str, sealed: Collection[str]) -> State:
    journal = workspace.journals / f"{session}.jsonl"
    if not forms(journal):
        return "journal gone"
    if session in sealed:
        return "sealed"
    return "running" if is_live(journal) else "cut off"
