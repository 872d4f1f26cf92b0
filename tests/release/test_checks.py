"""Promotion checks on a notebook's text: one document for each kind of finding."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from governed_kernel.release import checks
from governed_kernel.release.findings import Finding, is_blocked

PARAMETERS = "seed: int = 7  # 0..9: of everything"
SEEDED = "from governed_kernel import training\n\ntraining.seed_everything(seed)"


def document(*sources: str, parameters: str | None = PARAMETERS) -> nbformat.NotebookNode:
    """A notebook that was run from first to last."""
    cells = [nbformat.v4.new_code_cell(source) for source in (SEEDED, *sources)]
    if parameters is not None:
        cells.insert(0, nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    for number, cell in enumerate(cells, 1):
        cell.execution_count = number
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=cells)
    return made


def changed(**changes: Any) -> nbformat.NotebookNode:
    made = document("1 + 1")
    made.cells[-1].update(changes)
    return made


def several() -> nbformat.NotebookNode:
    made = document("steps: int = 3  # 1..5: more")
    made.cells[-1].metadata["tags"] = ["parameters"]
    return made


def shown(text: str) -> nbformat.NotebookNode:
    return changed(outputs=[nbformat.v4.new_output("stream", text=text)])


def unseeded(source: str = "1 + 1") -> nbformat.NotebookNode:
    made = document(source)
    del made.cells[1]
    made.cells[-1].execution_count = 2
    return made


FAILED = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"

FINDINGS: dict[str, tuple[str, nbformat.NotebookNode, str]] = {
    "a cell that was never run": (
        "cell-never-run",
        changed(execution_count=None),
        "restart the kernel, run all cells",
    ),
    "a cell that failed": ("cell-failed", changed(outputs=[FAILED]), "mend it, restart"),
    "cells out of order": (
        "cells-out-of-order",
        changed(execution_count=7),
        "restart the kernel, run all cells",
    ),
    "no parameters": (
        "no-parameters-cell",
        document(parameters=None),
        "tag the cell that assigns them with 'parameters'",
    ),
    "two parameters cells": ("several-parameters-cells", several(), "tag the cell"),
    "a parameter that is computed": (
        "parameters-not-literal",
        document(parameters="seed: int = len('seven')"),
        "literals only",
    ),
    "a parameter without a range": (
        "parameter-without-bounds",
        document(parameters="seed: int = 7"),
        "add a comment such as '# 1..5: what it means'",
    ),
    "a cell that is no Python": ("does-not-parse", document("for in"), "mend the cell"),
    "an absolute path": (
        "absolute-path",
        document("open('/home/dora/berries.csv')"),
        "register the file and use data.load(NAME)",
    ),
    "a path of another system": (
        "absolute-path",
        document(r"open('C:\\Users\\dora\\berries.csv')"),
        "or make the path relative",
    ),
    "a home folder": ("absolute-path", document("open('~/berries.csv')"), "register the file"),
    "pip by magic": ("installs-packages", document("%pip install sugar"), "remove the line"),
    "pip by shell": ("installs-packages", document("!pip install -q sugar"), "remove the line"),
    "pip by a process": (
        "installs-packages",
        document("import subprocess\nsubprocess.run(['pip', 'install', 'sugar'])"),
        "install before starting the kernel",
    ),
    "conda": ("installs-packages", document("!conda install -y sugar"), "remove the line"),
    "a shell line": ("shell-line", document("!ls"), "use Python instead"),
    "a shell cell": ("shell-line", document("%%bash\nls"), "use Python instead"),
    "a secret in a source": (
        "secret",
        document(f"token = '{TOKEN}'"),
        "remove it, change the secret",
    ),
    "a secret in an output": ("secret", shown(f"token = '{TOKEN}'\n"), "remove it"),
    "no seed": ("no-seed", unseeded(), "call training.seed_everything(seed)"),
    "a seed that is no parameter": (
        "seed-not-a-parameter",
        unseeded("import training\ntraining.seed_everything(7)"),
        "add 'seed: int = 7  # 0..2147483647: …'",
    ),
}
WARNINGS = {"shell-line", "seed-not-a-parameter"}


@pytest.mark.parametrize("what", FINDINGS)
def test_each_kind_of_finding_is_explained_with_what_to_do(what: str) -> None:
    code, notebook, fix = FINDINGS[what]
    found = [finding for finding in checks.check_text(notebook) if finding.code == code]
    assert found, [finding.code for finding in checks.check_text(notebook)]
    assert found[0].what
    assert found[0].why
    assert fix in found[0].next
    assert is_blocked(found) == (code not in WARNINGS)


def test_a_finding_names_its_cell() -> None:
    (found,) = checks.check_text(document("1", "open('/home/dora/berries.csv')"))
    assert found.cell_index == 3
    assert found.what.startswith("cell 4: ")
    assert found.cell_id
    assert found.cell_id not in found.what, "people count cells, programs have the id"


def test_a_secret_is_never_repeated() -> None:
    for finding in checks.check_text(document(f"token = '{TOKEN}'")):
        assert TOKEN not in str(finding)


def test_a_notebook_as_it_should_be_has_no_findings() -> None:
    assert checks.check_text(document("open('berries.csv')", "'/'", "print('a / b')")) == []


@pytest.mark.parametrize(
    "source",
    [
        "%time open('/home/dora/berries.csv')",
        "%timeit -n 1 -r 1 open('/home/dora/berries.csv')",
        "%%time\n\nopen('/home/dora/berries.csv')",
        "%%capture\n%time open('/home/dora/berries.csv')",
        "text = %time open('/home/dora/berries.csv')",
    ],
)
def test_a_magic_does_not_hide_what_it_runs(source: str) -> None:
    found = checks.check_text(document(source))
    assert [finding.code for finding in found] == ["absolute-path"]


def test_the_suites_that_a_notebook_names_are_found_once() -> None:
    named = "validation.run('suites/berries', predict)"
    assert checks.suites_named(document(named, named, "validation.run(name)")) == ["suites/berries"]


def test_only_blocking_findings_block() -> None:
    kinds = [
        Finding(code="x", severity=severity, what="", why="", next="")
        for severity in ("note", "warning", "blocking")
    ]
    assert not is_blocked(kinds[:2])
    assert is_blocked(kinds)
