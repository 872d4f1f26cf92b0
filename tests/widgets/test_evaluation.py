"""The dashboard of a suite: what a saved notebook keeps of it, and what it may be made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel import widgets
from governed_kernel.errors import IntegrityBroken, UsageError
from governed_kernel.validation import Case, Evidence
from governed_kernel.validation.evidence import DatasetUsed
from governed_kernel.validation.metrics import CalibrationBin
from governed_kernel.widgets.view import VIEW_TYPE


def evidence(**more: Any) -> Evidence:
    cases = [
        Case("functional", "recall-sour", "passed", 0.9, "at least", 0.7, blocking=True),
        Case("scenario", "<deep-red>", "failed", 0.2, "at least", 0.6, True, "", "cakes & all"),
    ]
    facts: dict[str, Any] = {
        "suite": "berries",
        "suite_sha256": "0" * 64,
        "kind": "preview",
        "passed": False,
        "reasons": ["<deep-red> failed"],
        "cases": cases,
        "classes": ["sweet", "sour"],
        "dataset": DatasetUsed("berries-validation@1", "0" * 64, 12),
        "base_model": DatasetUsed("palate@1", "0" * 64),
        "confusion": [[4, 1], [0, 7]],
        "calibration": [
            CalibrationBin(0.5, 0.6, 0, 0.0, 0.0),
            CalibrationBin(0.9, 1.0, 12, 0.95, 0.75),
        ],
    }
    return Evidence(**{**facts, **more})


def test_the_still_tells_it_all_and_runs_nothing() -> None:
    html = widgets.evaluation(evidence())._repr_html_()
    assert html.index("&lt;deep-red&gt;") < html.index("recall-sour")  # what failed comes first
    for said in ("cakes &amp; all", "counts for no release", "taken for sour", "error 0.2000"):
        assert said in html
    assert "<script" not in html
    assert "<deep-red>" not in html


def test_the_saved_notebook_holds_what_the_live_view_needs() -> None:
    bundle, _ = widgets.evaluation(evidence())._repr_mimebundle_()
    kept = bundle[VIEW_TYPE]
    assert kept["view"] == "evaluation"
    assert [case["id"] for case in kept["facts"]["cases"]] == ["<deep-red>", "recall-sour"]
    assert kept["facts"]["confusion"] == [[4, 1], [0, 7]]
    assert [part["records"] for part in kept["facts"]["calibration"]] == [12]
    assert kept["facts"]["calibration_error"] == pytest.approx(0.2)
    # a widget of ipywidgets would be preferred to the still, and be an error without a kernel
    assert set(bundle) == {VIEW_TYPE, "text/html", "text/plain"}
    assert "probabilities" not in kept["facts"]


def test_it_is_made_of_an_evidence_file_too_and_of_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "berries.json"
    file.write_bytes(msgspec.json.encode(evidence(passed=True, reasons=[], confusion=[])))
    shown = widgets.evaluation(file)
    assert "1 of 2 cases passed" in repr(shown)
    assert "taken for" not in shown._repr_html_()
    file.write_text("{}")
    with pytest.raises(IntegrityBroken, match="no evidence"):
        widgets.evaluation(file)
    with pytest.raises(UsageError, match="no result of a suite"):
        widgets.evaluation(7)  # type: ignore[arg-type]


def test_another_front_end_has_the_same_program_as_a_widget() -> None:
    view = widgets.evaluation(evidence())
    live = view.live()
    assert live.facts == view.facts
    assert "application/vnd.jupyter.widget-view+json" in live._repr_mimebundle_()[0]
    live.close()
