"""What the record of a notebook's own session says for or against its promotion.

A release is promoted from what was seen to work: the newest research session of the notebook must
have run exactly these cells, in order, and everything it read must be catalogued.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from governed_kernel.governance import base_models
from governed_kernel.governance.descriptions import MODEL_FACTS
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import Access, DatasetRegistered
from governed_kernel.release.findings import Finding
from governed_kernel.release.manifest import Input
from governed_kernel.release.modules import local_modules
from governed_kernel.release.notebook import Notebook, code_cells
from governed_kernel.release.recorded import RecordedSession, newest_session, read_session
from governed_kernel.workspace import Workspace

__all__ = [
    "SessionEvidence",
    "as_input",
    "check_cells",
    "check_record",
    "check_session",
    "missing_descriptions",
    "odd_models",
]

_NAMED_MODULES = 3
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


def check_session(
    workspace: Workspace, register: Register, path: str, notebook: Notebook
) -> SessionEvidence:
    """Hold the notebook against its newest recorded session.

    Parameters
    ----------
    path : str
        The notebook's path in the workspace.

    Raises
    ------
    IntegrityBroken
        The journal of that session is not what was written.
    """
    name = newest_session(workspace, path)
    if not name:
        finding = _finding(
            "no-session",
            "blocking",
            "no recorded session ran this notebook",
            "a release is promoted from what was recorded",
            "open it with the kernel 'Governed Python (Research)' and run all cells, "
            f"or: papermill --engine governed -k governed-research {path} {path}",
        )
        return SessionEvidence("", [], [finding])
    session = read_session(workspace, register, name)
    inputs, foreign = _sorted_reads(workspace, register, session, _bound(workspace, path, notebook))
    findings = [
        *check_cells(session, notebook),
        *foreign,
        *missing_descriptions(register, inputs),
        *odd_models(workspace, register, inputs),
        *_connections(session),
        *check_record(session),
    ]
    return SessionEvidence(name, inputs, findings)


def missing_descriptions(register: Register, inputs: list[Input]) -> Iterator[Finding]:
    """Base models of which nobody said what whoever reviews a release must know."""
    for item in inputs:
        if item.kind != "model":
            continue
        version = register.version(item.name)
        missing = {
            field: said for field, said in MODEL_FACTS.items() if not getattr(version, field)
        }
        if missing:
            yield _finding(
                "base-model-not-described",
                "blocking",
                f"of the base model {item.name} is not stated: {', '.join(missing.values())}",
                "who approves an adapted model must know what it was adapted from, and why",
                f"register it again with these: 'governed data register {item.dataset} … "
                f"{' '.join(map(_option, missing))}"
                "', and run the notebook again",
            )


def odd_models(workspace: Workspace, register: Register, inputs: list[Input]) -> Iterator[Finding]:
    """Base models that run code when they are loaded, or ask for more than they hold.

    None that runs code is registered any more; earlier ones are told of as well.
    """
    for item in inputs:
        if item.kind != "model":
            continue
        for oddity in base_models.oddities(workspace, register.version(item.name)):
            yield _finding(
                "base-model-unsafe" if oddity.is_refused else "base-model-odd",
                "warning",
                f"of the base model {item.name}: {oddity.what}",
                "whoever loads the base model with what was released gets this as well",
                oddity.next,
            )


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')} …"


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


def check_cells(session: RecordedSession, notebook: Notebook) -> Iterator[Finding]:
    """What the session ran that the notebook does not say, or the other way round."""
    cells = code_cells(notebook)
    for cell, ran in zip(cells, session.cells, strict=False):
        if not ran.source_sha256:
            yield _finding(
                "text-erased",
                "blocking",
                f"{cell.label}: the text that ran as [{ran.execution}] was erased",
                "nothing shows any more that it is this cell",
                "restart the kernel, run all cells, save",
                cell.index,
                cell.cell_id,
            )
        elif hashlib.sha256(cell.source.encode()).hexdigest() != ran.source_sha256:
            yield _finding(
                "changed-since-run",
                "blocking",
                f"{cell.label}: it is not what ran as [{ran.execution}] in session "
                f"{session.session_id}",
                "the record would not speak of this notebook",
                "restart the kernel, run all cells, save",
                cell.index,
                cell.cell_id,
            )
            return
        if ran.status != "ok":
            yield _finding(
                "failed-in-session",
                "blocking",
                f"{cell.label}: it ended as {ran.status or 'nothing yet'} in session "
                f"{session.session_id}",
                "a release run stops at the first error",
                "mend it, restart the kernel, run all cells, save",
                cell.index,
                cell.cell_id,
            )
    if len(session.cells) != len(cells):
        yield _finding(
            "session-differs",
            "blocking",
            f"the notebook has {len(cells)} cells with code, session {session.session_id} ran "
            f"{len(session.cells)}",
            "the release would do something else than what was recorded",
            "restart the kernel, run all cells, save",
        )


def _path_of(access: Access) -> Path | None:
    return Path(unquote(urlparse(access.uri).path)) if access.uri[:5] == "file:" else None


def _bound(workspace: Workspace, path: str, notebook: Notebook) -> set[Path]:
    """The modules of the workspace that a release of the notebook would have with it."""
    folder = (workspace.root / path).parent
    return {module.resolve() for module in local_modules(workspace, folder, notebook)}


def _sorted_reads(
    workspace: Workspace, register: Register, session: RecordedSession, bound: set[Path]
) -> tuple[list[Input], list[Finding]]:
    """Which reads are catalogued inputs, and a finding for each that is nothing known."""
    written = {access.uri for access in session.accesses if access.operation == "write"}
    opened: dict[str, set[str]] = {}
    outside: dict[Path, Access] = {}
    findings: dict[str, Finding] = {}
    for read, name in session.catalogued(register):
        is_data = read.kind in ("file", "dataset", "model")
        if read.operation != "read" or not is_data or read.decision == "denied":
            continue
        path = _path_of(read)
        if name:
            paths = opened.setdefault(name, set())
            if relative := _own_path(workspace, path):
                paths.add(relative)
        elif _is_own(read.uri, written):
            continue
        elif module := _module_of(workspace, path):
            if module not in bound:
                findings.setdefault(str(module), _unbound(workspace, read, module))
        elif (code := _source_of(path)) and not code.is_relative_to(workspace.root):
            outside.setdefault(code, read)
        elif not _is_settings(workspace, path):
            findings.setdefault(read.uri, _unregistered(workspace, read))
    inputs = [as_input(register.version(name), sorted(opened[name])) for name in sorted(opened)]
    return inputs, [*findings.values(), *([_outside(outside)] if outside else [])]


def _is_own(uri: str, written: set[str]) -> bool:
    """Whether the session wrote that file, or files in that folder, itself."""
    return uri in written or any(path.startswith(f"{uri.rstrip('/')}/") for path in written)


def _own_path(workspace: Workspace, path: Path | None) -> str:
    """The path in the workspace by which a notebook opened a catalogued file itself."""
    if path is None or not path.is_relative_to(workspace.root):
        return ""
    if path.is_relative_to(workspace.state):
        return ""
    return path.relative_to(workspace.root).as_posix()


def _module_of(workspace: Workspace, path: Path | None) -> Path | None:
    """The Python file of the workspace that a path is, or has the byte code of."""
    if path is None or not path.is_relative_to(workspace.root) or _is_settings(workspace, path):
        return None
    return _source_of(path)


def _source_of(path: Path | None) -> Path | None:
    """The Python file that a path is, or has the byte code of."""
    if path is not None and path.suffix == ".pyc":
        return path.parent.parent / f"{path.name.partition('.')[0]}.py"
    return path if path is not None and path.suffix == ".py" else None


def _is_settings(workspace: Workspace, path: Path | None) -> bool:
    """Whether it is bound otherwise, or part of what the workspace itself is; not data."""
    if path is None or not path.is_relative_to(workspace.root):
        return False
    relative = path.relative_to(workspace.root)
    if relative.parts[:1] == (".governed",):
        return relative.parts[1:2] not in (("objects",), ("snapshots",))
    return path.suffix == ".ipynb" or relative.parts[0] in ("governed.toml", "catalog", "suites")


def _unbound(workspace: Workspace, read: Access, module: Path) -> Finding:
    shown = module.relative_to(workspace.root).as_posix()
    return _finding(
        "unbound-code",
        "blocking",
        f"[{read.execution}] it runs or reads {shown}, which a release would not have with it",
        "only modules that an import statement names are bound to a release and shown to reviewers",
        f"write 'import {module.stem}' in place of %run, %load_ext, runpy or import_module",
        cell_id=read.cell_id,
        subject=shown,
    )


def _outside(reads: Mapping[Path, Access]) -> Finding:
    """One finding for all of it: such a library is as many files as it has modules."""
    folder = Path(os.path.commonpath([code.parent for code in reads]))
    named = [code.relative_to(folder).as_posix() for code in sorted(reads)]
    more = len(named) - _NAMED_MODULES
    shown = ", ".join(named[:_NAMED_MODULES]) + (f" and {more} more" if more > 0 else "")
    first = next(iter(reads.values()))
    return _finding(
        "unbound-code",
        "blocking",
        f"[{first.execution}] it runs or reads code outside of the workspace, in {folder}: {shown}",
        "a release would not have it with it, and no lock of its environment names it",
        "install it as a package (and take its folder from PYTHONPATH), or move its modules into "
        "the workspace and import them",
        cell_id=first.cell_id,
        subject=str(folder),
    )


def _unregistered(workspace: Workspace, read: Access) -> Finding:
    path = _path_of(read)
    shown = _own_path(workspace, path) or (str(path) if path else read.uri)
    return _finding(
        "unregistered-input",
        "blocking",
        f"[{read.execution}] it reads {shown}, which is not in the catalog",
        "what is not catalogued has no owner, no class and no locked content"
        + ("; only the witness saw it" if read.evidence == "unexplained" else ""),
        f"'governed data register NAME {shown} --class … --owner … --purpose … --legal-basis …'",
        cell_id=read.cell_id,
        subject=shown,
    )


def _connections(session: RecordedSession) -> Iterator[Finding]:
    seen: set[tuple[str, int, str]] = set()
    for access in session.accesses:
        key = (access.uri, access.execution, access.cell_id)
        is_network = access.kind in ("http", "socket") and access.operation in ("connect", "read")
        if not is_network or key in seen:
            continue
        seen.add(key)
        parsed = urlparse(access.uri)
        if parsed.scheme == "unix" or (parsed.hostname or "") in _LOCAL:
            continue
        yield _finding(
            "network-access",
            "blocking",
            f"[{access.execution}] it connects to {access.uri}",
            "a release run has no network",
            "download what is needed once, and register it",
            cell_id=access.cell_id,
        )


def check_record(session: RecordedSession) -> Iterator[Finding]:
    """How far the record itself can be relied on."""
    if not session.sealed:
        yield _finding(
            "not-sealed",
            "warning",
            f"the record of {session.session_id} is not sealed",
            "its kernel has not ended, so more may be added to what was verified",
            "shut the kernel down before promoting, if reviewers ask for it",
        )
    told = session.completeness
    if told is None or told.witness != "full":
        yield _finding(
            "no-witness",
            "warning",
            f"session {session.session_id} was recorded without the witness",
            told.witness if told else "nothing says how complete its record is",
            "run it where the system calls can be witnessed, if reviewers ask for it",
        )
    elif told.unexplained:
        yield _finding(
            "unexplained-accesses",
            "note",
            f"{told.unexplained} of {told.witnessed} accesses have no observer",
            "they are on record with cell and path, but without the call that made them",
            f"see 'governed lineage completeness {session.session_id}'",
        )


def _finding(
    code: str,
    severity: Any,
    what: str,
    why: str,
    next: str,
    index: int = -1,
    cell_id: str = "",
    subject: str = "",
) -> Finding:
    return Finding(
        code=code,
        severity=severity,
        what=what,
        why=why,
        next=next,
        cell_index=index,
        cell_id=cell_id,
        subject=subject,
    )
