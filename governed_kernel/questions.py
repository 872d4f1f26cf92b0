"""What the lineage store and the ledger know, asked from a script or a notebook.

Every answer is a plain document (dicts, lists, texts; moments as ISO 8601 in UTC), the same that
the command line prints with ``--json``. A process of its own gives it, about a second a question: a
governed kernel never opens the store, and no lock stays with who asked. Without `workspace` the
nearest one above the working directory is asked.

Examples
--------
>>> from governed_kernel import questions
>>> graph = questions.trace("file:///data/model", workspace=workspace)
>>> sorted(node["name"] for node in graph["nodes"] if node["kind"] == "resource")
['file:///data/clean.parquet', 'file:///data/model', 'file:///data/patients.csv']
>>> [row["notebook"] for row in questions.readers("file:///data/patients.csv", workspace=workspace)]
['research/triage.ipynb']
>>> [(row["session_id"], row["state"]) for row in questions.sessions(workspace=workspace)]
[('s2', 'cut off'), ('s1', 'cut off')]
>>> questions.diff("s1", "s1", workspace=workspace)["same"]
True
>>> questions.sql("select count(*) as cells from cells", workspace=workspace)
[{'cells': 6}]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel import errors
from governed_kernel.workspace import Workspace

__all__ = [
    "as_of",
    "diff",
    "export_openlineage",
    "impact",
    "readers",
    "retention",
    "sessions",
    "sql",
    "trace",
    "unregistered",
]

_Place = str | os.PathLike[str] | None


def trace(
    target: str, *, columns: bool = False, depth: int | None = None, workspace: _Place = None
) -> dict[str, Any]:
    """Everything upstream of a URI, path, dataset, release or run.

    Parameters
    ----------
    columns : bool
        Also which source columns each column is from.
    depth : int, optional
        How many transformations to go back.

    Returns
    -------
    dict
        ``nodes``, ``links`` from what came before to what came after, ``cut``, and ``columns``.

    Raises
    ------
    UnknownName
        Nothing that was recorded has that name.
    """
    return dict(_ask(workspace, "lineage", "trace", target, *_options(columns, depth)))


def impact(
    target: str, *, columns: bool = False, depth: int | None = None, workspace: _Place = None
) -> dict[str, Any]:
    """Everything downstream: files, models, releases, deployments. As `trace`."""
    return dict(_ask(workspace, "lineage", "impact", target, *_options(columns, depth)))


def diff(first: str, second: str, *, workspace: _Place = None) -> dict[str, Any]:
    """What differs between two sessions: notebook, versions, cells, accesses, columns.

    Returns
    -------
    dict
        ``same``, and a list of differences for each section.
    """
    return dict(_ask(workspace, "lineage", "diff", first, second))


def readers(
    target: str,
    column: str = "",
    *,
    since: str = "",
    until: str = "",
    parts: bool = False,
    workspace: _Place = None,
) -> list[dict[str, Any]]:
    """Who read a dataset, version, resource or column, from which cell, and what allowed it.

    Parameters
    ----------
    since, until : str
        The first and last day (``2026-11-21``) or moment that count.
    parts : bool
        Readings of what the dataset was split into count as well.
    """
    words = [*(("--column", column) if column else ()), *(("--from", since) if since else ())]
    words += [*(("--to", until) if until else ()), *(("--parts",) if parts else ())]
    return list(_ask(workspace, "lineage", "readers", target, *words))


def sessions(
    *, limit: int | None = None, offset: int = 0, search: str = "", workspace: _Place = None
) -> list[dict[str, Any]]:
    """The recorded sessions, the newest first: whose, how each ended, and what it lost.

    Parameters
    ----------
    limit, offset : int
        How many to give, after how many others.
    search : str
        Only those whose name, notebook, user or machine contains it.
    """
    words = ["--offset", str(offset), "--search", search]
    words += ["--limit", str(limit)] if limit is not None else []
    return list(_ask(workspace, "lineage", "sessions", *words))


def unregistered(release: str, *, workspace: _Place = None) -> list[dict[str, Any]]:
    """What a release read that is in no catalogued version, in its runs and in research."""
    return list(_ask(workspace, "lineage", "unregistered", release))


def retention(
    *, on: str = "", everything: bool = False, workspace: _Place = None
) -> list[dict[str, Any]]:
    """Versions of datasets that had to be gone by now, and how many sessions read them since.

    Parameters
    ----------
    on : str
        Another day than today.
    everything : bool
        Also what may still be kept.
    """
    words = [*(("--on", on) if on else ()), *(("--all",) if everything else ())]
    return list(_ask(workspace, "data", "retention", *words))


def as_of(date: str, *, environment: str = "", workspace: _Place = None) -> dict[str, Any]:
    """What was approved, live and running at a day's end or a moment, by the verified ledger.

    Returns
    -------
    dict
        ``live``, ``approved`` and ``running`` with their evidence, and ``ledger``: the records
        that the answer rests on.
    """
    words = ("--env", environment) if environment else ()
    return dict(_ask(workspace, "audit", "as-of", date, *words))


def sql(query: str, *, workspace: _Place = None) -> list[dict[str, Any]]:
    """The rows of read-only SQL over the public views."""
    return list(_ask(workspace, "lineage", "sql", query))


def export_openlineage(
    destination: str, *, since: str = "", workspace: _Place = None
) -> dict[str, Any]:
    """Tell sessions as events of OpenLineage, into a file or to a server's address.

    Returns
    -------
    dict
        How many ``sessions`` and ``events`` were written, or acknowledged now.
    """
    words = ("--since", since) if since else ()
    return dict(_ask(workspace, "lineage", "export", "--openlineage", destination, *words))


def _options(columns: bool, depth: int | None) -> list[str]:
    return [
        *(["--columns"] if columns else []),
        *(["--depth", str(depth)] if depth is not None else []),
    ]


def _ask(workspace: _Place, *words: str) -> Any:
    """The answer of one command, by a process of its own: no lock or connection stays here."""
    found = Workspace.open(Path(workspace)) if workspace is not None else Workspace.find()
    command = [sys.executable, "-m", "governed_kernel", "--workspace", str(found.root)]
    done = subprocess.run([*command, *words, "--json"], capture_output=True, check=False)
    if done.returncode:
        raise _error(done.returncode, done.stderr.decode(errors="replace"))
    return msgspec.json.decode(done.stdout)


def _error(code: int, message: str) -> errors.GovernedError:
    """What the command line said, as the error that it was."""
    said = message.partition("governed: ")[2] or message
    what, _, rest = said.partition("\nwhy:  ")
    why, _, advice = rest.partition("\nnext: ")
    kinds: dict[int, type[errors.GovernedError]] = {
        1: errors.CheckFailed,
        2: errors.UnknownName if "no recorded session" in what else errors.UsageError,
        3: errors.Refused,
        4: errors.IntegrityBroken,
        6: errors.ResourceMissing,
    }
    kind = kinds.get(code, errors.GovernedError)
    return kind(what.strip(), why=why.strip(), next=advice.strip())
