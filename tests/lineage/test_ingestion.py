"""Everything in the journals comes in once, and what does not verify is reported."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from governed_kernel.lineage import schema
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.lakes import only_a_file
from tests.lineage.sessions import Session, one, prepare, train, workspace_at


def test_ingesting_twice_brings_nothing_twice(workspace: Workspace) -> None:
    prepare(workspace)
    store = Store(workspace)
    assert store.ingest().events == 18
    before = store.fingerprint()
    assert store.ingest().events == 0
    assert store.ingest().journals == []
    assert store.fingerprint() == before


@only_a_file
def test_event_by_event_gives_what_a_rebuild_gives(workspace: Workspace) -> None:
    """Cut both journals at every record, interleave them, and compare."""
    prepare(workspace)
    train(workspace)
    paths = [workspace.journals / f"{name}.jsonl" for name in ("s1", "s2")]
    lines = [path.read_bytes().splitlines(keepends=True) for path in paths]
    for path in paths:
        path.write_bytes(b"")
    store = Store(workspace)
    for number in range(0, max(map(len, lines)), 2):
        for path, its in zip(paths, lines, strict=True):
            with path.open("ab") as file:
                file.write(b"".join(its[number : number + 2]))
        store.ingest()
    step_by_step = store.fingerprint()
    report = store.rebuild()
    assert report.events == sum(map(len, lines))
    assert store.fingerprint() == step_by_step
    store.path.unlink()
    assert store.fingerprint() == step_by_step, "reading brings a deleted store back"


@only_a_file
def test_many_blocks_and_batches_are_all_brought_in(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governed_kernel.lineage.ingestion._BLOCK", 3)
    monkeypatch.setattr("governed_kernel.lineage.loading._BATCH", 400)
    prepare(workspace)
    train(workspace)
    store = Store(workspace)
    store.ingest()
    in_batches = store.fingerprint()
    monkeypatch.undo()
    store.rebuild()
    assert store.fingerprint() == in_batches


def test_a_torn_record_is_reported_and_read_when_it_is_whole(workspace: Workspace) -> None:
    prepare(workspace)
    path = workspace.journals / "s1.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    store = Store(workspace)
    [report] = store.ingest().journals
    assert (report.events, bool(report.torn), report.problem) == (17, True, "")
    assert one(store, "select ended_at from sessions") is None
    path.write_bytes(whole)
    assert store.ingest().events == 1
    assert one(store, "select ended_at from sessions") is not None


def test_a_broken_journal_is_located_and_the_others_go_on(workspace: Workspace) -> None:
    prepare(workspace)
    train(workspace)
    path = workspace.journals / "s1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[7] = lines[7].replace(b"cell-", b"Cell-", 1)
    path.write_bytes(b"".join(lines))
    store = Store(workspace)
    report = store.ingest()
    [problem] = report.problems
    assert (problem.session_id, problem.events) == ("s1", 7)
    assert f"record 7 (byte {len(b''.join(lines[:7]))})" in problem.problem
    assert one(store, "select count(*) from sessions") == 2
    assert store.ingest().problems[0].problem == problem.problem, "it is said every time"


def test_a_record_that_verifies_but_means_nothing_stops_only_its_journal(
    workspace: Workspace,
) -> None:
    import msgspec

    class Wrong(msgspec.Struct, tag="cell-ended"):
        execution: str = "seven"
        cell_id: str = "c"
        status: str = "ok"
        occurred_at: datetime = datetime(2026, 11, 21, tzinfo=UTC)

    class Newer(msgspec.Struct, tag="of-tomorrow"):
        value: int = 1

    for name, event in (("s1", Wrong()), ("s2", Newer())):
        session = Session(workspace, name)
        session.cell("x")
        session.writer.append(event)
        session.end()
    session = Session(workspace, "s3")
    session.end()
    store = Store(workspace)
    problems = store.ingest().problems
    assert [(problem.session_id, problem.events) for problem in problems] == [("s1", 3), ("s2", 3)]
    assert all("record 3 " in problem.problem for problem in problems)
    assert one(store, "select count(*) from cells") == 2
    assert one(store, "select ended_at is not null from sessions where session_id = 's3'")


def test_swapped_foreign_and_missing_journals_are_reported(
    workspace: Workspace, tmp_path: Path
) -> None:
    prepare(workspace)
    train(workspace)
    store = Store(workspace)
    store.ingest()
    first, second = (workspace.journals / f"{name}.jsonl" for name in ("s1", "s2"))
    first.rename(workspace.journals / "s3.jsonl")
    [missing, renamed] = sorted(store.ingest().problems, key=lambda report: report.session_id)
    assert "is gone" in missing.problem
    assert "is the journal of 's1', not of 's3'" in renamed.problem
    other = workspace_at(tmp_path / "other")
    other.ledger.unlink()
    Ledger(other).create("w-2")
    other.journals.mkdir()
    second.rename(other.journals / "s2.jsonl")
    [foreign] = Store(other).ingest().problems
    assert "another workspace, 'w-1'" in foreign.problem


def test_a_journal_that_shrank_is_reported(workspace: Workspace) -> None:
    prepare(workspace)
    store = Store(workspace)
    store.ingest()
    path = workspace.journals / "s1.jsonl"
    path.write_bytes(path.read_bytes()[:300])
    [problem] = store.ingest().problems
    assert "became shorter" in problem.problem


@only_a_file
def test_erased_payloads_leave_the_store_and_do_not_come_back(workspace: Workspace) -> None:
    prepare(workspace)
    store = Store(workspace)
    store.ingest()
    assert one(store, "select count(source) from cells") == 3
    erased = workspace.journals / "erased"
    lines = (workspace.journals / "s1.payloads.jsonl").read_bytes().splitlines(keepends=True)
    erased.write_bytes(lines[2])
    erased.replace(workspace.journals / "s1.payloads.jsonl")
    store.ingest()
    assert one(store, "select count(source) from cells") == 1
    (workspace.journals / "s1.payloads.jsonl").unlink()
    store.rebuild()
    cells = store.query("from cells")
    assert len(cells) == 3
    assert {(cell["source"], cell["source_sha256"]) for cell in cells} == {(None, None)}
    assert b"patients.csv')" not in store.path.read_bytes()


def test_forged_payloads_are_not_shown(workspace: Workspace) -> None:
    prepare(workspace)
    path = workspace.journals / "s1.payloads.jsonl"
    path.write_bytes(path.read_bytes().replace(b"sex == 'f'", b"sex == 'm'") + b'{"digest": "x"')
    store = Store(workspace)
    store.ingest()
    assert one(store, "select count(source) from cells") == 2


@only_a_file
def test_a_store_of_another_version_or_of_no_sense_is_made_anew(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(workspace)
    store = Store(workspace)
    store.ingest()
    before = store.fingerprint()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "mark", lambda: "0:old")
        assert "another version" in store.ingest().rebuilt
    assert "another version" in store.ingest().rebuilt
    assert store.fingerprint() == before
    store.path.write_bytes(b"not a database" * 1000)
    report = store.ingest()
    assert report.rebuilt
    assert report.events == 18
    assert store.fingerprint() == before
