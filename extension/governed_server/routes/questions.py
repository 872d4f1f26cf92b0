"""Questions about what is on record: sessions, what differs, who read, what is not as it should be.

The command line and `governed_kernel.questions` ask the same functions.
"""

from __future__ import annotations

from typing import Any

from governed_kernel.lineage import comparison, readers, session_states, shortcomings
from governed_kernel.lineage.dates import moment
from governed_kernel.lineage.events import now
from governed_kernel.release.inputs import unregistered_inputs_of
from governed_server.routes.asked import MOST_ROWS, Count, Listed, Offset, Place, Release
from governed_server.routing import get
from governed_server.service import Service

__all__ = ["Overdue", "Pair", "Read"]


class Pair(Place, kw_only=True):
    """Two sessions by name."""

    first: str
    second: str


class Read(Place, kw_only=True):
    """Who read something between two days or moments, UTC.

    Attributes
    ----------
    target : str
        ``DATASET[@VERSION]``, a URI, a path, a release or a run.
    column : str
        Only readings of that column, and those of which nobody knows the columns.
    parts : bool
        Readings of what the dataset was split into count as well.
    """

    target: str
    column: str = ""
    since: str = ""
    until: str = ""
    parts: bool = False
    limit: Count = MOST_ROWS
    offset: Offset = 0


class Overdue(Place, kw_only=True):
    """What had to be gone by a day (today), or `everything` that has an end."""

    day: str = ""
    everything: bool = False


@get("sessions")
def sessions(service: Service, asked: Listed) -> session_states.Page:
    """Some of the sessions: whose, how each ended, and what it lost."""
    workspace = service.workspace(asked.path)
    with service.store(workspace) as store:
        return session_states.sessions(
            workspace, store, limit=asked.limit, offset=asked.offset, search=asked.search
        )


@get("lineage/diff")
def diff(service: Service, asked: Pair) -> dict[str, Any]:
    """What differs between two sessions: notebook, versions, cells, accesses, columns."""
    workspace = service.workspace(asked.path)
    with service.store(workspace) as store:
        return comparison.compare(workspace, asked.first, asked.second, store=store).as_json()


@get("lineage/readers")
def read(service: Service, asked: Read) -> dict[str, Any]:
    """Some of the readings, the oldest first: from which cell, and what allowed each."""
    since = moment(asked.since) if asked.since else None
    until = moment(asked.until, end_of_day=True) if asked.until else None
    workspace = service.workspace(asked.path)
    with service.store(workspace) as store:
        rows = readers.readers(
            workspace, asked.target, asked.column, since, until, parts=asked.parts, store=store
        )
    return {"total": len(rows), "readings": rows[asked.offset :][: asked.limit]}


@get("release/unregistered")
def unregistered(service: Service, asked: Release) -> list[dict[str, Any]]:
    """What a release read that is in no catalogued version, in its runs and in research."""
    workspace = service.workspace(asked.path)
    with service.store(workspace) as store:
        return unregistered_inputs_of(workspace, asked.release, store)[1]


@get("catalog/retention")
def retention(service: Service, asked: Overdue) -> list[dict[str, Any]]:
    """Versions that had to be gone by a day, and how many sessions read them since."""
    day = (moment(asked.day) if asked.day else now()).date()
    with service.store(service.workspace(asked.path)) as store:
        return shortcomings.past_retention(store, day, everything=asked.everything)
