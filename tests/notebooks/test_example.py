from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from governed_kernel.canonical import canonical_json, digest_file
from governed_kernel.configuration import read
from governed_kernel.release import checks, notebook
from governed_kernel.validation import read_suite
from tests.notebooks.example import EXAMPLE, NOTEBOOK, module

WDBC_SHA256 = "6234f0dc442be2bb5d80d27f382fd2457ee1664c87c3f05d09958ec1f72da736"


def test_the_records_are_the_same_bytes_wherever_they_are_written(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        command = [sys.executable, str(EXAMPLE / "data" / "wdbc.py"), str(tmp_path / name)]
        subprocess.run(command, check=True, timeout=60)
        assert digest_file(tmp_path / name) == WDBC_SHA256


def test_another_source_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wdbc = module("data/wdbc.py")
    monkeypatch.setattr(wdbc, "SOURCE_SHA256", "0" * 64)
    with pytest.raises(SystemExit, match="is not the file this was written for"):
        wdbc.source()


def test_the_diagnoses_are_scikit_learns(wdbc: pd.DataFrame) -> None:
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    names = bunch.target_names[bunch.target]
    assert list(wdbc["diagnosis"]) == list(names)
    assert wdbc["worst_concave_points"].tolist() == bunch.data["worst concave points"].tolist()
    assert wdbc["record_id"].is_unique


def test_the_division_keeps_the_share_of_each_diagnosis(parts: dict[str, pd.DataFrame]) -> None:
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 341,
        "validation": 115,
        "holdout": 113,
    }
    shares = [(part["diagnosis"] == "malignant").mean() for part in parts.values()]
    assert max(shares) - min(shares) < 0.01


def test_the_division_does_not_depend_on_the_order_of_rows(
    wdbc: pd.DataFrame, parts: dict[str, pd.DataFrame]
) -> None:
    shuffled = wdbc.sample(frac=1, random_state=5)
    again = module("splits/by_diagnosis.py").split(shuffled)
    for name, part in parts.items():
        assert set(again[name]["record_id"]) == set(part["record_id"])


def test_notebook_and_suite_read_every_record_in_the_same_words(
    wdbc: pd.DataFrame, parts: dict[str, pd.DataFrame]
) -> None:
    text = module("research/biopsy_text.py")
    predictor = module("suites/biopsy/predictor.py")
    thresholds = text.learn_thresholds(parts["train"])
    ours = text.describe(text.in_words(wdbc, thresholds)).tolist()
    saved = json.loads(canonical_json(text.reading(thresholds)))
    theirs = predictor.BiopsyPredictor(None, None, saved, None).describe(wdbc)
    assert ours == theirs
    assert ours[0].startswith("radius very high. texture very low. perimeter very high.")


def test_a_varied_order_keeps_every_sentence(parts: dict[str, pd.DataFrame]) -> None:
    text = module("research/biopsy_text.py")
    thresholds = text.learn_thresholds(parts["train"])
    texts = text.describe(text.in_words(parts["train"], thresholds)).tolist()
    varied = text.in_varied_order(texts, 7)
    assert varied == text.in_varied_order(texts, 7)
    assert varied != text.in_varied_order(texts, 8)
    for one, other in zip(texts, varied, strict=True):
        assert sorted(sentences(one)) == sorted(sentences(other))


def sentences(text: str) -> list[str]:
    return text.removesuffix(".").split(". ")


def test_the_scenarios_of_the_suite_are_texts_the_model_can_meet(
    parts: dict[str, pd.DataFrame],
) -> None:
    text = module("research/biopsy_text.py")
    measures = [name for name in parts["train"].columns if name.startswith(text.PREFIX)]
    suite = read_suite(EXAMPLE / "suites" / "biopsy")
    texts = [getattr(case, "text", "") for case in suite.scenario]
    texts += [one for case in suite.scenario for one in getattr(case, "texts", [])]
    for scenario in filter(None, texts):
        for sentence, measure in zip(sentences(scenario), measures, strict=True):
            said = text.spoken(measure)
            assert sentence.removeprefix(f"{said} ") in text.WORDS, sentence


def test_the_notebook_is_valid_has_stable_ids_and_no_outputs() -> None:
    document = nbformat.read(EXAMPLE / NOTEBOOK, as_version=4)
    nbformat.validate(document)
    assert (document.nbformat, document.nbformat_minor) == (4, 5)
    assert document.metadata.kernelspec.name == "governed-research"
    ids = [cell.id for cell in document.cells]
    assert len(set(ids)) == len(ids)
    assert all(identifier.replace("-", "").isalpha() for identifier in ids)
    code = [cell for cell in document.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_nothing_but_running_it_stands_between_the_notebook_and_a_release() -> None:
    document = notebook.read(EXAMPLE / NOTEBOOK)
    assert {finding.code for finding in checks.check_text(document)} == {"cell-never-run"}
    assert checks.suites_named(document) == ["suites/biopsy"]
    schema = {parameter.name: parameter for parameter in checks.parameters_of(document)}
    assert list(schema) == ["epochs", "learning_rate", "batch_size", "attention", "seed"]
    assert all(parameter.is_bounded for parameter in schema.values())


def test_its_rules_need_two_people_for_a_run() -> None:
    settings = read(EXAMPLE / "governed.toml")
    assert settings.workspace.name == "Biopsy triage"
    assert settings.approvals.run.required == 2
    assert "deploy" not in settings.classes["health"].purposes
