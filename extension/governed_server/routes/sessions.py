"""Sessions of notebooks: how complete their record is, and what each cell did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from governed_kernel.governance.denied import explain_denials
from governed_kernel.lineage.cell_evidence import (
    cell_evidence,
    cell_record,
    newest_session,
    session_facts,
)
from governed_kernel.workspace import Workspace
from governed_server.routes.asked import Place
from governed_server.routing import get
from governed_server.service import Service

__all__ = ["Cell", "Session", "cell", "session"]


class Session(Place, kw_only=True):
    """The session of a notebook.

    Attributes
    ----------
    kernel : str
        Id of its running kernel, if it has one; else its newest session is meant.
    """

    kernel: str = ""


class Cell(Place, kw_only=True):
    """One execution of a cell."""

    session: str
    cell_id: str
    execution: int


@get("session")
def session(service: Service, asked: Session) -> dict[str, Any]:
    """How the session of a notebook stands, with the evidence of its cells."""
    running = service.session_of_kernel(asked.kernel)
    workspace = Workspace.open(Path(running.workspace)) if running else None
    if workspace is None:
        workspace = service.workspace(asked.path)
    with service.store(workspace) as store:
        name = running.session if running else ""
        if not running:
            name = newest_session(store, workspace.relative(service.path(asked.path)))
        if not name:
            return {"session": None, "cells": [], "recording": False}
        return {
            "session": session_facts(store, name),
            "cells": cell_evidence(store, name),
            "recording": running is not None,
        }


@get("session/cell")
def cell(service: Service, asked: Cell) -> dict[str, Any]:
    """Everything that one execution of a cell did, with the reason of each denial."""
    workspace = service.workspace(asked.path)
    with service.store(workspace) as store:
        found = cell_record(store, asked.session, asked.cell_id, asked.execution)
    ids = [
        name for row in found["accesses"] if row["decision"] == "denied" for name in row["policies"]
    ]
    return {**found, "policies": explain_denials(workspace, ids)}
