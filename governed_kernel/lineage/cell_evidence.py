"""What each cell of one session read, wrote and made: what is shown beside the cell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from governed_kernel.errors import UnknownName
from governed_kernel.lineage.store import Store

__all__ = ["cell_evidence", "cell_record", "newest_session", "session_facts"]

Row = dict[str, Any]
_MOST_NAMED = 6
"""Things named in a cell's summary; its detail has all of them."""
_MOST_ROWS = 500


def newest_session(store: Store, notebook: str) -> str:
    """The newest recorded session of a notebook of the workspace; empty when it has none."""
    rows = store.query(
        "SELECT session_id FROM sessions WHERE notebook = ? ORDER BY started_at DESC LIMIT 1",
        [notebook],
    )
    return str(rows[0]["session_id"]) if rows else ""


def session_facts(store: Store, session: str) -> Row:
    """A session with its completeness and what was not explained or denied in it.

    Raises
    ------
    UnknownName
        No journal of that name is in the store.
    """
    rows = store.query(
        """SELECT s.session_id, s.mode, s.notebook, s.user_name, s.started_at, s.ended_at,
            k.witness, coalesce(k.witnessed, 0) AS witnessed, coalesce(k.explained, 0) AS explained,
            coalesce(k.unexplained, 0) AS unexplained,
            (SELECT count(*) FROM accesses a WHERE a.session_id = s.session_id
                AND a.decision = 'denied') AS denied
        FROM sessions s LEFT JOIN completeness k USING (session_id) WHERE s.session_id = ?""",
        [session],
    )
    if not rows:
        raise UnknownName(
            f"no session {session!r} is recorded",
            why="the journals of this workspace have none of that name",
            next="'governed lineage sessions' lists them",
        )
    return rows[0]


def cell_evidence(store: Store, session: str) -> list[Row]:
    """One summary a cell that was run: its last execution, with counts, classes and names.

    Returns
    -------
    list of dict
        ``cell_id``, ``execution``, ``status``, ``read``, ``wrote``, ``denied``, ``unexplained``,
        ``transformed``, ``classes``, ``names`` and ``source_sha256``.
    """
    cells = store.query(
        """SELECT cell_id, execution, status, started_at, ended_at, source_sha256 FROM cells
        WHERE session_id = ? AND cell_id <> ''
        QUALIFY row_number() OVER (PARTITION BY cell_id ORDER BY started_at DESC) = 1""",
        [session],
    )
    accesses = store.query(
        """SELECT execution, cell_id, operation, kind, uri, dataset, version, data_class,
            decision, evidence, count(*) AS times
        FROM accesses WHERE session_id = ? GROUP BY ALL ORDER BY min(occurred_at)""",
        [session],
    )
    made = store.query(
        """SELECT execution, cell_id, count(*) AS times FROM transformations
        WHERE session_id = ? GROUP BY ALL""",
        [session],
    )
    touched: dict[tuple[int, str], list[Row]] = {}
    for row in accesses:
        touched.setdefault((row["execution"], row["cell_id"]), []).append(row)
    transformed = {(row["execution"], row["cell_id"]): row["times"] for row in made}
    return [
        {
            **cell,
            **_summary(touched.get((cell["execution"], cell["cell_id"]), [])),
            "transformed": transformed.get((cell["execution"], cell["cell_id"]), 0),
        }
        for cell in cells
    ]


def cell_record(store: Store, session: str, cell_id: str, execution: int) -> Row:
    """All that is on record of one execution of a cell: accesses and transformations."""
    accesses = store.query(
        """SELECT occurred_at, operation, kind, uri, dataset, version, data_class, bytes, sha256,
            decision, policies, purpose, via, evidence, status, detail
        FROM accesses WHERE session_id = ? AND cell_id = ? AND execution = ?
        ORDER BY occurred_at LIMIT ?""",
        [session, cell_id, execution, _MOST_ROWS],
    )
    made = store.query(
        """SELECT t.transformation_id, t.operation, t.library, t.rows_in, t.rows_out,
            (SELECT count(*) FROM column_lineage c
                WHERE c.transformation_id = t.transformation_id) AS columns
        FROM transformations t WHERE session_id = ? AND cell_id = ? AND execution = ?
        ORDER BY occurred_at LIMIT ?""",
        [session, cell_id, execution, _MOST_ROWS],
    )
    for row in accesses:
        row["name"] = _name(row)
    return {"accesses": accesses, "transformations": made, "most": _MOST_ROWS}


def _summary(rows: list[Row]) -> Row:
    denied = [row for row in rows if row["decision"] == "denied"]
    allowed = [row for row in rows if row["decision"] != "denied"]
    return {
        "read": _things(row for row in allowed if row["operation"] == "read"),
        "wrote": _things(row for row in allowed if row["operation"] in ("write", "delete")),
        "reached": _things(row for row in allowed if row["operation"] in ("connect", "execute")),
        "denied": _things(denied),
        "unexplained": sum(row["times"] for row in rows if row["evidence"] == "unexplained"),
        "classes": sorted({row["data_class"] for row in rows if row["data_class"]}),
    }


def _things(rows: Iterable[Row]) -> Row:
    """How many different things, and the names of the first."""
    names = list(dict.fromkeys(_name(row) for row in rows))
    return {"count": len(names), "names": names[:_MOST_NAMED]}


def _name(row: Row) -> str:
    """What people call it: the catalog's name, else a file's own, else the address."""
    if row["dataset"]:
        return f"{row['dataset']}@{row['version']}" if row["version"] else str(row["dataset"])
    parts = urlsplit(row["uri"])
    if parts.scheme == "file":
        return PurePosixPath(unquote(parts.path)).name or str(row["uri"])
    return str(row["uri"])
