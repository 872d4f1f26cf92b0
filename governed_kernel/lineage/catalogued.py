"""What the store knows of catalogued versions, asked for many at a time.

A question costs as much for one version as for a hundred: nearly all of it is planning the views.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import duckdb

from governed_kernel.lineage.numbering import of_session
from governed_kernel.lineage.sight import Sight

__all__ = ["Reading", "Split", "Version", "Versions"]

Version = tuple[str, str]
"""Name and version of catalogued data."""


class Split(NamedTuple):
    """That a version is a part of another, and which part."""

    part: Version
    whole: Version
    name: str


class Reading(NamedTuple):
    """That a cell accessed the content of a version."""

    dataset: str
    version: str
    uri: str
    session_id: str
    execution: int
    is_read: bool
    """Whether it read it, and was not denied that."""
    is_begun: bool
    """Whether the session's beginning is on record."""
    notebook: str | None
    run_id: str | None


_ACCESSES = """
SELECT DISTINCT a.dataset, a.version, a.uri, a.session_id, a.execution,
    a.operation = 'read' AND a.decision IS DISTINCT FROM 'denied', s.session_id IS NOT NULL,
    s.notebook, s.run_id
FROM accesses a LEFT JOIN base.session_started s USING (session_id)
WHERE a.dataset || '@' || a.version IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL
"""

_WRITTEN = f"""
SELECT DISTINCT f.dataset, f.version, a.uri, {of_session("a.session_no")}
FROM base.access a LEFT JOIN base.digested d
    ON d.session_no = a.session_no AND d.access_id = a.access_id AND NOT d.changed
JOIN base.named_files f ON f.sha256 = coalesce(a.sha256, d.sha256)
WHERE a.operation = 'write' AND f.dataset || '@' || f.version IN (SELECT unnest(?::VARCHAR[]))
"""

_FACTS = """
SELECT v.dataset, v.version, v.sha256, v.bytes, v.data_class, v.state, d.source
FROM dataset_versions v LEFT JOIN datasets d USING (dataset)
WHERE v.dataset || '@' || v.version IN (SELECT unnest(?::VARCHAR[]))
"""

_PARENTS = """
SELECT dataset, version, parent_dataset, parent_version, part FROM base.named_parents
WHERE {side}dataset || '@' || {side}version IN (SELECT unnest(?::VARCHAR[]))
"""


class Versions:
    """Catalogued versions as who asks sees them; of each is asked once.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The store.
    sight : Sight
        Of who asks.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, sight: Sight) -> None:
        self._connection = connection
        self._sight = sight
        self._facts: dict[Version, dict[str, Any]] = {}
        self._wholes: dict[Version, list[Split]] = {}

    def facts(self, version: Version) -> dict[str, Any]:
        """What the catalog says of a version that was learnt of, or that it does not know it."""
        return self._facts[version]

    def wholes(self, version: Version) -> list[Split]:
        """What a version that was learnt of is a part of."""
        return self._wholes[version]

    def learn(self, versions: Iterable[Version]) -> None:
        """Ask what the catalog says of some versions, and what they are parts of."""
        fresh = [version for version in versions if version not in self._facts]
        names = ("sha256", "bytes", "data_class", "state", "source")
        self._facts |= {version: {"data_class": None} for version in fresh}
        self._wholes |= {version: [] for version in fresh}
        for dataset, version, *rest in self._asked(_FACTS, fresh):
            self._facts[dataset, version] = dict(zip(names, rest, strict=True))
        for split in _splits(self._asked(_PARENTS.format(side=""), fresh)):
            self._wholes[split.part].append(split)

    def parts(self, versions: Collection[Version]) -> list[Split]:
        """The parts of some versions."""
        return _splits(self._asked(_PARENTS.format(side="parent_"), versions))

    def accesses(self, versions: Collection[Version]) -> list[Reading]:
        """Every cell that accessed the content of some versions, in order."""
        return [Reading(*row) for row in self._asked(_ACCESSES, versions)]

    def written(self, versions: Collection[Version]) -> list[tuple[Version, str]]:
        """What sessions wrote that has the content of some versions: which one, and the URI."""
        return sorted(
            {
                ((dataset, version), self._sight.uri(uri, workspace_no))
                for dataset, version, uri, workspace_no in self._asked(_WRITTEN, versions)
            }
        )

    def _asked(self, sql: str, versions: Collection[Version]) -> list[tuple[Any, ...]]:
        """The rows of a query about some versions; none where none are meant."""
        if not versions:
            return []
        names = [f"{dataset}@{version}" for dataset, version in versions]
        return self._connection.execute(sql, [names]).fetchall()


def _splits(rows: Iterable[tuple[Any, ...]]) -> list[Split]:
    return [Split((row[0], row[1]), (row[2], row[3]), row[4]) for row in rows]
