"""Which content resources had, and as what catalogs know it: the view ``accesses``, for few.

Its time does not depend on how much the catalogs know, as that of the view does.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from governed_kernel.lineage.numbering import of_session
from governed_kernel.lineage.session_views import EMPTY_FILE, SNAPSHOT
from governed_kernel.lineage.sight import Sight, marks

__all__ = ["Content", "Hit", "contents_of", "hits_on"]


_Name = tuple[str | None, str | None]


class Content(NamedTuple):
    """What a session found or left at a URI; None where it is not known."""

    uri: str
    dataset: str | None
    version: str | None
    sha256: str | None
    bytes: int | None


class Hit(NamedTuple):
    """That a session read or wrote a resource, as who asks sees it."""

    uri: str
    operation: str
    session_id: str
    workspace_no: int
    dataset: str | None
    version: str | None
    sha256: str | None
    bytes: int | None
    snapshot: str
    """Digest of the snapshot that the resource lies in."""
    last: datetime
    """When it last did so and found, or left, that content."""


_ACCESSES = """
SELECT a.uri, a.operation, j.session_id, {workspace_no}, a.dataset, a.version,
    coalesce(a.sha256, d.sha256), coalesce(nullif(a.bytes, -1), d.bytes),
    regexp_extract(a.uri, '{snapshot}', 1), max(a.occurred_at)
FROM base.access a JOIN base.journals j USING (session_no)
LEFT JOIN base.digested d
    ON d.session_no = a.session_no AND d.access_id = a.access_id AND NOT d.changed
WHERE a.session_no BETWEEN ? AND ? AND a.operation IN ('read', 'write')
    AND (a.session_no, a.record) IN (SELECT unnest(?::BIGINT[]), unnest(?::BIGINT[]))
GROUP BY ALL
"""

_FILES = """
SELECT f.sha256, f.workspace_no, f.dataset, f.version, v.registered_at
FROM base.dataset_files f JOIN base.dataset_versions v USING (workspace_no, dataset, version)
WHERE f.sha256 IN ({digests}) ORDER BY v.registered_at, f.dataset, f.version
"""

_SNAPSHOTS = """
SELECT sha256, workspace_no, dataset, version FROM base.dataset_versions
WHERE sha256 IN ({digests}) ORDER BY registered_at, dataset, version
"""


def hits_on(
    connection: duckdb.DuckDBPyConnection, sight: Sight, uris: Collection[str]
) -> list[Hit]:
    """Which sessions read and wrote some resources, and what content; each once."""
    written = sight.written(uris)
    if not written:
        return []
    # Where they are first, by the index, or from one column: not from the others of all rows.
    rows = connection.execute(
        f"SELECT session_no, record FROM base.access WHERE uri IN ({marks(written)})", written
    ).fetchall()
    if not rows:
        return []
    numbers, records = [row[0] for row in rows], [row[1] for row in rows]
    sql = _ACCESSES.format(snapshot=SNAPSHOT, workspace_no=of_session("a.session_no"))
    found = {
        Hit(sight.uri(uri, workspace_no), operation, session_id, workspace_no, *rest)
        for uri, operation, session_id, workspace_no, *rest in connection.execute(
            sql, [min(numbers), max(numbers), numbers, records]
        ).fetchall()
    }
    return [hit for hit in found if hit.uri in uris]


def contents_of(
    connection: duckdb.DuckDBPyConnection, sight: Sight, hits: Collection[Hit]
) -> list[Content]:
    """What sessions found or left at some resources, in order; each once."""
    known = _Known(connection, sight, {hit.sha256 for hit in hits}, {hit.snapshot for hit in hits})
    found = set()
    for hit in hits:
        if hit.dataset is not None:
            name: _Name = (sight.name(hit.dataset, hit.workspace_no), hit.version)
        else:
            name = known.name(hit.workspace_no, hit.sha256, hit.snapshot)
        found.add(Content(hit.uri, *name, hit.sha256, hit.bytes))
    return sorted(found, key=_in_order)


def _in_order(content: Content) -> list[tuple[bool, Any]]:
    return [(value is None, value if value is not None else 0) for value in content]


class _Known:
    """As what the catalogs of the workspaces know some digests, the earliest name first."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        sight: Sight,
        digests: set[str | None],
        snapshots: set[str],
    ) -> None:
        self._sight = sight
        files = sorted(digest for digest in digests if digest and digest != EMPTY_FILE)
        folders = sorted(digest for digest in snapshots if digest)
        self._files: dict[tuple[str, int], tuple[Any, tuple[str, str]]] = {}
        self._folders: dict[str, tuple[str, str]] = {}
        if files:
            for sha256, number, dataset, version, since in connection.execute(
                _FILES.format(digests=marks(files)), files
            ).fetchall():
                named = (sight.name(dataset, number), version)
                self._files.setdefault((sha256, number), (since, named))
        if folders:
            for sha256, number, dataset, version in connection.execute(
                _SNAPSHOTS.format(digests=marks(folders)), folders
            ).fetchall():
                self._folders.setdefault(sha256, (sight.name(dataset, number), version))

    def name(self, workspace_no: int, sha256: str | None, snapshot: str) -> _Name:
        """The version that a snapshot's folder or a file's content belongs to."""
        if snapshot in self._folders:
            return self._folders[snapshot]
        own = self._files.get((sha256 or "", workspace_no))
        if own is not None:
            return own[1]
        # What the catalog of the workspace does not know, another's may.
        others = [
            (since, number, named)
            for (digest, number), (since, named) in self._files.items()
            if digest == sha256
        ]
        return min(others)[2] if others else (None, None)
