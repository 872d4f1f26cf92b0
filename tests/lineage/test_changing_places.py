"""Cycles, deleted notebooks, renamed files: what was recorded stays answerable."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from governed_kernel.lineage.graph import Graph, impact, trace
from governed_kernel.lineage.pictures import of_graph
from governed_kernel.lineage.readers import readers
from governed_kernel.lineage.store import Store
from governed_kernel.lineage.targets import file_uri
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import Session


def text(graph: Graph) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(graph.tree())
    return out.getvalue()


def rewritten(workspace: Workspace, session_id: str, start: int, before: str, after: str) -> None:
    """A session that reads a table, adds to it and writes it back under the same name."""
    session = Session(workspace, session_id, start=start)
    session.cell("table = pd.read_csv('t.csv'); table['n'] += 1; table.to_csv('t.csv')")
    frame = session.read_file("file:///data/t.csv", ["n"], before)
    edges = [("n", frame, "n", "TRANSFORMATION")]
    made = session.transform("add", {frame: ["n"]}, session.memory(), ["n"], edges)  # type: ignore[arg-type]
    session.write_file(made, ["n"], "file:///data/t.csv", after)
    session.end()


def test_a_file_that_is_read_and_written_back_is_traced_once_round(workspace: Workspace) -> None:
    rewritten(workspace, "s1", 0, "a" * 64, "b" * 64)
    rewritten(workspace, "s2", 1, "b" * 64, "c" * 64)
    store = Store(workspace)
    store.ingest()
    for graph in (
        trace(workspace, "file:///data/t.csv", columns=True, store=store),
        impact(workspace, "file:///data/t.csv", columns=True, store=store),
    ):
        assert len([node for node in graph.nodes.values() if node.kind == "transformation"]) == 6
        assert text(graph).count("s1 cell 1") >= 1
        assert "stroke-dasharray" in of_graph(graph)  # an arrow against the others


def test_a_tree_tells_what_a_read_saw_and_nothing_that_was_written_later(
    workspace: Workspace,
) -> None:
    rewritten(workspace, "s1", 0, "a" * 64, "b" * 64)
    rewritten(workspace, "s2", 1, "b" * 64, "c" * 64)
    store = Store(workspace)
    store.ingest()
    graph = trace(workspace, "file:///data/t.csv", store=store)
    told = [line.strip(" │├└─") for line in text(graph).splitlines()]
    files = [line for line in told if line.startswith("file:")]
    digests = [line.rpartition("sha256 ")[2] for line in files]
    assert digests == [f"{letter * 12}…" for letter in "cba"]
    steps = [line.split()[-3] for line in told if " cell " in line]
    assert steps == ["s2"] * 3 + ["s1"] * 3
    forward = text(impact(workspace, "file:///data/t.csv", store=store))
    # What the second session wrote was read by nobody; what the first one wrote, by the second.
    assert forward.count("s1 cell 1") == 3
    assert forward.splitlines()[-1].strip(" │├└─").startswith("file:")


def test_a_notebook_that_is_deleted_stays_in_every_answer(workspace: Workspace) -> None:
    notebook = workspace.root / "research" / "gone.ipynb"
    notebook.parent.mkdir()
    notebook.write_text("{}")
    session = Session(workspace, "s1", notebook="research/gone.ipynb")
    session.cell("x")
    frame = session.read_file("file:///data/a.csv", ["n"])
    session.write_file(frame, ["n"], "file:///data/b.csv")
    session.end()
    notebook.unlink()
    store = Store(workspace)
    store.ingest()
    (row,) = readers(workspace, "file:///data/a.csv", store=store)
    assert row["notebook"] == "research/gone.ipynb"
    assert "file:///data/a.csv" in trace(workspace, "file:///data/b.csv", store=store).nodes


def test_a_renamed_file_is_known_by_its_content(workspace: Workspace, tmp_path: Path) -> None:
    from governed_kernel.canonical import digest_file

    old, new = tmp_path / "old.csv", tmp_path / "moved" / "new name.csv"
    old.write_text("n\n1\n")
    session = Session(workspace, "s1")
    session.cell("x")
    frame = session.read_file("file:///data/a.csv", ["n"])
    session.write_file(frame, ["n"], file_uri(old), digest_file(old))
    session.end()
    new.parent.mkdir()
    old.rename(new)
    store = Store(workspace)
    store.ingest()
    graph = trace(workspace, str(new), store=store)
    assert "file:///data/a.csv" in graph.nodes
    assert file_uri(old) in graph.nodes
