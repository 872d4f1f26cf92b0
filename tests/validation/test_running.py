from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from governed_kernel import validation
from governed_kernel.errors import IntegrityBroken, Refused, UnknownName, UsageError
from governed_kernel.governance.register import Register
from governed_kernel.training import save_adapter
from governed_kernel.workspace import Workspace
from tests.training.models import adapt
from tests.validation.suites import PREDICTOR


def own_predictor() -> Any:
    space: dict[str, Any] = {}
    exec(PREDICTOR, space)
    return space["Predictor"]()


def test_a_preview_shows_the_table_and_leaves_a_preview(workspace: Workspace) -> None:
    result = validation.run("suites/berries", own_predictor(), dataset="berries-validation")
    assert result.passed, result.reasons
    assert result.path == workspace.root / "research/outputs/evidence/berries-preview.json"
    evidence = validation.read_evidence(result.path)
    assert evidence.kind == "preview"
    assert evidence.dataset.name == "berries-validation@1"
    assert evidence.confusion == [[2, 0], [0, 3]]
    assert "a preview, which counts for no release" in repr(result)
    page = result._repr_html_()
    assert "recall-sour" in page
    assert "a sour berry spoils the cake" in page


def test_a_saved_adapter_is_previewed_by_the_suites_own_predictor(workspace: Workspace) -> None:
    from governed_kernel import data

    base = data.model("tiny")
    adapter = save_adapter(adapt(base))
    said = json.loads((adapter / "adapter_config.json").read_bytes())
    assert said["base_model_name_or_path"] == "tiny@1"
    result = validation.run("suites/berries", adapter=adapter, dataset="berries-validation")
    assert {case.case_id for case in result.cases} >= {"moved-tensors", "base-model"}
    assert result.passed, result.reasons


def test_a_preview_never_touches_the_holdout(workspace: Workspace) -> None:
    for name in ("berries-holdout", "berries-holdout@1"):
        with pytest.raises(Refused, match="is the holdout"):
            validation.run("suites/berries", own_predictor(), dataset=name)


@pytest.mark.parametrize(
    "given",
    [
        {"dataset": "berries-validation"},
        {"predict": own_predictor()},
        {"predict": own_predictor(), "adapter": "x", "dataset": "berries-validation"},
    ],
    ids=["no predictor", "no dataset", "both"],
)
def test_a_preview_that_lacks_something_says_what(
    given: dict[str, Any], workspace: Workspace
) -> None:
    with pytest.raises(UsageError, match="a preview needs a dataset"):
        validation.run("suites/berries", **given)


def test_a_suite_that_is_not_there_is_named(workspace: Workspace) -> None:
    with pytest.raises(UnknownName, match="no suite suites/cherries"):
        validation.run("suites/cherries", own_predictor(), dataset="berries-validation")


VALIDATE = """
from governed_kernel import validation
result = validation.run("suites/berries"{more})
print(result)
"""


def ticket_for(workspace: Workspace, folder: Path, adapter: Path) -> Path:
    """What the worker of a validation run writes, for these inputs."""
    register = Register.read(workspace)
    inputs = {}
    for name in ("berries-holdout", "tiny"):
        version = register.version(name)
        inputs[f"{name}@1"] = {
            "dataset": name,
            "version": "1",
            "kind": version.kind,
            "path": str(workspace.snapshots / version.sha256),
            "sha256": version.sha256,
            "data_class": "public",
            "purposes": ["validate"],
        }
    ticket = {
        "run_id": "validation-1",
        "release": "berries@1",
        "kind": "validation",
        "inputs": inputs,
        "output": str(folder / "output"),
        "threads": 1,
        "subject": {"adapter": str(adapter), "suite": str(workspace.root / "suites/berries")},
    }
    path = folder / "ticket.json"
    path.write_text(json.dumps(ticket))
    return path


def run_validation(ticket: Path, more: str = "") -> subprocess.CompletedProcess[str]:
    # A process of its own: seeds and strict arithmetic concern the whole process.
    return subprocess.run(
        [sys.executable, "-c", VALIDATE.format(more=more)],
        env={**os.environ, "GOVERNED_TICKET": str(ticket)},
        cwd=ticket.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_validation_run_examines_the_holdout_and_writes_the_evidence(
    workspace: Workspace, tmp_path: Path
) -> None:
    from governed_kernel import data

    adapter = save_adapter(adapt(data.model("tiny")))
    ticket = ticket_for(workspace, tmp_path, adapter)
    done = run_validation(ticket)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "output" / "evidence" / "berries.json"
    evidence = validation.read_evidence(path)
    assert evidence.passed, evidence.reasons
    assert (evidence.kind, evidence.run_id) == ("validation", "validation-1")
    assert evidence.dataset.sha256 == Register.read(workspace).version("berries-holdout").sha256
    assert evidence.suite_sha256 == validation.suite_digest(workspace.root / "suites/berries")
    assert len(evidence.probabilities) == evidence.dataset.records == 6
    suite = validation.read_suite(workspace.root / "suites/berries")
    assert validation.gate([case.result for case in evidence.cases], suite.blocking) == (True, [])
    first = path.read_bytes()
    assert run_validation(ticket).returncode == 0
    assert path.read_bytes() == first

    refused = run_validation(ticket, ", lambda given: [[0, 1]] * len(given)")
    assert refused.returncode != 0
    assert "takes its predictor, adapter and data from its ticket" in refused.stderr


def test_what_is_no_evidence_is_refused(tmp_path: Path) -> None:
    (tmp_path / "evidence.json").write_text('{"passed": true}')
    with pytest.raises(IntegrityBroken, match="is no evidence"):
        validation.read_evidence(tmp_path / "evidence.json")
