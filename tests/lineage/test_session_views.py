"""What the views say of sessions, cells and accesses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import RAW, Session, one


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
