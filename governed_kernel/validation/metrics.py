"""What is computed from probabilities and true classes; arrays of numpy, nothing else."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = [
    "CalibrationBin",
    "accuracy",
    "brier",
    "calibration_bins",
    "confusion",
    "expected_calibration_error",
    "precision",
    "recall",
]


class CalibrationBin(msgspec.Struct, frozen=True):
    """Predictions whose confidence lies in one interval."""

    lower: float
    upper: float
    records: int
    confidence: float
    """Mean probability of the predicted class."""
    accuracy: float
    """Share of these predictions that are right."""


def confusion(probabilities: Any, truth: Any) -> list[list[int]]:
    """Counts, true class by predicted class.

    Parameters
    ----------
    probabilities : array of shape (n, classes)
    truth : array of n class numbers
    """
    classes = probabilities.shape[1]
    table = [[0] * classes for _ in range(classes)]
    for true, predicted in zip(truth, probabilities.argmax(axis=1), strict=True):
        table[int(true)][int(predicted)] += 1
    return table


def accuracy(table: list[list[int]]) -> float | None:
    """Share of right predictions; None of no records."""
    total = sum(map(sum, table))
    return sum(table[k][k] for k in range(len(table))) / total if total else None


def recall(table: list[list[int]], label: int) -> float | None:
    """Share of the class's records that were found; None when it has none."""
    total = sum(table[label])
    return table[label][label] / total if total else None


def precision(table: list[list[int]], label: int) -> float | None:
    """Share of the class's predictions that are right; None when it was never predicted."""
    total = sum(row[label] for row in table)
    return table[label][label] / total if total else None


def calibration_bins(probabilities: Any, truth: Any, bins: int = 10) -> list[CalibrationBin]:
    """Equal intervals of confidence, with how often predictions in them are right."""
    import numpy as np

    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    number = np.clip((confidence * bins).astype(int), 0, bins - 1)
    found = []
    for index in range(bins):
        inside = number == index
        count = int(inside.sum())
        found.append(
            CalibrationBin(
                lower=index / bins,
                upper=(index + 1) / bins,
                records=count,
                confidence=float(confidence[inside].mean()) if count else 0.0,
                accuracy=float(right[inside].mean()) if count else 0.0,
            )
        )
    return found


def expected_calibration_error(bins: list[CalibrationBin]) -> float | None:
    """Mean distance of confidence and accuracy over the bins, weighted by records.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3.
    """
    total = sum(part.records for part in bins)
    if not total:
        return None
    return sum(part.records * abs(part.confidence - part.accuracy) for part in bins) / total


def brier(probabilities: Any, truth: Any) -> float | None:
    """Mean squared distance of probabilities and truth, summed over classes (0 best, 2 worst).

    Brier, Verification of forecasts expressed in terms of probability, 1950, equation 2.
    """
    import numpy as np

    if not len(truth):
        return None
    certain = np.eye(probabilities.shape[1])[truth]
    return float(((probabilities - certain) ** 2).sum(axis=1).mean())
