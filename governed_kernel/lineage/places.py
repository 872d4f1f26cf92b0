"""What a URI stands for, where its own name is of one run, one version or one machine."""

from __future__ import annotations

import re
from urllib.parse import unquote

import duckdb

from governed_kernel.lineage.targets import file_uri
from governed_kernel.workspace import Workspace

__all__ = ["Places"]

_SNAPSHOT = re.compile(r"/\.governed/snapshots/([0-9a-f]{64})(/.*)?$")
_RUN = re.compile(r"/\.governed/runs/[^/]+/(.*)$")
_SAME = {
    True: {"work/": "", "output/": "outputs/"},
    False: {"research/outputs/": "outputs/"},
}
"""In a run's folder, and outside of one: a folder, and what it is for a notebook anywhere."""


class Places:
    """Names for the URIs of one session, the same for what is the same in another.

    A file of a snapshot is named by its dataset, a file of the workspace, or a run's copy of it,
    by its path within the workspace, an output by its path within the outputs.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, workspace: Workspace, session: str
    ) -> None:
        self._root = file_uri(workspace.root)
        rows = connection.execute(
            """SELECT DISTINCT uri, dataset FROM accesses
            WHERE session_id = ? AND dataset IS NOT NULL""",
            [session],
        ).fetchall()
        snapshots = ((_SNAPSHOT.search(uri), dataset) for uri, dataset in rows)
        self._datasets = {match.group(1): dataset for match, dataset in snapshots if match}

    def name(self, uri: str) -> str:
        """What `uri` stands for."""
        snapshot = _SNAPSHOT.search(uri)
        if snapshot and snapshot.group(1) in self._datasets:
            dataset = self._datasets[snapshot.group(1)]
            return f"dataset {dataset}{unquote(snapshot.group(2) or '')}"
        if not uri.startswith(f"{self._root}/"):
            return uri
        run = _RUN.search(uri)
        name = unquote(run.group(1) if run else uri[len(self._root) + 1 :])
        for folder, stands_for in _SAME[bool(run)].items():
            if name.startswith(folder):
                return stands_for + name[len(folder) :]
        return f"run:/{name}" if run else name
