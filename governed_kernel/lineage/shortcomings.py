"""What is not as it should be: inputs that nobody registered, data kept longer than it may be."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from governed_kernel.lineage.store import Store

__all__ = ["past_retention", "unregistered_inputs"]

_UNREGISTERED = """
WITH asked AS (
    SELECT s.session_id, s.run_id FROM base.session_started s LEFT JOIN runs r USING (run_id)
    WHERE r.release = ? OR s.session_id IN (SELECT unnest(?::VARCHAR[]))
), made AS (  -- what they, or a validation of them, read back of their own
    SELECT uri, min(occurred_at) AS at FROM accesses JOIN asked USING (session_id)
    WHERE operation = 'write' GROUP BY uri
)
SELECT a.uri, a.kind, any_value(a.sha256) AS sha256,
    list_sort(list_distinct(list(a.session_id))) AS sessions,
    list_sort(list_distinct(list(a.execution))) AS executions,
    list_sort(list_distinct(list(a.via))) AS via,
    list_sort(list_distinct(list(a.evidence))) AS evidence
FROM accesses a JOIN asked USING (session_id)
WHERE a.operation = 'read' AND a.dataset IS NULL
    AND NOT EXISTS (SELECT 1 FROM made m WHERE m.at <= a.occurred_at
                    AND (m.uri = a.uri OR starts_with(m.uri, a.uri || '/')))
    AND a.kind IN ('file', 'sql', 'http', 'model', 'dataset')
    AND a.decision IS DISTINCT FROM 'denied'
    AND coalesce(a.sha256, '') NOT IN (SELECT unnest(?::VARCHAR[]))
    AND coalesce(a.sha256, '') NOT IN (  -- what its runs left, wherever it lies now
        SELECT f.sha256 FROM artifacts f JOIN runs r USING (run_id) WHERE r.release = ?)
GROUP BY a.uri, a.kind ORDER BY a.uri
"""


def unregistered_inputs(
    store: Store, release: str, sessions: Sequence[str] = (), bound: Collection[str] = ()
) -> list[dict[str, Any]]:
    """What the runs of a release, and further sessions, read that no catalogued version contains.

    Parameters
    ----------
    store : Store
        Up to date.
    sessions : sequence of str
        Such as the research session that the release was promoted from.
    bound : collection of str
        SHA-256 of files that the release binds itself: code, suites.
    """
    return store.query(_UNREGISTERED, [release, list(sessions), list(bound), release])


def past_retention(store: Store, day: date, *, everything: bool = False) -> list[dict[str, Any]]:
    """Versions that had to be gone by a day, the longest overdue first, and who read them since.

    A day that nobody can read has passed, as gates have it.

    Parameters
    ----------
    everything : bool
        Also those whose retention has not ended yet.
    """
    return store.query(
        """SELECT v.dataset, v.version, v.data_class, v.state, v.retention_until,
            date_diff('day', TRY_CAST(v.retention_until AS DATE), ?::DATE) AS days_over, d.owner,
            count(DISTINCT a.session_id)
                FILTER (coalesce(a.occurred_at::DATE > TRY_CAST(v.retention_until AS DATE), true))
                AS sessions_since
        FROM dataset_versions v LEFT JOIN datasets d USING (dataset)
        LEFT JOIN accesses a ON a.dataset = v.dataset AND a.version = v.version
            AND a.operation = 'read' AND a.decision IS DISTINCT FROM 'denied'
        WHERE v.retention_until IS NOT NULL
            AND (? OR coalesce(TRY_CAST(v.retention_until AS DATE) < ?::DATE, true))
        GROUP BY ALL ORDER BY days_over DESC NULLS FIRST, v.dataset, v.version""",
        [day, everything, day],
    )
