"""Pictures that anybody can open: whole XML, nothing active in it, every name as it is."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from governed_kernel.lineage.comparison import compare
from governed_kernel.lineage.drawing import Arrow, Box, Panel, draw
from governed_kernel.lineage.graph import impact, trace
from governed_kernel.lineage.pictures import of_comparison, of_graph
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import CLEAN, MODEL, RAW, Session

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "<script>alert(1)</script>",
    '"\' onload="alert(1)',
    "]]><a href='javascript:alert(1)'>&amp;&lt;",
    "gnp.\u202ecsv",
    "a\x00b\x1b[31m\ud800\u2028",
    "漢字" * 200,
    "x" * 5000,
)


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    allowed = {"svg", "g", "rect", "path", "text", "title", "defs", "marker", "clipPath"}
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in allowed
        assert not [name for name in element.attrib if name.startswith("on") or "href" in name]
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_a_trace_is_drawn_cell_by_cell(told: Store) -> None:
    shown = texts(of_graph(trace(told.workspace, MODEL, store=told)))
    for text in ("Upstream of file:///data/model", "patients.csv", "clean.parquet", "model"):
        assert text in shown
    cells = sorted(text for text in shown if text.startswith("cell "))
    assert cells == sorted(2 * ["cell 1 (cell-1)", "cell 2 (cell-2)", "cell 3 (cell-3)"])
    assert not [text for text in shown if "memory://" in text]


def test_an_impact_is_drawn_and_columns_below_it(told: Store) -> None:
    svg = of_graph(impact(told.workspace, RAW, columns=True, store=told))
    shown = texts(svg)
    assert "Downstream of file:///data/patients.csv" in shown
    assert "Columns and where they are from" in shown
    assert {"radius", "texture", "size", "sex", "(all of it)"} <= set(shown)
    titles = [item.text or "" for item in ElementTree.fromstring(svg).iter(f"{SVG}title")]
    assert "texture → size: TRANSFORMATION (inferred)" in titles
    assert [title for title in titles if title.startswith("sex → ") and "FILTER" in title]


def test_two_sessions_are_drawn_with_what_differs(told: Store) -> None:
    svg = of_comparison(compare(told.workspace, "s1", "s2", store=told))
    shown = texts(svg)
    assert {"only in s1", "only in s2", "in both, and not the same"} <= set(shown)
    assert {"patients.csv", "clean.parquet", "cell cell-1"} <= set(shown)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_a_name(name: str) -> None:
    box = Box("a", "resource", name, (name,), (name,))
    other = Box("b", "cell", "b")
    panel = Panel(name, [box, other], [Arrow("a", "b", name, "direct", name)])
    shown = texts(draw([panel]))
    assert len(shown) == 5
    assert all("\u202e" not in text and "\x1b" not in text for text in shown)
    assert all(len(text) < 200 for text in shown)


def test_a_hostile_file_is_drawn_as_it_is_called(workspace: Workspace) -> None:
    session = Session(workspace, "s1", notebook="<b>.ipynb")
    session.cell("x")
    frame = session.read_file("file:///data/%3Cscript%3E.csv", ["<i>", "&"])
    session.write_file(frame, ["<i>", "&"], "file:///data/\u202e.csv")
    session.end()
    store = Store(workspace)
    store.ingest()
    graph = trace(workspace, "file:///data/\u202e.csv", columns=True, store=store)
    shown = texts(of_graph(graph))
    assert {"<script>.csv", "<i>", "&", "\\u202e.csv"} <= set(shown)


def test_many_files_of_one_kind_stand_in_one_box(workspace: Workspace) -> None:
    session = Session(workspace, "s1")
    session.cell("x")
    edges = []
    inputs = {}
    for number in range(40):
        frame = session.read_file(f"file:///data/part-{number:02}.csv", ["a"])
        inputs[frame] = ["a"]
        edges.append(("a", frame, "a", "IDENTITY"))
    whole = session.transform("concat", inputs, session.memory(), ["a"], edges)  # type: ignore[arg-type]
    session.write_file(whole, ["a"], CLEAN)
    session.end()
    store = Store(workspace)
    store.ingest()
    shown = texts(of_graph(trace(workspace, CLEAN, store=store)))
    assert "40 files" in shown
    assert "and 38 more" in shown


def test_a_large_graph_is_drawn(workspace: Workspace, tmp_path: Path) -> None:
    """Two hundred and more files and cells, each made of some before it."""
    session = Session(workspace, "s1")
    for number in range(120):
        session.cell(f"step {number}")
        sources = {number // 3, number * 7 % max(1, number // 2)}
        frames = [session.read_file(f"file:///data/{source}.csv", ["a"]) for source in sources]
        edges = [("a", frame, "a", "TRANSFORMATION") for frame in frames]
        inputs = {frame: ["a"] for frame in frames}
        made = session.transform("join", inputs, session.memory(), ["a"], edges)  # type: ignore[arg-type]
        session.write_file(made, ["a"], f"file:///data/{number + 1}.csv")
    session.end()
    store = Store(workspace)
    store.ingest()
    graph = impact(workspace, "file:///data/0.csv", store=store)
    assert len(graph.nodes) > 400
    shown = texts(of_graph(graph))
    assert len({text for text in shown if text.startswith("cell ")}) == 120
    (tmp_path / "large.svg").write_text(of_graph(graph))
