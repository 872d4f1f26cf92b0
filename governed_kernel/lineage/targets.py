"""What a person means by a name: a URI, a path, a dataset, a release, a run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import duckdb

from governed_kernel.canonical import digest_file
from governed_kernel.errors import UnknownName
from governed_kernel.lineage.numbering import of_session
from governed_kernel.lineage.sight import Sight, within
from governed_kernel.workspace import Workspace

__all__ = ["Target", "around", "file_uri", "resolve"]


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


def resolve(
    connection: duckdb.DuckDBPyConnection, workspace: Workspace, name: str, sight: Sight
) -> Target:
    """Find out what `name` is.

    Raises
    ------
    UnknownName
        Nothing that was recorded has that name.
    """
    if "://" in name:
        found = _resource(connection, sight, name)
    else:
        found = _run(connection, name) or _release(connection, name) or _dataset(connection, name)
        if found is None:
            for folder in (Path.cwd(), workspace.root):
                found = found or _resource(connection, sight, file_uri(folder / name))
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


def _resource(connection: duckdb.DuckDBPyConnection, sight: Sight, uri: str) -> Target | None:
    """The resource itself; else the files in it, the folder around it, or what equals it."""
    uri = uri.rstrip("/")
    if sight.resources([uri]):
        resources = [uri]
    elif sight.is_accessed(uri):
        resources = [uri, *_around(sight, uri)]
    else:
        resources = sorted(sight.within(uri) | _accessed_in(connection, sight, uri))
    runs = connection.execute(
        "SELECT DISTINCT run_id FROM artifacts WHERE uri = ? OR starts_with(uri, ? || '/') "
        "OR starts_with(?, uri || '/') ORDER BY run_id",
        [uri] * 3,
    ).fetchall()
    resources = resources or _around(sight, uri) or _equal(connection, uri)
    if not resources and not runs:
        return None
    return Target(uri, "resource", resources=resources, runs=[run for (run,) in runs])


def _accessed_in(connection: duckdb.DuckDBPyConnection, sight: Sight, uri: str) -> set[str]:
    """What sessions accessed that lies in a resource."""
    condition, values = within(sight.written([uri]))
    rows = connection.execute(
        f"SELECT DISTINCT uri, {of_session('session_no')} FROM base.access WHERE {condition}",
        values,
    ).fetchall()
    found = {sight.uri(there, workspace_no) for there, workspace_no in rows}
    return {each for each in found if each.startswith(f"{uri}/")}


def around(uri: str) -> list[str]:
    """A URI and the folders that it lies in, from the outermost on."""
    scheme, _, rest = uri.partition("://")
    steps = [i for i, letter in enumerate(rest) if letter == "/" and i]
    return [*(f"{scheme}://{rest[:step]}" for step in steps), uri]


def _around(sight: Sight, uri: str) -> list[str]:
    """The nearest folder that a transformation knows as a whole (a saved model)."""
    known = set(sight.resources(around(uri)[:-1]).values())
    return sorted(known, key=len)[-1:]


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
