"""What resources held, asked of the tables as a graph does it, and of the public view."""

from __future__ import annotations

from governed_kernel.lineage.recognising import contents_of, hits_on
from governed_kernel.lineage.sight import Sight
from governed_kernel.lineage.store import Store

__all__ = ["both_ways"]


def both_ways(store: Store) -> tuple[list[object], list[object]]:
    """All contents of everything that was read or written: as found fast, and as viewed."""
    with store.read() as connection:
        viewed = connection.execute(
            "SELECT DISTINCT uri, dataset, version, sha256, bytes FROM accesses "
            "WHERE operation IN ('read', 'write') ORDER BY ALL"
        ).fetchall()
        sight = Sight(connection)
        hits = hits_on(connection, sight, {row[0] for row in viewed})
        return [tuple(content) for content in contents_of(connection, sight, hits)], [*viewed]
