"""The workspaces that a store knows, each with its number."""

from __future__ import annotations

import duckdb

from governed_kernel.errors import ResourceMissing
from governed_kernel.lineage.imports import host_of, identity_of, name_of
from governed_kernel.lineage.numbering import LAST_WORKSPACE, Numbers
from governed_kernel.lineage.replacing import Removing
from governed_kernel.workspace import Workspace

__all__ = ["number_of", "register"]


def number_of(connection: duckdb.DuckDBPyConnection, identity: str) -> int | None:
    """Number of a workspace within a store; None when it is not known there."""
    found = connection.execute(
        "SELECT any_value(workspace_no) FROM base.workspaces WHERE workspace_id = ?", [identity]
    ).fetchone()
    return found[0] if found else None


def register(
    connection: duckdb.DuckDBPyConnection, workspace: Workspace, number: int | None
) -> Numbers:
    """The numbers of a workspace, which becomes known, or better known, if need be.

    Parameters
    ----------
    number : int, optional
        The number that it has; else it gets the next one.
    """
    known = connection.execute(
        "SELECT workspace_id, host FROM base.workspaces WHERE workspace_no = ?", [number]
    ).fetchone()
    identity = identity_of(workspace)
    host = (known[1] if known else "") or host_of(workspace)
    if number is None or known != (identity, host):
        Removing.check(connection)
        number = _next(connection) if number is None else number
        connection.execute("DELETE FROM base.workspaces WHERE workspace_no = ?", [number])
        told = [number, identity, name_of(workspace), host]
        connection.execute("INSERT INTO base.workspaces VALUES (?, ?, ?, ?)", told)
    return Numbers(number)


def _next(connection: duckdb.DuckDBPyConnection) -> int:
    """A number for a workspace that the store does not know yet."""
    found = connection.execute("SELECT coalesce(max(workspace_no), 0) + 1 FROM base.workspaces")
    number = int((found.fetchone() or (1,))[0])
    if number > LAST_WORKSPACE:
        raise ResourceMissing(
            "the lineage store has no room for another workspace",
            why=f"it knows {LAST_WORKSPACE} of them",
            next="begin another store, with a schema of its own",
        )
    return number
