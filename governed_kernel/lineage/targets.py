"""What a person means by a name: a URI, a path, a dataset, a release, a run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import duckdb

from governed_kernel.canonical import digest_file
from governed_kernel.errors import UnknownName
from governed_kernel.lineage.belonging import placed
from governed_kernel.lineage.numbering import of_session
from governed_kernel.workspace import Workspace

__all__ = ["Target", "file_uri", "resolve"]


@dataclass
class Target:
    """Where a trace begins.

    Attributes
    ----------
    name : str
        Identity of the node that was asked for.
    kind : str
        resource, dataset, release or run.
    resources : list of str
        URIs that were read or written by recorded transformations.
    datasets : list of (str, str)
        Name and version of catalogued data.
    runs : list of str
        Runs whose artifacts are meant.
    """

    name: str
    kind: str
    resources: list[str] = field(default_factory=list)
    datasets: list[tuple[str, str]] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)


def file_uri(path: str | os.PathLike[str]) -> str:
    """``file:///…`` of a local path as the observers write it: absolute, links resolved."""
    return "file://" + quote(os.path.realpath(path), safe="/:@!$&'()*+,;=~-._")


def resolve(connection: duckdb.DuckDBPyConnection, workspace: Workspace, name: str) -> Target:
    """Find out what `name` is.

    Raises
    ------
    UnknownName
        Nothing that was recorded has that name.
    """
    if "://" in name:
        found = _resource(connection, name)
    else:
        found = _run(connection, name) or _release(connection, name) or _dataset(connection, name)
        if found is None:
            for folder in (Path.cwd(), workspace.root):
                found = found or _resource(connection, file_uri(folder / name))
    if found is None:
        raise UnknownName(
            f"no recorded session, release or dataset has anything to do with {name!r}",
            why="it is no URI, path, dataset, release or run that the lineage store knows",
            next="'governed lineage sessions' and 'governed data list' show what is there",
        )
    return found


def _run(connection: duckdb.DuckDBPyConnection, name: str) -> Target | None:
    rows = connection.execute("SELECT run_id FROM runs WHERE run_id = ?", [name]).fetchall()
    return Target(f"run:{name}", "run", runs=[name]) if rows else None


def _release(connection: duckdb.DuckDBPyConnection, name: str) -> Target | None:
    rows = connection.execute("SELECT release FROM releases WHERE release = ?", [name]).fetchall()
    if not rows:
        return None
    runs = connection.execute(
        "SELECT run_id FROM runs WHERE release = ? AND kind = 'release' ORDER BY run_id", [name]
    ).fetchall()
    return Target(f"release:{name}", "release", runs=[run for (run,) in runs])


def _dataset(connection: duckdb.DuckDBPyConnection, name: str) -> Target | None:
    dataset, _, version = name.partition("@")
    rows = connection.execute(
        "SELECT dataset, version FROM dataset_versions WHERE dataset = ? "
        "AND (? = '' OR version = ?) ORDER BY registered_at",
        [dataset, version, version],
    ).fetchall()
    if not rows:
        return None
    return Target(f"dataset:{name}", "dataset", datasets=[(row[0], row[1]) for row in rows])


def _resource(connection: duckdb.DuckDBPyConnection, uri: str) -> Target | None:
    """The resource itself; else the files in it, the folder around it, or what equals it."""
    uri = uri.rstrip("/")
    rows = connection.execute(
        f"""SELECT uri FROM base.named_resources WHERE uri = ? OR starts_with(uri, ? || '/')
        UNION SELECT {placed("uri")} AS uri FROM base.access
            JOIN base.neighbours n ON n.workspace_no = {of_session("session_no")}
            WHERE {placed("uri")} = ? OR starts_with({placed("uri")}, ? || '/')
        ORDER BY uri""",
        [uri] * 4,
    ).fetchall()
    exact = any(row[0] == uri for row in rows)
    resources = [uri] if exact else [row[0] for row in rows]
    if exact and not _transformed(connection, [uri]):
        resources += _around(connection, uri)
    runs = connection.execute(
        "SELECT DISTINCT run_id FROM artifacts WHERE uri = ? OR starts_with(uri, ? || '/') "
        "OR starts_with(?, uri || '/') ORDER BY run_id",
        [uri] * 3,
    ).fetchall()
    resources = resources or _around(connection, uri) or _equal(connection, uri)
    if not resources and not runs:
        return None
    return Target(uri, "resource", resources=resources, runs=[run for (run,) in runs])


def _transformed(connection: duckdb.DuckDBPyConnection, uris: list[str]) -> bool:
    return bool(
        connection.execute(
            "SELECT 1 FROM base.named_resources WHERE uri IN (SELECT unnest(?::VARCHAR[])) LIMIT 1",
            [uris],
        ).fetchall()
    )


def _around(connection: duckdb.DuckDBPyConnection, uri: str) -> list[str]:
    """The nearest folder that a transformation knows as a whole (a saved model)."""
    rows = connection.execute(
        "SELECT uri FROM base.named_resources WHERE starts_with(?, uri || '/') "
        "ORDER BY length(uri) DESC LIMIT 1",
        [uri],
    ).fetchall()
    return [row[0] for row in rows]


def _equal(connection: duckdb.DuckDBPyConnection, uri: str) -> list[str]:
    """Files of the same content that a session wrote: a copy in a bundle, a renamed file."""
    path = Path(unquote(urlsplit(uri).path))
    if not uri.startswith("file://") or not path.is_file() or not path.stat().st_size:
        return []
    digest = digest_file(path)
    rows = connection.execute(
        "SELECT DISTINCT uri FROM accesses WHERE sha256 = ? AND operation = 'write' "
        "UNION SELECT uri FROM artifacts WHERE sha256 = ? ORDER BY uri",
        [digest, digest],
    ).fetchall()
    return [row[0] for row in rows]
