from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from governed_kernel.errors import CheckFailed
from governed_kernel.training import save_adapter
from governed_kernel.validation import Case, Suite, read_suite
from governed_kernel.validation.layers import Examination, change_surface_cases, data_cases
from governed_kernel.validation.predictor import ask, load_predictor
from tests.training.models import adapt
from tests.validation.suites import RECORDS, SUITE, write_suite


@pytest.fixture
def berries(tmp_path: Path) -> Path:
    return write_suite(tmp_path / "berries")


def records() -> pd.DataFrame:
    return pd.read_csv(io.StringIO(RECORDS))


def examine(folder: Path, frame: pd.DataFrame | None = None) -> dict[str, Case]:
    predict = load_predictor(folder, folder, folder)
    suite = read_suite(folder)
    frame = records() if frame is None else frame
    return {case.id: case for case in data_cases(Examination(suite, predict, frame))}


def test_every_layer_is_measured(berries: Path) -> None:
    cases = examine(berries)
    assert {name: case.outcome for name, case in cases.items()} == {
        "records": "passed",
        "recall-sour": "passed",
        "brier-score": "passed",
        "deep-red": "passed",
        "order": "passed",
        "greener": "passed",
    }
    assert cases["recall-sour"].value == 0.75
    assert cases["greener"].note == "0.10 → 0.50 → 0.90"


def test_too_few_records_show_nothing(berries: Path) -> None:
    cases = examine(berries, records().iloc[:3])
    assert cases["records"].outcome == "failed"


def test_a_recall_of_no_records_is_an_error_and_no_zero_or_one(berries: Path) -> None:
    sweet = records().query("taste == 'sweet'")
    case = examine(berries, sweet)["recall-sour"]
    assert (case.outcome, case.value) == ("error", -1.0)
    assert "no record is sour" in case.note


def test_a_class_the_suite_does_not_know_stops_everything(berries: Path) -> None:
    with pytest.raises(ValueError, match="bitter"):
        examine(berries, records().replace("sour", "bitter"))


def test_the_predictor_sees_neither_label_nor_record_number(berries: Path) -> None:
    seen: list[list[str]] = []

    def predict(frame: Any) -> Any:
        if isinstance(frame, pd.DataFrame):
            seen.append(list(frame.columns))
        return np.full((len(frame), 2), 0.5)

    Examination(read_suite(berries), predict, records())
    assert seen == [["colour", "touch"]]


def scenario(cases: str) -> str:
    start, end = SUITE.index("[[scenario]]"), SUITE.index("[change_surface]")
    return SUITE[:start] + cases + SUITE[end:]


def test_a_class_that_flips_when_sentences_are_turned_round_is_counted(tmp_path: Path) -> None:
    text = scenario(
        '[[scenario]]\nid = "order"\nkind = "invariance"\nchange = "reverse-sentences"\n'
    )
    first_word = (
        "class P:\n"
        "    def describe(self, frame):\n"
        "        return [f'{a}. {b}.' for a, b in zip(frame['colour'], frame['touch'])]\n"
        "    def __call__(self, given):\n"
        "        texts = given if isinstance(given, list) else self.describe(given)\n"
        "        return [[0.9, 0.1] if t.startswith('red') else [0.1, 0.9] for t in texts]\n"
        "def load(base_model, adapter):\n    return P()\n"
    )
    case = examine(write_suite(tmp_path / "berries", text, first_word))["order"]
    assert (case.outcome, case.value) == ("failed", 0.5)
    assert case.note == "3 of 6 texts"


def test_a_probability_that_falls_is_measured(tmp_path: Path) -> None:
    text = SUITE.replace('["red.", "pink.", "green."]', '["red.", "green.", "pink."]')
    case = examine(write_suite(tmp_path / "berries", text))["greener"]
    assert case.outcome == "failed"
    assert case.value == pytest.approx(0.4)


def test_texts_that_are_not_known_are_an_error(tmp_path: Path) -> None:
    text = SUITE.replace('texts = ["red. soft.", "green. hard."]\n', "")
    silent = (
        "def load(base_model, adapter):\n"
        "    return lambda given: [[0.5, 0.5] for _ in range(len(given))]\n"
    )
    case = examine(write_suite(tmp_path / "berries", text, silent))["order"]
    assert case.outcome == "error"
    assert "describe" in case.note


@pytest.mark.parametrize(
    "answer",
    [
        lambda n: np.full((n, 3), 1 / 3),
        lambda n: np.full((n, 2), np.nan),
        lambda n: np.full((n, 2), 0.9),
        lambda n: np.stack([np.full(n, 1.5), np.full(n, -0.5)], axis=1),
    ],
    ids=["three columns", "no numbers", "too much", "negative"],
)
def test_answers_that_are_no_probabilities_are_refused(answer: Callable[[int], Any]) -> None:
    with pytest.raises(CheckFailed, match="are no probabilities"):
        ask(lambda given: answer(len(given)), ["a", "b"], ["sweet", "sour"])


@pytest.fixture
def adapter(tiny_base_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "governed.toml").write_text('[workspace]\nname = "Test"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOVERNED_TICKET", raising=False)
    return save_adapter(adapt(tiny_base_model))


def outcomes(suite: Suite, adapter: Path, base: Path) -> dict[str, str]:
    return {case.id: case.outcome for case in change_surface_cases(suite, adapter, base)}


def test_an_adapter_over_its_own_base_has_the_allowed_surface(
    berries: Path, adapter: Path, tiny_base_model: Path
) -> None:
    found = outcomes(read_suite(berries), adapter, tiny_base_model)
    assert found == {"moved-tensors": "passed", "base-model": "passed"}


def test_a_tensor_outside_the_allowed_surface_fails(
    tmp_path: Path, adapter: Path, tiny_base_model: Path
) -> None:
    narrow = SUITE.replace('["*.lora_?.weight", "classifier.*"]', '["*.lora_?.weight"]')
    suite = read_suite(write_suite(tmp_path / "narrow", narrow))
    moved, _ = change_surface_cases(suite, adapter, tiny_base_model)
    assert (moved.outcome, moved.value) == ("failed", 2.0)
    assert moved.note == "classifier.bias, classifier.weight"


def test_another_base_model_fails_and_a_missing_record_of_it_is_an_error(
    berries: Path, adapter: Path, tiny_base_model: Path, tmp_path: Path
) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    other = tmp_path / "other"
    shutil.copytree(tiny_base_model, other)
    weights = load_file(other / "model.safetensors")
    weights["pooler.dense.bias"] += 1
    save_file(weights, other / "model.safetensors")
    suite = read_suite(berries)
    assert outcomes(suite, adapter, other)["base-model"] == "failed"
    (adapter / "change_surface.json").unlink()
    assert outcomes(suite, adapter, tiny_base_model)["base-model"] == "error"
