"""The layers of a suite: functional, calibration, scenario, change surface.

Each case is evaluated for itself. What can't be evaluated is an ``error``, and an error never
passes a gate.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from governed_kernel.errors import GovernedError
from governed_kernel.files import read_regular
from governed_kernel.validation import metrics
from governed_kernel.validation.evidence import Case
from governed_kernel.validation.predictor import Predict, ask
from governed_kernel.validation.suite import (
    SURFACE_CASES,
    Expected,
    Functional,
    Invariance,
    Monotonic,
    Scenario,
    Suite,
)

__all__ = ["Examination", "change_surface_cases", "data_cases"]

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_NO_VALUE = -1.0


class Examination:
    """One suite's questions to one predictor over one set of records.

    Parameters
    ----------
    suite : Suite
    predict : callable
    records : pandas.DataFrame
        With the column of true classes.
    """

    def __init__(self, suite: Suite, predict: Predict, records: Any) -> None:
        import numpy as np

        self.suite = suite
        self.predict = predict
        numbers = {label: number for number, label in enumerate(suite.classes)}
        named = [str(label) for label in records[suite.data.label]]
        unknown = sorted(set(named) - numbers.keys())
        if unknown:
            raise ValueError(f"the records have classes the suite does not know: {unknown}")
        self.truth = np.array([numbers[label] for label in named], dtype=int)
        hidden = [suite.data.label, *suite.data.hidden]
        self.records = records.drop(columns=[name for name in hidden if name in records.columns])
        self.probabilities = ask(predict, self.records, suite.classes)
        self.confusion = metrics.confusion(self.probabilities, self.truth)

    def bins(self, number: int = 10) -> list[metrics.CalibrationBin]:
        """The calibration of these predictions."""
        return metrics.calibration_bins(self.probabilities, self.truth, number)

    def of_texts(self, texts: Sequence[str]) -> Any:
        """Probabilities of texts."""
        return ask(self.predict, list(texts), self.suite.classes)

    def texts(self) -> list[str]:
        """The records as the model reads them."""
        describe = getattr(self.predict, "describe", None)
        if describe is None:
            raise ValueError("the predictor has no describe(frame), so its texts are not known")
        return [str(text) for text in describe(self.records)]


def data_cases(examination: Examination) -> list[Case]:
    """Every case that needs records and a predictor."""
    return [*_functional(examination), *_calibration(examination), *_scenarios(examination)]


def change_surface_cases(suite: Suite, adapter: Path, base_model: Path) -> list[Case]:
    """Whether only allowed tensors moved, and whether the base is the one that was trained on."""
    moved, base = SURFACE_CASES
    facts: list[Any] = []

    def surface() -> Any:
        if not facts:
            from governed_kernel.training.surface import change_surface

            facts.append(change_surface(adapter, base_model))
        return facts[0]

    def outside() -> tuple[float, str]:
        names = surface().outside(suite.change_surface.allowed)
        return float(len(names)), ", ".join(names[:3]) or f"{len(surface().moved)} tensors moved"

    def other_base() -> tuple[float, str]:
        from governed_kernel.training.artifacts import SURFACE_FILE

        said = msgspec.json.decode(read_regular(adapter / SURFACE_FILE))
        trained = str(said["surface"]["base_weights"])
        same = trained == surface().base_weights
        return float(not same), f"trained on {trained[:12]}, here {surface().base_weights[:12]}"

    blocking = suite.change_surface.blocking
    return [
        _case(
            "change-surface", moved, blocking, "at most", 0.0, outside, "an unapproved part moved"
        ),
        _case("change-surface", base, blocking, "at most", 0.0, other_base, "it is another model"),
    ]


def _functional(examination: Examination) -> Iterator[Case]:
    suite, table = examination.suite, examination.confusion

    def records() -> tuple[float, str]:
        return float(len(examination.truth)), ""

    yield _case(
        "functional",
        "records",
        True,
        "at least",
        float(suite.data.minimum_records),
        records,
        "too few records show nothing",
    )

    def measured(case: Functional) -> tuple[float, str]:
        if case.metric == "accuracy":
            return _defined(metrics.accuracy(table), "there are no records")
        number = suite.classes.index(case.label)
        if case.metric == "recall":
            return _defined(metrics.recall(table, number), f"no record is {case.label}")
        return _defined(metrics.precision(table, number), f"{case.label} was never predicted")

    for case in suite.functional:
        yield _case(
            "functional",
            case.id,
            case.blocking,
            "at least",
            case.minimum,
            lambda case=case: measured(case),  # type: ignore[misc]
            case.why,
        )


def _calibration(examination: Examination) -> Iterator[Case]:
    for case in examination.suite.calibration:

        def measured(metric: str = case.metric, bins: int = case.bins) -> tuple[float, str]:
            if metric == "brier":
                value = metrics.brier(examination.probabilities, examination.truth)
            else:
                value = metrics.expected_calibration_error(examination.bins(bins))
            return _defined(value, "there are no records")

        yield _case(
            "calibration", case.id, case.blocking, "at most", case.maximum, measured, case.why
        )


def _scenarios(examination: Examination) -> Iterator[Case]:
    for case in examination.suite.scenario:
        least = isinstance(case, Expected)
        yield _case(
            "scenario",
            case.id,
            case.blocking,
            "at least" if least else "at most",
            case.minimum if isinstance(case, Expected) else case.maximum,
            lambda case=case: _scenario(examination, case),  # type: ignore[misc]
            case.why,
        )


def _scenario(examination: Examination, case: Scenario) -> tuple[float, str]:
    classes = examination.suite.classes
    match case:
        case Expected():
            row = examination.of_texts([case.text])[0]
            winner = classes[int(row.argmax())]
            value = float(row[classes.index(case.expected)])
            if winner != case.expected:
                # With more than two classes a low minimum could be reached by a loser.
                return min(value, case.minimum - 1e-9), f"predicted {winner}"
            return value, ""
        case Invariance():
            texts = case.texts or examination.texts()
            before = examination.of_texts(texts).argmax(axis=1)
            after = examination.of_texts([_reversed(text) for text in texts]).argmax(axis=1)
            flips = int((before != after).sum())
            return flips / len(texts), f"{flips} of {len(texts)} texts"
        case Monotonic():
            line = examination.of_texts(case.texts)[:, classes.index(case.label)]
            steps = [float(after - before) for before, after in itertools.pairwise(line)]
            return max(0.0, -min(steps)), " → ".join(f"{value:.2f}" for value in line)


def _reversed(text: str) -> str:
    return " ".join(reversed(_SENTENCE.split(text.strip())))


def _defined(value: float | None, otherwise: str) -> tuple[float, str]:
    if value is None:
        raise ValueError(otherwise)
    return value, ""


def _case(
    layer: str,
    case_id: str,
    blocking: bool,
    comparison: Literal["at least", "at most"],
    threshold: float,
    measure: Callable[[], tuple[float, str]],
    why: str,
) -> Case:
    """Measure one case and compare; whatever goes wrong is that case's error."""
    try:
        value, note = measure()
        reached = value >= threshold if comparison == "at least" else value <= threshold
        # A value that is no number compares false, and so fails.
        outcome: Literal["passed", "failed", "error"] = "passed" if reached else "failed"
        if value != value or value in (float("inf"), float("-inf")):
            value, outcome, note = _NO_VALUE, "error", "its value is no number"
    except Exception as error:
        what = error.what if isinstance(error, GovernedError) else str(error)
        value, outcome, note = _NO_VALUE, "error", f"{type(error).__name__}: {what}"
    return Case(layer, case_id, outcome, value, comparison, threshold, blocking, note, why)
