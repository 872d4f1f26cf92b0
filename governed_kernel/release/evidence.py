"""What the record of a notebook's own session says for or against its promotion.

A release is promoted from what was seen to work: the newest research session of the notebook must
have run exactly these cells, in order, and everything it read must be catalogued.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from governed_kernel.governance import catalog
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import DatasetRegistered
from governed_kernel.lineage.store import Store
from governed_kernel.release.findings import Finding
from governed_kernel.release.manifest import Input
from governed_kernel.release.notebook import Notebook, code_cells
from governed_kernel.workspace import Workspace

__all__ = ["SessionEvidence", "as_input", "check_session", "latest_session"]

_LOCAL = ("127.0.0.1", "localhost", "[::1]", "::1")


@dataclass(frozen=True)
class SessionEvidence:
    """One recorded research session of a notebook.

    Attributes
    ----------
    session_id : str
        Empty when the notebook has no session on record.
    inputs : list of Input
        The catalogued versions that it read.
    """

    session_id: str
    inputs: list[Input]
    findings: list[Finding]


@dataclass(frozen=True)
class _Read:
    uri: str
    path: Path | None
    dataset: str
    version: str
    execution: int
    cell_id: str
    evidence: str


def latest_session(store: Store, notebook: str) -> str:
    """The newest research session of that notebook (path in the workspace); empty if none."""
    rows = store.query(
        "select session_id from sessions where mode = 'research' and notebook = ? "
        "order by started_at desc, session_id desc limit 1",
        [notebook],
    )
    return str(rows[0]["session_id"]) if rows else ""


def check_session(
    workspace: Workspace, store: Store, register: Register, path: str, notebook: Notebook
) -> SessionEvidence:
    """Hold the notebook against its newest recorded session.

    Parameters
    ----------
    path : str
        The notebook's path in the workspace.
    """
    session = latest_session(store, path)
    if not session:
        finding = _finding(
            "no-session",
            "blocking",
            "no recorded session ran this notebook",
            "a release is promoted from what was recorded",
            "open it with the kernel 'Governed Python (Research)' and run all cells, "
            f"or: papermill --engine governed -k governed-research {path} {path}",
        )
        return SessionEvidence("", [], [finding])
    reads = _reads(store, session)
    inputs, foreign = _sorted_reads(workspace, store, register, session, reads)
    findings = [
        *_stale(store, session, notebook),
        *foreign,
        *_connections(store, session),
        *_incomplete(store, session),
    ]
    return SessionEvidence(session, inputs, findings)


def as_input(version: DatasetRegistered, paths: list[str] | None = None) -> Input:
    """A catalogued version as a release binds it."""
    return Input(
        dataset=version.dataset,
        version=version.version,
        kind=version.kind,
        sha256=version.sha256,
        data_class=version.data_class,
        purposes=list(version.purposes),
        paths=paths or [],
        source=version.source,
    )


def _stale(store: Store, session: str, notebook: Notebook) -> Iterator[Finding]:
    ran = store.query(
        "select execution, source_sha256, status from cells "
        "where session_id = ? and execution > 0 order by execution",
        [session],
    )
    cells = code_cells(notebook)
    for cell, record in zip(cells, ran, strict=False):
        if hashlib.sha256(cell.source.encode()).hexdigest() != record["source_sha256"]:
            yield _finding(
                "changed-since-run",
                "blocking",
                f"{cell.label}: it is not what ran as [{record['execution']}] in {session}",
                "the record would not speak of this notebook",
                "restart the kernel, run all cells, save",
                cell.index,
                cell.cell_id,
            )
            return
        if record["status"] != "ok":
            yield _finding(
                "failed-in-session",
                "blocking",
                f"{cell.label}: it ended as {record['status']} in {session}",
                "a release run stops at the first error",
                "mend it, restart the kernel, run all cells, save",
                cell.index,
                cell.cell_id,
            )
    if len(ran) != len(cells):
        yield _finding(
            "session-differs",
            "blocking",
            f"the notebook has {len(cells)} cells with code, {session} ran {len(ran)}",
            "the release would do something else than what was recorded",
            "restart the kernel, run all cells, save",
        )


def _reads(store: Store, session: str) -> list[_Read]:
    rows = store.query(
        "select uri, dataset, version, execution, cell_id, evidence from accesses "
        "where session_id = ? and operation = 'read' and kind in ('file', 'dataset', 'model') "
        "and coalesce(decision, '') <> 'denied' order by execution",
        [session],
    )
    return [
        _Read(
            uri=row["uri"],
            path=Path(unquote(urlparse(row["uri"]).path)) if row["uri"][:5] == "file:" else None,
            dataset=row["dataset"] or "",
            version=row["version"] or "",
            execution=row["execution"],
            cell_id=row["cell_id"] or "",
            evidence=row["evidence"],
        )
        for row in rows
    ]


def _sorted_reads(
    workspace: Workspace, store: Store, register: Register, session: str, reads: list[_Read]
) -> tuple[list[Input], list[Finding]]:
    """Which reads are catalogued inputs, and a finding for each that is nothing known."""
    written = {
        row["uri"]
        for row in store.query(
            "select distinct uri from accesses where session_id = ? and operation = 'write'",
            [session],
        )
    }
    opened: dict[str, set[str]] = {}
    findings: dict[str, Finding] = {}
    for read in reads:
        name = _catalogued(workspace, register, read)
        if name:
            paths = opened.setdefault(name, set())
            if relative := _own_path(workspace, read.path):
                paths.add(relative)
        elif not _is_own(read.uri, written) and not _is_code(workspace, read.path):
            findings.setdefault(read.uri, _unregistered(workspace, read))
    inputs = [as_input(register.version(name), sorted(opened[name])) for name in sorted(opened)]
    return inputs, list(findings.values())


def _is_own(uri: str, written: set[str]) -> bool:
    """Whether the session wrote that file, or files in that folder, itself."""
    return uri in written or any(path.startswith(f"{uri.rstrip('/')}/") for path in written)


def _catalogued(workspace: Workspace, register: Register, read: _Read) -> str:
    """``NAME@VERSION`` of what was read; empty when the catalog does not know it."""
    if read.dataset:
        return f"{read.dataset}@{read.version}"
    for history in register.datasets.values():
        for version in history:
            place = catalog.snapshot_of(workspace, version)
            if read.path is not None and (read.path == place or place in read.path.parents):
                return catalog.label(version)
    return ""


def _own_path(workspace: Workspace, path: Path | None) -> str:
    """The path in the workspace by which a notebook opened a catalogued file itself."""
    if path is None or not path.is_relative_to(workspace.root):
        return ""
    if path.is_relative_to(workspace.state):
        return ""
    return path.relative_to(workspace.root).as_posix()


def _is_code(workspace: Workspace, path: Path | None) -> bool:
    """Python modules and settings of the workspace are bound as code, not as data."""
    if path is None or not path.is_relative_to(workspace.root):
        return False
    relative = path.relative_to(workspace.root)
    if relative.parts[:1] == (".governed",):
        return relative.parts[1:2] not in (("objects",), ("snapshots",))
    return path.suffix in (".py", ".pyc", ".ipynb") or relative.parts[0] in (
        "governed.toml",
        "catalog",
        "suites",
    )


def _unregistered(workspace: Workspace, read: _Read) -> Finding:
    relative = _own_path(workspace, read.path)
    shown = relative or (str(read.path) if read.path else read.uri)
    return _finding(
        "unregistered-input",
        "blocking",
        f"[{read.execution}] it reads {shown}, which is not in the catalog",
        "what is not catalogued has no owner, no class and no locked content"
        + ("; only the witness saw it" if read.evidence == "unexplained" else ""),
        f"'governed data register NAME {shown} --class … --owner … --purpose … --legal-basis …'",
        cell_id=read.cell_id,
    )


def _connections(store: Store, session: str) -> Iterator[Finding]:
    rows = store.query(
        "select distinct uri, execution, cell_id from accesses where session_id = ? "
        "and kind in ('http', 'socket') and operation in ('connect', 'read') order by execution",
        [session],
    )
    for row in rows:
        parsed = urlparse(row["uri"])
        if parsed.scheme == "unix" or (parsed.hostname or "") in _LOCAL:
            continue
        yield _finding(
            "network-access",
            "blocking",
            f"[{row['execution']}] it connects to {row['uri']}",
            "a release run has no network",
            "download what is needed once, and register it",
            cell_id=row["cell_id"] or "",
        )


def _incomplete(store: Store, session: str) -> Iterator[Finding]:
    for row in store.query("select * from completeness where session_id = ?", [session]):
        if row["witness"] != "full":
            yield _finding(
                "no-witness",
                "warning",
                f"{session} was recorded without the witness",
                str(row["witness"]),
                "run it where the system calls can be witnessed, if reviewers ask for it",
            )
        elif row["unexplained"]:
            yield _finding(
                "unexplained-accesses",
                "note",
                f"{row['unexplained']} of {row['witnessed']} accesses have no observer",
                "they are on record with cell and path, but without the call that made them",
                f"see 'governed lineage completeness {session}'",
            )


def _finding(
    code: str, severity: Any, what: str, why: str, next: str, index: int = -1, cell_id: str = ""
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        what=what,
        why=why,
        next=next,
        cell_index=index,
        cell_id=cell_id,
    )
