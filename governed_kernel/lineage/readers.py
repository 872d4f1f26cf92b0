"""Who read something: from which notebook and cell, when, and what allowed it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb

from governed_kernel.lineage.sight import Sight
from governed_kernel.lineage.store import Store
from governed_kernel.lineage.targets import Target, resolve
from governed_kernel.workspace import Workspace

__all__ = ["readers"]

# What a transformation read of a resource, by cell: a list of columns, or NULL where some reading
# of it did not say which.
_COLUMNS = """
SELECT j.session_id, r.execution, e.uri,
    CASE WHEN bool_or(len(r.columns) = 0) THEN NULL
         ELSE list_sort(list_distinct(flatten(list(r.columns)))) END AS columns
FROM base.reads r
JOIN base.named_resources e USING (entity_no)
JOIN base.journals j USING (session_no)
GROUP BY ALL
"""

_READERS = """
WITH hits AS (
    SELECT a.session_id, a.execution, a.cell_id, a.uri, a.dataset, a.version, a.data_class,
        min(a.occurred_at) AS occurred_at, any_value(a.sha256) AS sha256,
        CASE WHEN bool_or(a.decision = 'denied') THEN 'denied'
             WHEN bool_or(a.decision = 'allowed') THEN 'allowed' END AS decision,
        max(a.purpose) AS purpose,
        list_sort(list_distinct(flatten(list(a.policies)))) AS policies,
        list_sort(list_distinct(list(a.via))) AS via,
        list_sort(list_distinct(list(a.evidence))) AS evidence
    FROM accesses a
    WHERE a.operation = 'read' AND {which}
        AND (?::TIMESTAMP IS NULL OR a.occurred_at >= ?::TIMESTAMP)
        AND (?::TIMESTAMP IS NULL OR a.occurred_at <= ?::TIMESTAMP)
    GROUP BY ALL
), approved AS (
    SELECT release, list(person || ' (' || role || ')' ORDER BY signed_at, person) AS approved_by
    FROM approvals WHERE purpose = 'run' AND counts GROUP BY release
)
SELECT h.occurred_at, s.user_name, s.person, s.notebook, h.session_id, s.mode, h.execution,
    h.cell_id, h.dataset, h.version, h.data_class, h.uri, h.sha256, c.columns, h.decision,
    h.purpose, h.policies, nullif(s.run_id, '') AS run_id, r.release, p.approved_by, h.via,
    h.evidence
FROM hits h
JOIN base.journals j USING (session_id)
JOIN base.session_started s USING (session_no)
LEFT JOIN ({columns}) c ON c.session_id = h.session_id AND c.execution = h.execution
    AND (c.uri = h.uri OR starts_with(h.uri, c.uri || '/'))
LEFT JOIN runs r ON r.run_id = s.run_id
LEFT JOIN approved p ON p.release = r.release
WHERE ? = '' OR c.columns IS NULL OR list_contains(c.columns, ?)
ORDER BY h.occurred_at, h.session_id, h.execution, h.uri
"""


def readers(
    workspace: Workspace,
    target: str,
    column: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    parts: bool = False,
    store: Store | None = None,
) -> list[dict[str, Any]]:
    """Every reading of a dataset, version, resource or output of a release, oldest first.

    A row is one cell's execution and one resource, however many layers saw the reading.

    Parameters
    ----------
    target : str
        ``DATASET[@VERSION]``, a URI, a path, a release or a run (then what it left is meant).
    column : str
        Only readings of that column, and those of which nobody knows the columns (their
        ``columns`` are None: they may have read it).
    since, until : datetime, optional
        The first and the last moment that count.
    parts : bool
        Readings of what the dataset was split into count as well.
    store : Store, optional
        An up-to-date store; else the workspace's, as it is.

    Returns
    -------
    list of dict
        ``decision`` is what policy said (None where it was not asked), ``purpose`` and
        ``policies`` under which; for a run ``release`` and ``approved_by``, whose signatures
        allowed it.

    Raises
    ------
    UnknownName
        Nothing that was recorded has that name.
    """
    with (store or Store(workspace)).read() as connection:
        found = resolve(connection, workspace, target, Sight(connection))
        if parts:
            _add_parts(connection, found)
        which, named = _which(connection, found)
        moments = [_plain(since), _plain(since), _plain(until), _plain(until)]
        answer = connection.execute(
            _READERS.format(which=which, columns=_COLUMNS), [*named, *moments, column, column]
        )
        names = [described[0] for described in answer.description or []]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def _which(connection: duckdb.DuckDBPyConnection, target: Target) -> tuple[str, list[Any]]:
    """The condition on accesses, and its parameters."""
    if target.kind == "dataset":
        names = [f"{dataset}@{version}" for dataset, version in target.datasets]
        return "a.dataset || '@' || a.version IN (SELECT unnest(?::VARCHAR[]))", [names]
    uris = list(target.resources)
    if target.kind == "resource":
        uris.append(target.name)
    rows = connection.execute(
        "SELECT uri FROM artifacts WHERE run_id IN (SELECT unnest(?::VARCHAR[]))", [target.runs]
    ).fetchall()
    uris += [uri for (uri,) in rows] if target.kind != "resource" else []
    condition = """(a.uri IN (SELECT unnest(?::VARCHAR[]))
        OR EXISTS (SELECT 1 FROM unnest(?::VARCHAR[]) AS u(uri)
                   WHERE starts_with(a.uri, u.uri || '/')))"""
    return condition, [uris, uris]


def _add_parts(connection: duckdb.DuckDBPyConnection, target: Target) -> None:
    pending = list(target.datasets)
    while pending:
        rows = connection.execute(
            "SELECT dataset, version FROM base.named_parents "
            "WHERE parent_dataset = ? AND parent_version = ?",
            list(pending.pop()),
        ).fetchall()
        fresh = [(dataset, version) for dataset, version in rows]
        fresh = [part for part in fresh if part not in target.datasets]
        target.datasets += fresh
        pending += fresh


def _plain(given: datetime | None) -> datetime | None:
    """A moment as the store keeps it: UTC, without saying so."""
    return given.astimezone(UTC).replace(tzinfo=None) if given is not None else None
