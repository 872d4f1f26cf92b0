"""``governed demo``: the whole loop on real data and a real model, as the README tells it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from governed_kernel import data, validation
from governed_kernel.demonstration import Demonstration
from governed_kernel.errors import UsageError
from governed_kernel.training import change_surface

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and output of one demonstration."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    done = subprocess.run(
        [sys.executable, "-m", "governed_kernel", "demo", "--keep", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder, done.stdout


@pytest.fixture
def ask(demo: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask the kept workspace by a command, from elsewhere."""
    folder, _ = demo
    monkeypatch.setenv("GOVERNED_HOME", str(folder / "people"))

    def facts(*arguments: str) -> Any:
        command = [
            sys.executable,
            "-m",
            "governed_kernel",
            "--workspace",
            str(folder / "workspace"),
        ]
        done = subprocess.run(
            [*command, *arguments, "--json"], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    return facts


@pytest.mark.timeout(1200)
def test_it_walks_every_step_and_the_rerun_gives_the_same_bits(demo: tuple[Path, str]) -> None:
    _, said = demo
    assert re.findall(r"(?m)^== +(\d+)\.", said) == [str(number) for number in range(1, 12)]
    assert re.search(r"re-run: IDENTICAL, weights [0-9a-f]{64}", said)
    assert said.count("refused, as it must be") == 3
    command = r"GOVERNED_HOME=\S+ (governed|\S+ -m governed_kernel) --workspace \S+ lab"
    assert re.fullmatch(command, said.splitlines()[-1].strip())


def test_the_release_names_the_commit_that_it_is_from(demo: tuple[Path, str], ask: Any) -> None:
    workspace = demo[0] / "workspace"
    command = ["git", "-C", str(workspace), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ask("release", "show", "biopsy-triage@1")["commit"] == done.stdout.strip()
    listed = ["git", "-C", str(workspace), "ls-files"]
    kept = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
    assert "research/biopsy_triage.ipynb" in kept
    assert ".governed" not in kept.replace(".gitignore", "")
    assert "wdbc.csv" not in kept, "data is in the catalog, and not in git"


def test_every_read_is_on_record_with_its_cell(ask: Any) -> None:
    rows = ask(
        "lineage",
        "sql",
        "select distinct cell_id, dataset, via from accesses join sessions using (session_id) "
        "where mode = 'research' and operation = 'read' and dataset is not null",
    )
    seen = {(row["cell_id"], row["dataset"], row["via"]) for row in rows}
    assert ("load", "wdbc-train", "pandas.read_csv") in seen
    assert ("load", "wdbc-validation", "data.load") in seen
    assert any(cell == "adapter" and dataset == "minilm" for cell, dataset, _ in seen)


def test_the_adaptation_is_on_record_down_to_its_steps(ask: Any) -> None:
    rows = ask(
        "lineage",
        "sql",
        "select cell_id, operation from transformations join sessions using (session_id) "
        "where mode = 'research' and operation in ('adapt', 'train')",
    )
    assert {(row["cell_id"], row["operation"]) for row in rows} >= {
        ("adapter", "adapt"),
        ("training", "train"),
    }


def test_the_adapter_owes_to_the_features_that_were_written_out_and_to_no_identifier(
    ask: Any,
) -> None:
    rows = ask(
        "lineage",
        "sql",
        "select distinct input_column from column_origins "
        "where parse_filename(output_uri) = 'adapter_model.safetensors' "
        "and parse_filename(input_uri) = 'wdbc-train.csv'",
    )
    columns = {row["input_column"] for row in rows}
    assert len(columns) == 11
    assert "diagnosis" in columns
    assert all(name.startswith("worst_") for name in columns - {"diagnosis"})


def test_only_the_validation_run_read_the_holdout(ask: Any) -> None:
    readers = ask(
        "lineage",
        "sql",
        "select distinct mode, cell_id from accesses join sessions using (session_id) "
        "where dataset = 'wdbc-holdout' and operation = 'read'",
    )
    assert {(row["mode"], row["cell_id"]) for row in readers} == {("release", "validation")}


def test_the_release_went_through_every_state_and_is_live(ask: Any) -> None:
    shown = ask("release", "show", "biopsy-triage@1")
    states = [step["state"] for step in shown["history"]]
    assert states == ["candidate", "approved", "executed", "validated", "released"]
    assert shown["deployments"][0]["environment"] == "preprod"
    assert {run["kind"]: run["state"] for run in shown["runs"]} == {
        "release": "succeeded",
        "validation": "succeeded",
        "rerun": "succeeded",
    }


def test_the_holdout_is_passed_with_room_for_who_trains_with_another_processor(
    demo: tuple[Path, str],
) -> None:
    (path,) = demo[0].glob("workspace/bundles/*/evaluation/evidence/biopsy.json")
    functional = [
        case
        for case in validation.read_evidence(path).cases
        if (case.layer, case.comparison) == ("functional", "at least")
    ]
    assert len(functional) == 5
    assert {case.id for case in functional if case.value - case.threshold <= 0.03} == set()


def test_the_runs_log_shows_the_optimisers_steps(demo: tuple[Path, str]) -> None:
    logs = list((demo[0] / "workspace" / ".governed" / "runs").glob("re*run-*/log.txt"))
    assert len(logs) == 1
    assert len(re.findall(r"'loss': ", logs[0].read_text())) >= 6
    assert "66 optimiser steps" in logs[0].read_text()


def test_only_adapter_and_head_moved(
    demo: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = demo[0] / "workspace"
    monkeypatch.setenv("GOVERNED_HOME", str(demo[0] / "people"))
    monkeypatch.chdir(workspace)
    (adapter,) = workspace.glob("bundles/*/artifacts/adapter")
    surface = change_surface(adapter, data.model("minilm", purpose="evaluate"))
    suite = validation.read_suite(workspace / "suites" / "biopsy")
    assert surface.outside(suite.change_surface.allowed) == []
    assert len(surface.added) == 26
    assert surface.added_parameters == 74_498


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty"):
        Demonstration(tmp_path, lambda _: None).run()
    assert (tmp_path / "thesis.txt").read_text() == "mine"
