"""Two sessions held against each other."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from governed_kernel.errors import UnknownName
from governed_kernel.lineage.comparison import Comparison, Row, compare
from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import CLEAN, RAW, Session


def study(workspace: Workspace, session_id: str, start: int = 0, **versions: str) -> Session:
    session = Session(workspace, session_id, start=start, versions={"numpy": "2.1", **versions})
    session.cell("frame = pd.read_csv('patients.csv')\nframe.head()")
    return session


def written(session: Session, column: str, sha256: str) -> None:
    frame = session.read_file(RAW, ["radius", "texture"], sha256)
    session.cell("clean.to_parquet()")
    edges = [("size", frame, column, "TRANSFORMATION")]
    clean = session.transform("assign", {frame: [column]}, session.memory(), ["size"], edges)  # type: ignore[arg-type]
    session.write_file(clean, ["size"], CLEAN)


def compared(workspace: Workspace) -> Comparison:
    store = Store(workspace)
    store.ingest()
    return compare(workspace, "s1", "s2", store=store)


def rows(found: Comparison, section: str) -> dict[str, tuple[object, object]]:
    return {row.what: (row.first, row.second) for row in found.sections[section]}


def text(found: Comparison) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(found.tree())
    return out.getvalue()


def test_two_of_the_same_differ_in_nothing(workspace: Workspace) -> None:
    for number, name in enumerate(("s1", "s2")):
        session = study(workspace, name, number)
        written(session, "radius", "a" * 64)
        session.end()
    found = compared(workspace)
    assert found.same, found.sections
    assert "column origins of what was written: the same" in text(found)


def test_each_difference_is_named(workspace: Workspace) -> None:
    first = study(workspace, "s1", pandas="2.2")
    written(first, "radius", "a" * 64)
    first.end()
    second = Session(
        workspace, "s2", start=1, notebook="research/other.ipynb", versions={"numpy": "2.2"}
    )
    second.cell("frame = pd.read_csv('patients.csv')\nframe.tail()")
    written(second, "texture", "c" * 64)
    second.cell("open('more')")
    second.access("read", "file:///data/more", decision="denied")
    second.end()
    found = compared(workspace)
    assert rows(found, "session") == {"notebook": ("research/triage.ipynb", "research/other.ipynb")}
    assert rows(found, "versions") == {"numpy": ("2.1", "2.2"), "pandas": ("2.2", None)}
    changed, added = found.sections["cells"]
    assert (changed.what, added.what, added.first) == ("cell cell-1", "cell cell-3", None)
    assert "-frame.head()\n+frame.tail()" in changed.change
    assert rows(found, "accesses") == {
        f"read {RAW}": ({"sha256": "a" * 64}, {"sha256": "c" * 64}),
        "read file:///data/more": (None, {"decision": "denied"}),
    }
    assert rows(found, "transformations") == {}
    told = {"relation": "TRANSFORMATION", "evidence": "observed"}
    assert rows(found, "columns") == {
        f"{CLEAN}:size ← {RAW}:radius": (told, None),
        f"{CLEAN}:size ← {RAW}:texture": (None, told),
    }
    shown = text(found)
    assert "-frame.head()" in shown
    assert "+ not there" in shown


def test_places_of_its_own_do_not_count_as_differences(workspace: Workspace) -> None:
    for number, name in enumerate(("s1", "s2")):
        session = study(workspace, name, number)
        root = f"file://{workspace.root}"
        folder = f"{root}/.governed"
        snapshot = f"{folder}/snapshots/{str(number) * 64}/people.csv"
        session.access("read", snapshot, dataset="people", version=str(number + 1))
        outputs = f"{folder}/runs/run-{name}/output" if number else f"{root}/research/outputs"
        session.access("write", f"{outputs}/model.bin")
        session.access(
            "read", f"{folder}/runs/{name}/work/code.py" if number else f"{root}/code.py"
        )
        session.access("write", f"{root}/research/table%20one.csv")
        session.end()
    found = compared(workspace)
    assert rows(found, "accesses") == {
        "read dataset people/people.csv": ({"version": "1"}, {"version": "2"})
    }


def test_cells_are_known_by_their_text_when_their_ids_are_new(workspace: Workspace) -> None:
    first = Session(workspace, "s1")
    first.cell("one")
    first.cell("two")
    first.end()
    second = Session(workspace, "s2")
    second._execution = 10  # as another notebook would number them
    second.cell("two")
    second.cell("one")
    second.end()
    found = compared(workspace)
    assert [row.what for row in found.sections["cells"]] == ["order of the last executions"]
    assert found.sections["cells"] == [
        Row("order of the last executions", ["cell-1", "cell-2"], ["cell-2", "cell-1"])
    ]


def test_an_erased_cell_has_no_text_to_compare(workspace: Workspace) -> None:
    for number, name in enumerate(("s1", "s2")):
        session = study(workspace, name, number)
        session.end()
    (workspace.journals / "s2.payloads.jsonl").unlink()
    (row,) = compared(workspace).sections["cells"]
    assert row.second["source_sha256"] is None
    assert row.change == ""


def test_a_session_that_is_not_there_is_named(workspace: Workspace) -> None:
    study(workspace, "s1").end()
    with pytest.raises(UnknownName, match="'s2'"):
        compared(workspace)
