"""Graphs as people look at them: cells for what they did, no things in memory, bounded."""

from __future__ import annotations

from typing import Any

import pytest

from governed_kernel.lineage import condensed, thing_origins
from governed_kernel.lineage.condensed import Condensed
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import CLEAN, MODEL, RAW, Session


def session_that_wrote(store: Store, uri: str) -> str:
    (row,) = store.query(
        "SELECT DISTINCT session_id FROM accesses WHERE uri = ? AND operation = 'write'", [uri]
    )
    return str(row["session_id"])


def test_a_session_is_its_cells_with_what_they_read_and_wrote(told: Store) -> None:
    session = session_that_wrote(told, CLEAN)
    graph = condensed.of_session(told, session)
    kinds = {node["kind"] for node in graph.nodes.values()}
    assert kinds == {"cell", "resource"}
    assert {RAW, CLEAN} <= graph.nodes.keys()
    assert "memory://" not in str(graph.as_json())
    (reader,) = [target for source, target in graph.links if source == RAW]
    (writer,) = [source for source, target in graph.links if target == CLEAN]
    assert graph.nodes[reader]["kind"] == graph.nodes[writer]["kind"] == "cell"
    assert set(graph.focus) == {key for key in graph.nodes if key.startswith("cell:")}


def test_around_a_file_is_what_came_before_and_what_came_of_it(told: Store) -> None:
    graph = condensed.of_target(told.workspace, CLEAN, told)
    assert graph.focus == [CLEAN]
    assert {RAW, CLEAN, MODEL} <= graph.nodes.keys()
    into = [source for source, target in graph.links if target == CLEAN]
    assert into
    assert {graph.nodes[source]["kind"] for source in into} == {"cell"}


def test_a_graph_keeps_what_is_nearest_and_counts_the_rest() -> None:
    graph = Condensed(focus=["n0"])
    for number in range(100):
        graph.put(f"n{number}", "resource", f"n{number}")
        if number:
            graph.link(f"n{number - 1}", f"n{number}")
    graph.nearest(10)
    assert list(graph.nodes) == [f"n{number}" for number in range(10)]
    assert graph.as_json()["stored"] == 100
    assert len(graph.links) == 9


def test_files_that_are_alike_are_one_node(workspace: Workspace) -> None:
    session = Session(workspace, "s1")
    session.cell("for number in range(5): …")
    for number in range(5):
        session.access("write", f"file:///data/part-{number}.csv")
    session.end()
    store = Store(workspace)
    store.ingest()
    (name,) = [row["session_id"] for row in store.query("SELECT session_id FROM sessions")]
    graph = condensed.of_session(store, name)
    (group,) = [node for node in graph.nodes.values() if node["kind"] == "resource"]
    assert group["name"] == "5 files"
    assert len(group["uris"]) == 5


def test_the_thousand_sessions_that_only_read_a_file_are_one_node(workspace: Workspace) -> None:
    for number in range(6):
        session = Session(workspace, f"s{number}", notebook=f"research/n{number}.ipynb")
        session.cell("…")
        session.access("read", RAW)
        session.end()
    store = Store(workspace)
    store.ingest()
    graph = condensed.of_target(workspace, RAW, store)
    (readers,) = [node for node in graph.nodes.values() if node["kind"] == "session"]
    assert readers["name"] == "6 sessions"
    assert "s3 research/n3.ipynb" in readers["members"]


def test_a_frame_that_was_never_saved_has_its_origins(told: Store) -> None:
    session = session_that_wrote(told, CLEAN)
    cells = told.query(
        "SELECT DISTINCT coalesce(nullif(cell_id, ''), execution::VARCHAR) AS cell "
        "FROM transformations WHERE session_id = ?",
        [session],
    )
    rows = [row for cell in cells for row in thing_origins.of_cell(told, session, cell["cell"])]
    memory = [row for row in rows if row["output"].startswith("memory://")]
    assert memory
    assert {row["input"] for row in memory} == {RAW}
    saved = {row["output_column"]: row for row in rows if row["output"] == CLEAN}
    known = told.query(
        "SELECT output_column, input_column, relation FROM column_origins WHERE output_uri = ?",
        [CLEAN],
    )
    assert saved.keys() == {row["output_column"] for row in known}


def test_a_graph_asks_as_often_of_a_hundred_versions_as_of_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly all that a question costs is planning it."""
    asked: list[int] = []
    for parts in (1, 100):
        store = Store(workspace)
        store.ingest()
        versions = [
            {"dataset": name, "version": "1", "sha256": f"{at:064x}", "data_class": "health"}
            for at, name in enumerate(["whole", *(f"part-{at}" for at in range(parts))])
        ]
        whole = {"version": "1", "parent_dataset": "whole", "parent_version": "1", "part": "p"}
        tables = {
            "dataset_versions": versions,
            "dataset_parents": [{**whole, "dataset": f"part-{at}"} for at in range(parts)],
        }
        store.replace_ledger_tables(Head(parts, parts, bytes([parts]) * 32), tables)
        with store.kept_open():
            counting = Counting(store._kept)
            monkeypatch.setattr(store, "_kept", counting)
            graph = condensed.of_target(workspace, "whole@1", store)
        assert f"dataset:part-{parts - 1}@1" in graph.nodes
        asked.append(counting.count)
    assert asked[0] == asked[1]


class Counting:
    """A connection that counts what it is asked."""

    def __init__(self, connection: Any) -> None:
        self.count = 0
        self._connection = connection

    def execute(self, *words: Any) -> Any:
        self.count += 1
        return self._connection.execute(*words)
