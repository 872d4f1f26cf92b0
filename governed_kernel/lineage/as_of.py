"""What was live at a moment, by the lineage store: for many questions, fast.

The store is a projection: what has to be proven is replayed from the ledger (`audit.as_of`), which
takes the time of every signature since the workspace began.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb

__all__ = ["deployments_at"]


def deployments_at(
    connection: duckdb.DuckDBPyConnection, moment: datetime, environment: str | None = None
) -> list[dict[str, Any]]:
    """The deployments that were live at a moment, by environment and slot.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        From `Store.read`.
    moment : datetime
        With a time zone, or in UTC. A deployment is live from ``live_from`` on, and at ``live_to``
        no longer.
    environment : str, optional
        Only what was live there.

    Returns
    -------
    list of dict
        Rows of the view ``deployments``.
    """
    at = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    found = connection.execute(
        """SELECT * FROM deployments
        WHERE live_from <= $at AND (live_to IS NULL OR live_to > $at)
            AND ($environment::VARCHAR IS NULL OR environment = $environment)
        ORDER BY environment, slot, live_from""",
        {"at": at, "environment": environment},
    )
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
