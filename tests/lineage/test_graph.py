"""Trace and impact: everything on the way, nothing off it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from governed_kernel.capture import uris
from governed_kernel.errors import UnknownName, UsageError
from governed_kernel.lineage import graph as graph_module
from governed_kernel.lineage.graph import Graph, impact, trace
from governed_kernel.lineage.journal import Head
from governed_kernel.lineage.store import Store
from governed_kernel.lineage.targets import file_uri
from governed_kernel.workspace import Workspace
from tests.lineage.recognised import both_ways
from tests.lineage.sessions import CLEAN, MODEL, RAW, Session, prepare, train


def text(graph: Graph) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(graph.tree())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def names(graph: Graph, kind: str) -> list[str]:
    return sorted(node.name for node in graph.nodes.values() if node.kind == kind)


def test_a_trace_goes_through_sessions_to_the_sources(told: Store) -> None:
    graph = trace(told.workspace, MODEL)
    assert names(graph, "resource") == [CLEAN, MODEL, RAW]
    assert len(names(graph, "transformation")) == 7
    assert graph.nodes[RAW].facts["sha256"] == "a" * 64
    shown = text(graph)
    assert shown.index(MODEL) < shown.index("fit") < shown.index(CLEAN) < shown.index(RAW)
    assert "memory://" not in shown


def test_an_impact_goes_the_other_way(told: Store) -> None:
    graph = impact(told.workspace, RAW)
    assert names(graph, "resource") == [CLEAN, MODEL, RAW]
    shown = text(graph)
    assert shown.index(RAW) < shown.index(CLEAN) < shown.index("fit") < shown.index(MODEL)


def test_what_is_off_the_path_is_left_out(told: Store) -> None:
    assert names(trace(told.workspace, CLEAN), "resource") == [CLEAN, RAW]
    assert names(impact(told.workspace, MODEL), "resource") == [MODEL]


def test_depth_counts_transformations(told: Store) -> None:
    graph = trace(told.workspace, MODEL, depth=2)
    assert len(names(graph, "transformation")) == 3
    assert graph.cut
    assert "more beyond the depth" in text(graph)
    assert not trace(told.workspace, MODEL, depth=50).cut


def test_columns_come_with_a_trace_when_they_are_asked_for(told: Store) -> None:
    graph = trace(told.workspace, CLEAN, columns=True)
    assert graph.columns is not None
    assert {row["input_column"] for row in graph.columns} == {"radius", "texture", "sex"}
    assert "FILTER sex" in text(graph)
    assert "inferred" in text(graph)


def test_the_json_document_has_every_node_that_a_link_names(told: Store) -> None:
    document = msgspec.json.decode(
        msgspec.json.encode(trace(told.workspace, MODEL, columns=True).as_json(), enc_hook=str)
    )
    nodes = {node["node"] for node in document["nodes"]}
    assert {link[end] for link in document["links"] for end in ("from", "to")} <= nodes
    assert document["target"] in nodes
    assert document["columns"]


def test_a_name_that_nobody_recorded_is_an_error_that_says_where_to_look(told: Store) -> None:
    for name in ("file:///nowhere", "no/such/file", "nothing@3"):
        with pytest.raises(UnknownName, match="governed lineage sessions"):
            trace(told.workspace, name)


def test_bytes_that_are_no_text_are_said_to_be_so(told: Store) -> None:
    asked = (
        lambda: trace(told.workspace, "file:///x\udcff"),
        lambda: trace(told.workspace, "x\udcff"),
        lambda: told.query("select 1 where ? = ''", ["\udcff"]),
        lambda: told.query("select '\udcff'"),
    )
    for ask in asked:
        with pytest.raises(UsageError, match="no text"):
            ask()


def test_one_file_of_a_saved_folder_is_traced_as_the_folder(workspace: Workspace) -> None:
    prepare(workspace)
    session = train(workspace)
    del session
    extra = Session(workspace, "s3", start=2)
    extra.cell("x")
    extra.access("write", f"{MODEL}/weights.safetensors", "9" * 64)
    extra.end()
    store = Store(workspace)
    store.ingest()
    assert RAW in trace(workspace, f"{MODEL}/weights.safetensors").nodes


def test_a_folder_is_traced_as_the_files_in_it(told: Store) -> None:
    assert {MODEL, CLEAN, RAW} <= set(trace(told.workspace, "file:///data").nodes)


def test_a_relative_path_and_an_identical_copy_are_found(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governed_kernel.canonical import digest_bytes

    written, copy = workspace.root / "out.csv", workspace.root / "bundle" / "renamed.csv"
    copy.parent.mkdir()
    for path in (written, copy):
        path.write_bytes(b"a,b\n1,2\n")
    session = Session(workspace, "s")
    session.cell("x")
    frame = session.read_file(RAW, ["a", "b"])
    session.write_file(frame, ["a", "b"], file_uri(written), digest_bytes(b"a,b\n1,2\n"))
    session.end()
    Store(workspace).ingest()
    assert RAW in trace(workspace, "out.csv").nodes
    assert RAW in trace(workspace, "bundle/renamed.csv").nodes
    monkeypatch.chdir(copy.parent)
    assert RAW in trace(workspace, "renamed.csv").nodes


def test_a_file_that_only_an_access_knows_leads_to_its_session(workspace: Workspace) -> None:
    session = Session(workspace, "s")
    session.cell("open('log.txt', 'w')")
    session.access("write", "file:///log.txt")
    session.access("read", "file:///seen.txt")
    session.end()
    Store(workspace).ingest()
    assert names(trace(workspace, "file:///log.txt"), "session") == ["s"]
    assert names(impact(workspace, "file:///seen.txt"), "session") == ["s"]


def released(workspace: Workspace) -> Store:
    """Session 2 is the run of a release on catalogued data, whose adapter is deployed."""
    prepare(workspace)
    run = Session(workspace, "s2", start=1, run_id="run-1")
    run.cell("frame = data.load('clean')")
    frame = run.read_file(CLEAN, ["size"], "b" * 64)
    run.cell("save")
    run.access("write", f"{MODEL}/adapter.safetensors", "d" * 64)
    run.transform("save", {frame: ["size"]}, MODEL, [], [("*", frame, "size", "AGGREGATION")])
    run.end()
    store = Store(workspace)
    store.ingest()
    moment = datetime(2026, 11, 21, tzinfo=UTC)
    release = "triage@1"
    artifact = {"run_id": "run-1", "name": "adapter", "uri": f"{MODEL}/adapter.safetensors"}
    live = {"environment": "preprod", "slot": "main", "release": release, "live_from": moment}
    tables: dict[str, list[dict[str, Any]]] = {
        "datasets": [{"dataset": "clean", "source": "the clinic"}],
        "dataset_versions": [
            {"dataset": name, "version": "1", "sha256": sha256, "data_class": "health"}
            for name, sha256 in (("clean", "b" * 64), ("all", "c" * 64))
        ],
        "dataset_files": [
            {"dataset": "clean", "version": "1", "path": "clean.parquet", "sha256": "b" * 64}
        ],
        "dataset_parents": [
            {
                "dataset": "clean",
                "version": "1",
                "parent_dataset": "all",
                "parent_version": "1",
                "part": "train",
            }
        ],
        "releases": [{"release": release, "state": "released"}],
        "runs": [
            {"run_id": "run-1", "release": release, "kind": "release", "state": "succeeded"},
            {"run_id": "run-2", "release": release, "kind": "rerun", "state": "succeeded"},
        ],
        "artifacts": [{**artifact, "sha256": "d" * 64, "bytes": 7, "kind": "adapter"}],
        "deployments": [{**live, "bundle": "triage-1", "person": "olga"}],
    }
    store.replace_ledger_tables(Head(1, 1, b"\1" * 32), tables)
    return store


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    from tests.lineage.sessions import workspace_at

    return released(workspace_at(tmp_path_factory.mktemp("deployed")))


@pytest.mark.parametrize("name", ["triage@1", "run-1", f"{MODEL}/adapter.safetensors"])
def test_release_run_and_artifact_go_back_to_bytes_at_the_source(
    deployed: Store, name: str
) -> None:
    graph = trace(deployed.workspace, name)
    assert {RAW, CLEAN, "dataset:clean@1", "dataset:all@1"} <= set(graph.nodes)
    assert graph.nodes["dataset:clean@1"].facts["source"] == "the clinic"
    shown = text(graph)
    assert "clean@1" in shown
    assert RAW in shown


def test_contents_are_recognised_as_the_view_says(deployed: Store) -> None:
    fast, viewed = both_ways(deployed)
    assert fast == viewed
    assert ("clean", "1") in {row[1:3] for row in viewed}  # type: ignore[index]


def test_a_dataset_goes_back_to_the_session_that_wrote_its_content(deployed: Store) -> None:
    graph = trace(deployed.workspace, "clean@1")
    assert {RAW, CLEAN, "dataset:all@1"} <= set(graph.nodes)


@pytest.mark.parametrize("name", ["clean", "clean@1", "all@1", RAW])
def test_a_recalled_dataset_leads_to_releases_and_deployments(deployed: Store, name: str) -> None:
    graph = impact(deployed.workspace, name)
    assert names(graph, "release") == ["triage@1"]
    assert names(graph, "deployment") == ["preprod/main"]
    shown = text(graph)
    assert "deployment preprod/main" in shown
    assert "olga" in shown


@pytest.mark.parametrize("name", ["clean", "clean@1", "all@1", "triage@1", "run-1", RAW, MODEL])
def test_both_ways_at_once_are_a_trace_and_an_impact(deployed: Store, name: str) -> None:
    workspace = deployed.workspace
    before, after = graph_module.both_ways(workspace, name, store=deployed)
    assert before == trace(workspace, name)
    assert after == impact(workspace, name)


def test_a_dataset_s_impact_leaves_out_who_read_another_content(workspace: Workspace) -> None:
    store = released(workspace)
    other = Session(workspace, "s9", start=5)
    other.cell("x")
    frame = other.read_file(CLEAN, ["size"], "e" * 64)
    other.write_file(frame, ["size"], "file:///other.csv")
    other.end()
    store.ingest()
    assert "file:///other.csv" not in impact(workspace, "clean@1").nodes
    assert "file:///other.csv" in impact(workspace, CLEAN).nodes


def test_a_chain_too_deep_for_a_terminal_still_shows_its_source(workspace: Workspace) -> None:
    session = Session(workspace, "s")
    session.cell("x")
    frame = session.read_file(RAW, ["x"])
    for _ in range(60):
        edges = [("x", frame, "x", "TRANSFORMATION")]
        frame = session.transform("add", {frame: ["x"]}, session.memory(), ["x"], edges)  # type: ignore[arg-type]
    session.write_file(frame, ["x"], "file:///out.csv")
    session.end()
    Store(workspace).ingest()
    shown = text(trace(workspace, "file:///out.csv"))
    assert "--json has all" in shown
    assert RAW in shown


def test_paths_are_spelled_as_the_observers_spell_them(tmp_path: Path) -> None:
    for name in ("a b.csv", "ä%20#?.csv", "x;y=(1).csv"):
        assert file_uri(tmp_path / name) == uris.file_uri(tmp_path / name)
