"""The store: everything in the journals once, whatever happens to the process that ingests."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from governed_kernel.errors import CheckFailed, ResourceMissing
from governed_kernel.lineage import schema
from governed_kernel.lineage.events import DatasetRegistered, FileDigest
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import CLEAN, MODEL, RAW, Session, prepare, train, workspace_at

only_a_file = pytest.mark.parametrize("workspace", ["file"], indirect=True)
"""For what is said of the file itself; `test_lake` has what is said of a lake."""


def one(store: Store, sql: str) -> Any:
    [row] = store.query(sql)
    [value] = row.values()
    return value


# --- what the views say ----------------------------------------------------------------------


def test_sessions_say_when_they_began_and_ended(told: Store) -> None:
    first = told.query("from sessions order by session_id")[0]
    assert first["notebook"] == "research/triage.ipynb"
    assert first["started_at"] == datetime(2026, 11, 21, 0, 0, 1)
    assert first["ended_at"] > first["started_at"]


def test_cells_have_their_source_and_status(told: Store) -> None:
    cells = told.query("from cells where session_id = 's2' order by execution")
    assert [cell["status"] for cell in cells] == ["ok"] * 3
    assert cells[1]["source"] == "model = fit(frame)"


def test_a_cell_that_died_and_one_executed_again_under_its_number_are_two(
    workspace: Workspace,
) -> None:
    session = Session(workspace, "s")
    session.cell("first")
    session._execution = 0  # the kernel starts counting again; no CellEnded was written
    session.cell("second")
    session.end()
    store = Store(workspace)
    store.ingest()
    cells = store.query("select source, status from cells order by started_at")
    assert [tuple(cell.values()) for cell in cells] == [("first", None), ("second", "ok")]


def test_accesses_get_digest_and_size_from_the_recorder_s_hashing(told: Store) -> None:
    [access] = told.query(f"from accesses where uri = '{RAW}'")
    assert (access["sha256"], access["bytes"], access["dataset"]) == ("a" * 64, 100, None)


def test_a_digest_of_a_later_content_is_not_shown_as_the_one_accessed(workspace: Workspace) -> None:
    session = Session(workspace, "s")
    session.cell("x")
    access = session.access("read", RAW)
    session.digest(access, RAW, "c" * 64, changed=True)
    session.end()
    store = Store(workspace)
    store.ingest()
    assert one(store, "select sha256 from accesses") is None


def test_a_digest_that_comes_twice_doubles_no_access(workspace: Workspace) -> None:
    store = Store(workspace)
    session = Session(workspace, "s")
    session.cell("x")
    access = session.access("read", RAW, "c" * 64)
    store.ingest()
    session.digest(access, RAW, "c" * 64)
    session.end()
    store.ingest()
    assert one(store, "select count(*) from accesses") == 1


def test_completeness_is_the_last_word_of_a_session(told: Store) -> None:
    [row] = told.query("from completeness where session_id = 's1'")
    assert list(row.values()) == ["s1", "full", 9, 8, 1]


def catalogued(store: Store) -> None:
    def version(dataset: str, sha256: str, day: int, data_class: str) -> dict[str, Any]:
        return {
            "dataset": dataset,
            "version": "1",
            "sha256": sha256,
            "data_class": data_class,
            "registered_at": datetime(2026, 11, day, tzinfo=UTC),
            "purposes": ["explore"],
        }

    store.replace_ledger_tables(
        Head(1, 1, b"\1" * 32),
        {
            "datasets": [{"dataset": "patients", "owner": "ada", "state": "approved"}],
            "dataset_versions": [
                version("patients", "a" * 64, 1, "health"),
                version("copy", "a" * 64, 2, "internal"),
                version("minilm", "d" * 64, 3, "licensed"),
            ],
            "dataset_files": [
                {"dataset": "patients", "version": "1", "path": "p.csv", "sha256": "a" * 64},
                {"dataset": "copy", "version": "1", "path": "p.csv", "sha256": "a" * 64},
                {"dataset": "minilm", "version": "1", "path": "config.json", "sha256": "e" * 64},
            ],
        },
    )


def test_catalogued_content_is_known_wherever_it_is_read(workspace: Workspace) -> None:
    session = Session(workspace, "s")
    session.cell("x")
    session.access("read", RAW, "a" * 64)
    session.access("read", "file:///elsewhere/config.json", "e" * 64)
    snapshot = f"file:///w/.governed/snapshots/{'d' * 64}/unhashed.bin"
    session.access("read", snapshot)
    session.access("read", "dataset://copy", kind="dataset", dataset="copy", version="1")
    session.access("read", "file:///unknown.csv", "f" * 64)
    session.end()
    store = Store(workspace)
    store.ingest()
    catalogued(store)
    rows = store.query("select dataset, version, data_class from accesses order by occurred_at")
    assert [tuple(row.values()) for row in rows] == [
        ("patients", "1", "health"),  # of two with this content, the first registered
        ("minilm", "1", "licensed"),
        ("minilm", "1", "licensed"),
        ("copy", "1", "internal"),
        (None, None, None),
    ]


# --- ingestion -------------------------------------------------------------------------------


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


# --- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "copy (select 1) to 'x.csv'",
        "attach 'x.db'",
        "insert into base.payloads values (1, 'x', 'x')",
        "drop view sessions",
        "set enable_external_access = true",
        "load httpfs",
        "selct 1",
        "select nothing from sessions",
    ],
)
def test_who_reads_can_only_read(told: Store, sql: str) -> None:
    with pytest.raises(CheckFailed) as refused:
        told.query(sql)
    assert refused.value.why


def test_two_processes_read_at_once(told: Store) -> None:
    script = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True); print('read')"
    with told.read():
        done = subprocess.run(
            [sys.executable, "-c", script, str(told.path)], capture_output=True, check=False
        )
    assert done.stdout == b"read\n"


@only_a_file
def test_who_waits_too_long_is_told_who_holds_the_store(workspace: Workspace) -> None:
    store = Store(workspace, patience=0.05)
    store.ingest()
    prepare(workspace)
    with store.read(), pytest.raises(ResourceMissing, match="in use"):
        store.ingest()
    assert store.ingest().events == 18


def test_ingestion_waits_for_a_reader_in_the_same_process(workspace: Workspace) -> None:
    store = Store(workspace)
    store.ingest()
    prepare(workspace)
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        with store.read():
            reading.set()
            done.wait(0.2)

    reader = threading.Thread(target=read)
    reader.start()
    reading.wait()
    assert store.ingest().events == 18
    reader.join()


@only_a_file
def test_a_store_that_may_not_be_written_is_a_clear_error(workspace: Workspace) -> None:
    store = Store(workspace)
    store.path = workspace.root / "governed.toml" / "lineage.duckdb"
    with pytest.raises(ResourceMissing):
        store.ingest()


# --- tables of the ledger --------------------------------------------------------------------


def test_tables_of_the_ledger_are_rewritten_only_when_it_moved(workspace: Workspace) -> None:
    store = Store(workspace)
    assert store.ledger_head() is None
    head, rows = Head(1, 10, b"\1" * 32), [{"dataset": "d", "owner": "ada"}]
    assert store.replace_ledger_tables(head, {"datasets": rows})
    assert not store.replace_ledger_tables(head, {"datasets": []})
    assert store.query("from datasets") == [
        {"dataset": "d", "owner": "ada", "source": None, "state": None}
    ]
    assert store.replace_ledger_tables(Head(2, 20, b"\2" * 32), {})
    assert store.query("from datasets") == []
    store.rebuild()
    assert store.ledger_head() is None


def test_every_type_of_a_ledger_row_comes_back(workspace: Workspace) -> None:
    store = Store(workspace)
    moment = datetime(2026, 11, 21, 3, 4, 5, 678901, tzinfo=UTC)
    rows: dict[str, list[dict[str, Any]]] = {
        "runs": [
            {"run_id": "r", "parameters": {"epochs": 3, "note": "ä'"}, "started_at": moment},
            {"run_id": "", "parameters": '{"epochs": 3, "note": "ä\'"}', "started_at": moment},
        ],
        "approvals": [{"counts": True}, {"counts": None}],
        "validations": [{"value": 0.5, "threshold": 1}],
        "decisions": [{"policies": ["a", "b"]}],
        "artifacts": [{"bytes": 2**40}],
    }
    assert store.replace_ledger_tables(Head(1, 1, b"\1" * 32), rows)
    assert one(store, "select distinct parameters->>'note' from runs") == "ä'"
    assert one(store, "select distinct started_at from runs") == moment.replace(tzinfo=None)
    assert [row["run_id"] for row in store.query("from runs")] == ["r", None]
    assert [row["counts"] for row in store.query("from approvals")] == [True, None]
    assert one(store, "select value + threshold from validations") == 1.5
    assert one(store, "select policies from decisions") == ["a", "b"]
    assert one(store, "select bytes from artifacts") == 2**40


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("nothing", {}),
        ("datasets", {"colour": "red"}),
        ("datasets", {"owner": 7}),
        ("approvals", {"counts": 1}),
        ("artifacts", {"bytes": True}),
        ("decisions", {"policies": [1]}),
        ("runs", {"started_at": "2026-11-21"}),
    ],
)
def test_a_row_of_another_shape_is_a_type_error(
    workspace: Workspace, table: str, row: dict[str, Any]
) -> None:
    store = Store(workspace)
    with pytest.raises(TypeError, match=table):
        store.replace_ledger_tables(Head(1, 1, b"\1" * 32), {table: [row]})
    assert store.ledger_head() is None


def test_the_ledger_s_own_structs_fit_the_dataset_tables() -> None:
    registered = {*DatasetRegistered.__struct_fields__, "registered_at", "registered_by"}
    assert set(schema.LEDGER_TABLES["dataset_versions"]) <= registered
    assert {"path", "sha256"} <= set(FileDigest.__struct_fields__)


# --- killed at any moment --------------------------------------------------------------------

INGEST = """
    import sys
    from pathlib import Path
    from governed_kernel.lineage.store import Store
    from governed_kernel.workspace import Workspace
    store = Store(Workspace(Path(sys.argv[1])))
    print("ready", flush=True)
    store.ingest()
    print("done", flush=True)
"""


def _long_session(workspace: Workspace, name: str, cells: int, start: int) -> int:
    """A session of many cells; gives its number of records."""
    session = Session(workspace, name, start=start)
    for number in range(cells):
        session.cell(f"x = {number}")
        frame = session.read_file(f"file:///data/{number % 7}.csv", ["a", "b"], f"{number:064x}")
        session.write_file(frame, ["a"], f"file:///data/{number % 5}.out", f"{number:064x}")
    session.end()
    return session.writer.head.records


@only_a_file
@pytest.mark.slow
def test_an_ingestion_killed_at_any_moment_loses_and_doubles_nothing(workspace: Workspace) -> None:
    moments = random.Random(7)
    command = [sys.executable, "-c", textwrap.dedent(INGEST), str(workspace.root)]
    store, records, killed = Store(workspace), 0, 0
    for turn in range(20):
        records += _long_session(workspace, f"s{turn:02}", 15, turn)
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(moments.uniform(0, 0.25))
        os.kill(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL and process.stdout.read() == b""
        process.stdout.close()
        if (
            turn % 3 == 0 and workspace.store.exists()
        ):  # a reader is next, and finds a whole number of ingestions
            with duckdb.connect(workspace.store, read_only=True) as database:
                if schema.is_current(database):
                    database.execute("select count(*) from accesses").fetchall()
    assert killed >= 5, "the moments were badly chosen"
    store.ingest()
    assert one(store, "select sum(records) from base.journals") == records
    assert one(store, "select count(*) from cells") == 20 * 15
    assert one(store, "select count(*) from accesses") == 20 * 15 * 2
    assert not list(workspace.state.glob("ingest-*")), "what a killed process left is cleared away"
    after = store.fingerprint()
    store.rebuild()
    assert store.fingerprint() == after


def test_processes_that_ingest_at_once_bring_everything_in_once(workspace: Workspace) -> None:
    _long_session(workspace, "s1", 10, 0)
    _long_session(workspace, "s2", 10, 1)
    command = [sys.executable, "-c", textwrap.dedent(INGEST), str(workspace.root)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert one(Store(workspace), "select count(*) from accesses") == 40


def test_reading_needs_no_more_than_what_was_told(told: Store) -> None:
    uris = {row["output_uri"] for row in told.query("from column_origins")}
    assert uris == {CLEAN, MODEL}
