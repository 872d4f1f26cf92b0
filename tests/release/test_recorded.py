"""What promotion knows of a session: from its verified journal, whatever a store may say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import (
    Access,
    CellEnded,
    CellStarted,
    Completeness,
    Digested,
    JournalOpened,
    SessionSealed,
    SessionStarted,
)
from governed_kernel.lineage.journal import JournalWriter, payload_of
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release import notebook
from governed_kernel.release.evidence import check_record, check_session
from governed_kernel.release.recorded import newest_session, read_session
from governed_kernel.workspace import Workspace
from tests.governance.conftest import home, made_keys, workspace
from tests.loop import berries
from tests.loop.place import Place
from tests.loop.refusal import alter
from tests.loop.stages import Stages

__all__ = ["home", "made_keys", "workspace"]

NAME = "20261121T000000-00000001"
NOTEBOOK = "research/triage.ipynb"


def write(
    workspace: Workspace,
    name: str = NAME,
    started: Mapping[str, str] = MappingProxyType({}),
    *,
    sealed: bool = False,
    journal: str = "",
) -> JournalWriter:
    """A session of one cell that read a file, as its recorder writes it."""
    register = Register.read(workspace)
    digest, text = payload_of("print(1)")
    path = workspace.journals / f"{name}.jsonl"
    writer = JournalWriter(path)
    said: Any = {"mode": "research", "notebook": NOTEBOOK, "session_id": name, **started}
    writer.append(
        JournalOpened(workspace_id=register.workspace_id, journal=journal or name),
        SessionStarted(user_name="sam", host="lab", pid=7, **said),
        CellStarted(execution=0, cell_id="", source=digest, silent=True),
        CellStarted(execution=1, cell_id="one", source=digest),
        Access(
            access_id=1,
            execution=1,
            cell_id="one",
            operation="read",
            kind="file",
            uri="file:///data/a.csv",
            via="audit:open",
        ),
        Digested(access_ids=[1], uri="file:///data/a.csv", sha256="ab" * 32, bytes=3),
        CellEnded(execution=1, cell_id="one", status="ok"),
        Completeness(witness="full", witnessed=1, explained=1, unexplained=0),
    )
    path.with_suffix(".payloads.jsonl").write_bytes(text)
    if sealed:
        head = writer.head
        seal = SessionSealed(
            session_id=name, records=head.records, bytes=head.size, head=head.hash.hex()
        )
        Ledger(workspace).append(seal)
    return writer


def test_a_session_is_what_its_journal_tells(workspace: Workspace) -> None:
    write(workspace, sealed=True)
    session = read_session(workspace, Register.read(workspace), NAME)
    (cell,) = session.cells
    assert (cell.execution, cell.cell_id, cell.status) == (1, "one", "ok")
    assert cell.source_sha256 == hashlib.sha256(b"print(1)").hexdigest()
    assert session.sealed
    assert session.digests == {1: "ab" * 32}
    assert [access.uri for access in session.accesses] == ["file:///data/a.csv"]
    assert list(check_record(session)) == []


def test_a_session_whose_kernel_lives_is_said_not_to_be_sealed(workspace: Workspace) -> None:
    write(workspace)
    session = read_session(workspace, Register.read(workspace), NAME)
    assert not session.sealed
    assert [finding.code for finding in check_record(session)] == ["not-sealed"]


def test_an_erased_text_is_of_no_cell(workspace: Workspace) -> None:
    write(workspace)
    (workspace.journals / f"{NAME}.payloads.jsonl").unlink()
    (cell,) = read_session(workspace, Register.read(workspace), NAME).cells
    assert cell.source_sha256 == ""


def test_the_newest_research_session_of_the_notebook_is_taken(workspace: Workspace) -> None:
    assert newest_session(workspace, NOTEBOOK) == ""
    names = [f"20261121T00000{number}-00000000" for number in range(5)]
    for name, more in zip(
        names,
        [{}, {}, {"mode": "release"}, {"notebook": "research/other.ipynb"}, {"session_id": "x"}],
        strict=True,
    ):
        write(workspace, name, more)
    (workspace.journals / "broken.jsonl").write_text("not a journal\n")
    assert newest_session(workspace, NOTEBOOK) == names[1]


@pytest.mark.parametrize("how", ["altered", "cut", "grown", "torn", "swapped"])
def test_what_the_ledger_did_not_seal_is_refused(workspace: Workspace, how: str) -> None:
    writer = write(workspace, sealed=True, journal="another" if how == "swapped" else "")
    lines = writer.path.read_bytes().splitlines(keepends=True)
    match how:
        case "altered":
            alter(writer.path)
        case "cut":
            writer.path.write_bytes(b"".join(lines[:-1]))
        case "grown":
            writer.append(CellEnded(execution=2, cell_id="two", status="ok"))
        case "torn":
            writer.path.write_bytes(b"".join(lines) + b"half a rec")
    with pytest.raises(IntegrityBroken):
        read_session(workspace, Register.read(workspace), NAME)


@pytest.mark.parametrize("name", ["20260101T000000-00000000", "../ledger", "a/../../ledger"])
def test_a_session_that_is_not_there_is_unknown(workspace: Workspace, name: str) -> None:
    write(workspace)
    with pytest.raises(UnknownName):
        read_session(workspace, Register.read(workspace), name)


@pytest.fixture
def moved(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = stages.candidate.copy(tmp_path_factory.mktemp("moved"))
    with place.inside():
        yield place


@pytest.mark.slow
def test_a_store_that_lies_changes_nothing(moved: Place) -> None:
    """Found in another folder, too: snapshots are known by their digests."""
    moved.workspace.store.write_bytes(b"SELECT 'nothing was ever read'")
    document = notebook.read(moved.root / berries.NOTEBOOK)
    register = Register.read(moved.workspace)
    found = check_session(moved.workspace, register, berries.NOTEBOOK, document)
    assert [item.name for item in found.inputs] == ["berries-train@1", "palate@1"]
