"""A research session as its verified journal tells it: the source that promotion relies on.

The lineage store is a projection that anybody with the file may change, so it is not asked. A
journal is verified from its first record to the head that the ledger sealed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlparse

import msgspec

from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.governance.catalog import label
from governed_kernel.governance.register import Register
from governed_kernel.governance.written import with_folders
from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    Completeness,
    DatasetRegistered,
    Derived,
    Digested,
    JournalOpened,
    SessionEvent,
    SessionSealed,
    SessionStarted,
)
from governed_kernel.lineage.forms import content_size, forms, journal_files
from governed_kernel.lineage.journal import (
    SESSION_DECODER,
    Head,
    read_block,
    read_payloads,
    read_records,
)
from governed_kernel.workspace import Workspace

__all__ = ["RanCell", "RecordedSession", "newest_session", "read_session"]

_SNAPSHOT = re.compile(r"/\.governed/snapshots/([0-9a-f]{64})(?:/|$)")
_EMPTY = hashlib.sha256(b"").hexdigest()
_Versions: TypeAlias = dict[str, DatasetRegistered]


@dataclass
class RanCell:
    """One execution of a cell."""

    execution: int
    cell_id: str
    source_sha256: str
    """Of the text that ran; empty when it was erased."""
    status: str = ""
    """ok, error, abort or died; empty while it runs."""


@dataclass
class RecordedSession:
    """What one session did, in the order of its journal."""

    session_id: str
    notebook: str = ""
    mode: str = ""
    sealed: bool = False
    """Whether the journal ended and its last hash is in the ledger."""
    cells: list[RanCell] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)
    """Content behind an access, by its number."""
    derived: list[Derived] = field(default_factory=list)
    completeness: Completeness | None = None

    def catalogued(self, register: Register) -> Iterator[tuple[Access, str]]:
        """Each access with the ``NAME@VERSION`` whose content it was; empty when nobody knows it.

        Named by the observer, else known by the snapshot's path, else by its content.
        """
        snapshots = _first(register, lambda version: [version.sha256])
        contents = _first(register, lambda version: [file.sha256 for file in version.files])
        contents.pop(_EMPTY, None)  # the empty file is nobody's
        for access in self.accesses:
            if access.dataset:
                yield access, f"{access.dataset}@{access.version}"
                continue
            place = _SNAPSHOT.search(unquote(urlparse(access.uri).path))
            found = snapshots.get(place[1]) if place else None
            content = access.sha256 or self.digests.get(access.access_id, "")
            found = found or contents.get(content)
            yield access, label(found) if found else ""

    def read_as(self, register: Register) -> dict[str, set[str]]:
        """URI → each ``NAME@VERSION`` whose content was there; of a folder, what its files were."""
        named: dict[str, set[str]] = {}
        for access, name in self.catalogued(register):
            if name:
                named.setdefault(access.uri, set()).add(name)
        with_folders(named, {access.uri for access in self.accesses})
        return named


def newest_session(workspace: Workspace, notebook: str) -> str:
    """The newest research session of that notebook (path in the workspace); empty if none."""
    started: list[SessionStarted] = []
    for path in journal_files(workspace.journals):
        for body in read_block(path, limit=2).bodies:  # it opens, then says what was started
            event = _decoded(body)
            if isinstance(event, SessionStarted) and event.session_id == path.stem:
                started.append(event)
    found = [item for item in started if (item.mode, item.notebook) == ("research", notebook)]
    newest = max(found, key=lambda item: (item.occurred_at, item.session_id), default=None)
    return newest.session_id if newest else ""


def read_session(workspace: Workspace, register: Register, session_id: str) -> RecordedSession:
    """Fold the journal of a session, verified up to its seal; as far as it goes when it has none.

    Raises
    ------
    IntegrityBroken
        The journal is not what was written or not what was sealed.
    UnknownName
        There is no such journal.
    """
    path = workspace.journals / f"{session_id}.jsonl"
    if path.parent != workspace.journals or not forms(path):
        raise UnknownName(
            f"there is no session {session_id}",
            why=f"{path} does not exist",
            next="'governed lineage sessions' lists those on record",
        )
    session = RecordedSession(session_id)
    texts = read_payloads(path.with_suffix(".payloads.jsonl"))
    head = Head()
    for record in read_records(path, SESSION_DECODER):
        if record.number == 0:
            _check_opening(path, session_id, register, record.event)
        _fold(session, record.event, texts)
        head = record.head
    session.cells.sort(key=lambda cell: cell.execution)
    session.sealed = _check_seal(path, session_id, register, head)
    return session


def _fold(session: RecordedSession, event: SessionEvent, texts: dict[str, str]) -> None:
    match event:
        case SessionStarted():
            session.notebook, session.mode = event.notebook, event.mode
        case CellStarted() if event.execution > 0:
            text = texts.get(event.source)
            source = "" if text is None else hashlib.sha256(text.encode()).hexdigest()
            session.cells.append(RanCell(event.execution, event.cell_id, source))
        case CellEnded():
            for cell in reversed(session.cells):
                if (cell.execution, cell.cell_id) == (event.execution, event.cell_id):
                    cell.status = event.status
                    break
        case Access():
            session.accesses.append(event)
        case Digested() if not event.changed:
            session.digests.update(dict.fromkeys(event.access_ids, event.sha256))
        case Derived():
            session.derived.append(event)
        case Completeness():
            session.completeness = event
        case _:
            pass


def _check_opening(path: Path, session_id: str, register: Register, event: SessionEvent) -> None:
    expected = (register.workspace_id, session_id)
    if not isinstance(event, JournalOpened) or (event.workspace_id, event.journal) != expected:
        raise IntegrityBroken(
            f"{path} is not the journal of {session_id}",
            why="its first record names another workspace or session",
            next="restore the file from a backup",
        )


def _check_seal(path: Path, session_id: str, register: Register, head: Head) -> bool:
    """Whether the journal is sealed; refused when it is not what was."""
    seals = [
        event
        for event in register.events
        if isinstance(event, SessionSealed) and event.session_id == session_id
    ]
    size = content_size(path)
    for seal in seals:
        found = (head.records, head.size, head.hash.hex())
        if found != (seal.records, seal.bytes, seal.head) or size != head.size:
            raise IntegrityBroken(
                f"{path} is not what the ledger sealed",
                why=f"sealed were {seal.records} records in {seal.bytes} bytes, "
                f"there are {head.records} in {size}",
                next="restore the file from a backup, or run the notebook again",
            )
    return bool(seals)


def _first(register: Register, keys: Callable[[DatasetRegistered], list[str]]) -> _Versions:
    """By digest, the version that was registered first with it."""
    known: _Versions = {}
    versions = [version for history in register.datasets.values() for version in history]
    for version in sorted(versions, key=lambda v: (v.occurred_at, v.dataset, v.version)):
        for digest in keys(version):
            known.setdefault(digest, version)
    return known


def _decoded(body: bytes) -> SessionEvent | None:
    try:
        return SESSION_DECODER.decode(body)
    except msgspec.MsgspecError:
        return None
