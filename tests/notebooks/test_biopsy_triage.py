"""The example's research notebook, executed on the governed kernel as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from governed_kernel import validation
from governed_kernel.governance import keys
from governed_kernel.governance.pkcs8 import Cost
from governed_kernel.training import compare_weights, weights_digest
from governed_kernel.workspace import Workspace
from tests.notebooks.example import NOTEBOOK, make_workspace


def execute(workspace: Workspace, home: Path, **parameters: Any) -> Path:
    """Run the notebook with papermill in a process of its own; the adapter's folder."""
    given = [word for name, value in parameters.items() for word in ("-p", name, str(value))]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "papermill", "--no-progress-bar", "--cwd", "research"),
            *("--engine", "governed", "-k", "governed-research"),
            *given,
            *(NOTEBOOK, "research/executed.ipynb"),
        ],
        cwd=workspace.root,
        env={**os.environ, "GOVERNED_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return workspace.root / "research" / "outputs" / "adapter"


def outputs_of(workspace: Workspace, cell_id: str) -> str:
    document = nbformat.read(workspace.root / "research" / "executed.ipynb", as_version=4)
    (cell,) = [cell for cell in document.cells if cell.id == cell_id]
    return "".join(output.get("text", "") for output in cell.outputs)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("people")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", str(folder))
        patch.setattr(keys, "COST", Cost(n=2**8, r=8, p=1))
        for name in ("GOVERNED_TICKET", "GOVERNED_WORKSPACE", "GOVERNED_SESSION"):
            patch.delenv(name, raising=False)
        yield folder


def few(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:120]


@pytest.fixture(scope="module")
def trained(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """One epoch over few records: the whole way, in little time."""
    workspace = make_workspace(tmp_path_factory.mktemp("first") / "workspace", few)
    return workspace, execute(workspace, home, epochs=1)


# The demonstration runs the notebook itself, repeats a whole run, and looks at what came of both.
@pytest.mark.full
def test_another_process_and_folder_give_the_same_bits_and_another_seed_other_ones(
    trained: tuple[Workspace, Path], home: Path, tmp_path: Path
) -> None:
    _, first = trained
    workspace = make_workspace(tmp_path / "elsewhere" / "workspace", few)
    second = execute(workspace, home, epochs=1)
    assert weights_digest(second) == weights_digest(first)
    for file in sorted(first.iterdir()):
        assert (second / file.name).read_bytes() == file.read_bytes(), file.name

    assert "5 optimiser steps" in outputs_of(workspace, "training")

    changed = execute(workspace, home, epochs=1, seed=8)
    differences = compare_weights(first, changed)
    assert {difference.reason for difference in differences} == {"values"}
    assert "base_model.model.classifier.weight" in {found.name for found in differences}


@pytest.mark.full
def test_on_all_records_the_suite_would_pass(home: Path, tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "workspace")
    execute(workspace, home)
    path = workspace.root / "research" / "outputs" / "evidence" / "biopsy-preview.json"
    evidence = validation.read_evidence(path)
    assert evidence.passed, evidence.reasons
