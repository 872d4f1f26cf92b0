"""What the lineage store and the journals it is made from hold, and how much room they take."""

from __future__ import annotations

from typing import Any

from governed_kernel.lineage import schema
from governed_kernel.lineage.forms import COMPRESSED, forms, journal_files
from governed_kernel.lineage.store import Store

__all__ = ["inventory"]


def inventory(store: Store) -> dict[str, Any]:
    """Facts about a store that is up to date, for people.

    Returns
    -------
    dict
        Sizes are in bytes; ``journals_bytes`` is what their records take uncompressed.
    """
    with store.read() as connection:
        found = connection.execute(
            "SELECT count(*), coalesce(sum(records), 0), coalesce(sum(size), 0) FROM base.journals"
        ).fetchone()
        assert found is not None
        sessions, events, size = map(int, found)
        edges = connection.execute("SELECT count(*) FROM base.column_edges").fetchone()
    files = [form for path in journal_files(store.workspace.journals) for form in forms(path)]
    on_disk = store.size()
    return {
        "store": store.location,
        "schema": schema.mark().partition(":")[0],
        "bytes": on_disk,
        "bytes_per_event": round(on_disk / events, 1) if events else None,
        "sessions": sessions,
        "events": events,
        "column_edges": edges[0] if edges else 0,
        "journals_bytes": size,
        "journals_on_disk": sum(form.stat().st_size for form in files),
        "compressed": sum(form.suffix == COMPRESSED for form in files),
        "problems": [report.problem for report in store.report.journals if report.problem],
    }
