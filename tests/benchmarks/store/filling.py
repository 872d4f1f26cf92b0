"""Stores and ledgers of the size that a team has, made at once: what no question may slow by."""

from __future__ import annotations

from typing import Any

import duckdb

from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    Digested,
    SessionEvent,
    SessionStarted,
    Witnessed,
    now,
)
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import Session

__all__ = ["OUT", "chain_of_steps", "grow", "session_events"]

OUT = "file:///out.parquet"
_OTHERS = 1_000_000
"""Number of the session that everything off the path belongs to."""


def session_events(count: int) -> list[SessionEvent]:
    """A session as they are: per cell a start, accesses, system calls, a digest and an end."""
    moment = now()
    started = SessionStarted(
        session_id="s", mode="research", notebook="n", user_name="u", host="h", pid=1
    )
    events: list[SessionEvent] = [started]
    cell = 0
    while len(events) < count:
        cell += 1
        at: dict[str, Any] = {"execution": cell, "occurred_at": moment}
        name = f"cell-{cell}"
        events.append(CellStarted(cell_id=name, source=f"{cell:064x}", **at))
        for number in range(8):
            path = f"/data/part-{number}-{cell % 997}.parquet"
            access = Access(
                access_id=cell * 8 + number,
                cell_id=name,
                operation="read",
                kind="file",
                uri=f"file://{path}",
                via="pandas.read_parquet",
                **at,
            )
            events += [
                access,
                Witnessed(cell_id=name, pid=1, syscall="openat", path=path, **at),
            ]
        ids = [cell * 8 + number for number in range(8)]
        events.append(Digested(access_ids=ids, uri="file:///d", sha256="0" * 64, bytes=1))
        events.append(CellEnded(cell_id=name, status="ok", **at))
    return events[:count]


def chain_of_steps(workspace: Workspace, steps: int, columns: int) -> None:
    """A session that makes `OUT` from a source, step by step, each step with as many edges."""
    session = Session(workspace, "s1")
    session.cell("x")
    names = [f"c{number}" for number in range(columns)]
    frame = session.read_file("file:///data/source.parquet", names)
    for _ in range(steps - 1):
        step = [(column, frame, column, "TRANSFORMATION") for column in names]
        frame = session.transform("add", {frame: names}, session.memory(), names, step)  # type: ignore[arg-type]
    session.write_file(frame, names, OUT)
    session.end()


def grow(store: Store, edges: int) -> None:
    """Put the graph of many other sessions into a store: steps of 20 edges, files now and then."""
    steps, every = edges // 20, 50
    many = f"range({steps}) r(i), n"
    some = f"range({steps // every}) r(i), n"
    at = "TIMESTAMP '2026-01-01' + to_seconds(i)"
    with duckdb.connect(store.path) as database:
        database.execute(
            """CREATE TEMP TABLE n AS SELECT max(entity_no) AS e,
            (SELECT max(transformation_no) FROM base.transformation) AS t,
            (SELECT min(entity_no) FROM base.resources) AS f FROM base.objects"""
        )
        fill = {
            "transformation (transformation_no, session_no, record, occurred_at, operation, "
            "library, transformation_id)": f"SELECT t + i + 1, {_OTHERS}, i, {at}, 'add', "
            f"'pandas', 's2/t' || i FROM {many} ORDER BY i",
            "objects": f"SELECT e + i + 1, {_OTHERS}, 'memory://s2/' || i, 'frame', '', [] "
            f"FROM {many} ORDER BY i",
            "makes": f"SELECT t + i + 1, e + i + 1 FROM {many} ORDER BY i",
            "uses": f"SELECT t + i + 1, e + i FROM {many} WHERE i > 0 ORDER BY i",
            "column_edges": f"SELECT t + i + 1, e + i + 1, 'c' || c, e + i, 'c' || c, "
            f"'TRANSFORMATION', 'observed' FROM {many}, range(20) q(c) WHERE i > 0 ORDER BY i, c",
            "resources": f"SELECT f - i - 1, 'file:///others/' || i || '.parquet', 'file' "
            f"FROM {some} ORDER BY i",
            "folders": f"SELECT 0, 'file:///others', 'file:///others/' || i || '.parquet' "
            f"FROM {some} ORDER BY i",
            "writes": f"SELECT t + {every} * i + 1, f - i - 1, 'frame', {_OTHERS}, i, {at}, [] "
            f"FROM {some} ORDER BY i",
            "reads": f"SELECT t + {every} * i + 2, f - i - 1, 'frame', {_OTHERS}, i, {at}, [] "
            f"FROM {some} ORDER BY i",
            "continuations": f"SELECT t + {every} * i + 2, f - i - 1, t + {every} * i + 1 "
            f"FROM {some} ORDER BY i",
            "origins": f"SELECT t + {every} * i + 1, f - i - 1, 'c' || c, t + {every} * i + 2, "
            f"f - i, 'c' || c, 'TRANSFORMATION', 'observed' FROM {some}, range(20) q(c) "
            f"ORDER BY i, c",
            "access (session_no, record, occurred_at, access_id, execution, cell_id, operation, "
            "kind, uri, via, evidence)": f"SELECT {_OTHERS}, i, {at}, i, i, 'c', o, 'file', "
            f"'file:///others/' || i || '.parquet', 'pandas', 'observed' "
            f"FROM {some}, (VALUES ('read'), ('write')) v(o) ORDER BY i",
            "journals": f"VALUES ({_OTHERS}, 's2', 0, 0, '', 0, '', 0, '')",
        }
        for table, rows in fill.items():
            database.execute(f"INSERT INTO base.{table} {rows}")
