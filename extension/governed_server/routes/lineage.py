"""Lineage: the graph of a notebook's session or of anything on record, and its columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from governed_kernel.lineage import condensed, thing_origins
from governed_kernel.lineage.cell_evidence import newest_session
from governed_kernel.lineage.column_paths import origins_of
from governed_kernel.lineage.column_picture import split_uri
from governed_kernel.workspace import Workspace
from governed_server.routes.asked import Place
from governed_server.routing import get
from governed_server.service import Service

__all__ = ["Around", "Columns", "columns", "graph", "targets"]

_MOST_ROWS = 5_000
_NAMED = ("dataset:", "release:", "run:")
"""How the identity begins of what is not a file or an address."""


class Around(Place, kw_only=True):
    """What the graph is about.

    Attributes
    ----------
    target : str
        A dataset, release, run, file or address; empty for the notebook at `path`.
    kernel : str
        Id of that notebook's running kernel, if it has one.
    """

    target: str = ""
    kernel: str = ""


class Columns(Place, kw_only=True):
    """A node of the graph: a cell of a session, or the address of something that was written."""

    session: str = ""
    cell: str = ""
    uri: str = ""


@get("lineage")
def graph(service: Service, asked: Around) -> dict[str, Any]:
    """The graph of a notebook's session, or of what was asked for."""
    running = service.session_of_kernel(asked.kernel) if not asked.target else None
    workspace = service.workspace(asked.path)
    if running:
        workspace = Workspace.open(Path(running.workspace))
    session = running.session if running else ""

    def ask() -> tuple[dict[str, Any], bool]:
        with service.store(workspace) as store:
            if asked.target:
                found = condensed.of_target(workspace, asked.target, store)
                # what a path means is asked of the files that lie there now
                return found.as_json(), found.focus[0].startswith(_NAMED)
            name = session or newest_session(store, workspace.relative(service.path(asked.path)))
            found = condensed.of_session(store, name) if name else condensed.Condensed()
            return found.as_json(), True

    about = asked.target or session or service.path(asked.path)
    answer: dict[str, Any] = service.kept.answer(workspace, (bool(asked.target), about), ask)
    return answer


@get("lineage/targets")
def targets(service: Service, asked: Place) -> list[dict[str, Any]]:
    """What a graph can be asked for by name: versions of datasets, releases."""
    with service.store(service.workspace(asked.path)) as store:
        return store.query(
            """SELECT dataset || '@' || version AS name, 'dataset' AS kind FROM dataset_versions
            UNION ALL SELECT release, 'release' FROM releases ORDER BY kind, name LIMIT 2000"""
        )


@get("lineage/columns")
def columns(service: Service, asked: Columns) -> list[dict[str, Any]]:
    """Each column of a node with the source columns that it goes back to."""
    with service.store(service.workspace(asked.path)) as store:
        if asked.cell:
            return thing_origins.of_cell(store, asked.session, asked.cell)[:_MOST_ROWS]
        with store.read() as connection:
            rows = origins_of(connection, [asked.uri])
    return [
        {
            "output": row["output_uri"],
            "name": split_uri(row["output_uri"])[0],
            "output_column": row["output_column"],
            "input": row["input_uri"],
            "input_column": row["input_column"],
            "relation": row["relation"],
            "evidence": row["evidence"],
        }
        for row in rows[:_MOST_ROWS]
    ]
