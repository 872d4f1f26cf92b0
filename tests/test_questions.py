"""The questions from a script: plain documents, the same errors, and the examples as written."""

from __future__ import annotations

import doctest
import json
from pathlib import Path

import pytest

from governed_kernel import questions
from governed_kernel.errors import CheckFailed, UnknownName, UsageError
from tests.lineage.sessions import CLEAN, MODEL, RAW, prepare, train, workspace_at


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = workspace_at(tmp_path_factory.mktemp("questions"))
    workspace.ledger.unlink()  # journals alone: what the ledger adds is asked elsewhere
    prepare(workspace)
    train(workspace)
    return workspace.root


def test_the_examples_are_true(place: Path) -> None:
    runner = doctest.DocTestRunner(verbose=False)
    for example in doctest.DocTestFinder().find(questions, extraglobs={"workspace": place}):
        runner.run(example)
    assert (runner.failures, runner.tries > 5) == (0, True)


def test_an_answer_is_a_document(place: Path) -> None:
    graph = questions.trace(MODEL, columns=True, depth=9, workspace=place)
    assert json.loads(json.dumps(graph)) == graph
    assert {row["input_column"] for row in graph["columns"]} == {
        *("radius", "texture", "sex"),
        "one",  # a constant: nothing says where it is from
    }
    assert MODEL in {node["node"] for node in questions.impact(RAW, workspace=place)["nodes"]}
    assert questions.readers(CLEAN, "size", since="2026-11-21", workspace=place)
    assert not questions.readers(CLEAN, until="2026-11-20", parts=True, workspace=place)


def test_the_workspace_is_found_from_here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert not questions.diff("s1", "s2")["same"]


def test_errors_are_the_same_as_everywhere(place: Path) -> None:
    with pytest.raises(UnknownName, match="'nothing'") as error:
        questions.trace("nothing", workspace=place)
    assert "governed data list" in error.value.next
    with pytest.raises(UsageError, match="is no date"):
        questions.readers(CLEAN, since="soon", workspace=place)
    with pytest.raises(CheckFailed, match="the query failed"):
        questions.sql("selct 1", workspace=place)
    with pytest.raises(UnknownName):
        questions.sql("select 1", workspace=place / "nowhere")
