"""What OpenLineage calls a job, a run and a dataset.

Datasets are named by https://openlineage.io/docs/spec/naming where that knows the kind of place.
Runs get UUIDs derived from the session (RFC 9562, version 5), so that an event that is sent twice
is the same event.
"""

from __future__ import annotations

import re
import uuid
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = ["Name", "job_namespace", "of_dataset", "of_uri", "run_id", "snapshot_of"]

_PORTS = {"postgresql": 5432, "mysql": 3306}
_SCHEMES = {"postgresql": "postgres"}
_SNAPSHOT = re.compile(r"/\.governed/snapshots/([0-9a-f]{64})(?:/|$)")


class Name(NamedTuple):
    """A dataset's namespace and its name within that."""

    namespace: str
    name: str


def job_namespace(workspace_id: str) -> str:
    """The namespace of a workspace's jobs and of its catalogued datasets."""
    return f"governed://{workspace_id}"


def run_id(workspace_id: str, session: str, record: int | None = None) -> str:
    """The run of a session, or of the cell's execution that begins at a record of its journal."""
    text = f"{job_namespace(workspace_id)}/{session}"
    if record is not None:
        text += f"/{record}"
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))


def of_dataset(workspace_id: str, dataset: str) -> Name:
    """The name of a catalogued dataset or base model; its version is a facet."""
    return Name(job_namespace(workspace_id), dataset)


def of_uri(uri: str) -> Name:
    """The name of a file, a table, an address."""
    parts = urlsplit(uri)
    path, table = unquote(parts.path), unquote(parts.fragment)
    if parts.scheme == "file":
        return Name("file", path + (f"#{table}" if table else ""))
    if parts.scheme in _PORTS:
        host, port = parts.hostname or "localhost", parts.port or _PORTS[parts.scheme]
        name = ".".join(filter(None, (path.strip("/"), table)))
        return Name(f"{_SCHEMES.get(parts.scheme, parts.scheme)}://{host}:{port}", name)
    if parts.scheme in ("sqlite", "duckdb"):
        return Name(parts.scheme, path + (f"/{table}" if table else ""))
    name = path.lstrip("/") + (f"#{table}" if table else "")
    return Name(f"{parts.scheme}://{parts.netloc}", name or "/")


def snapshot_of(uri: str) -> str:
    """The digest of the snapshot that a file lies in; empty when it lies in none."""
    found = _SNAPSHOT.search(uri)
    return found.group(1) if found else ""
