from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, precision_score, recall_score

from governed_kernel.validation import metrics


def test_they_agree_with_scikit_learn() -> None:
    generator = np.random.default_rng(3)
    second = generator.random(200)
    truth = generator.integers(0, 2, 200)
    probabilities = np.stack([1 - second, second], axis=1)
    predicted = probabilities.argmax(axis=1)
    table = metrics.confusion(probabilities, truth)
    assert metrics.recall(table, 1) == pytest.approx(recall_score(truth, predicted))
    assert metrics.precision(table, 1) == pytest.approx(precision_score(truth, predicted))
    assert metrics.accuracy(table) == pytest.approx((truth == predicted).mean())
    # Brier's own definition sums over both classes; scikit-learn takes one of two.
    assert metrics.brier(probabilities, truth) == pytest.approx(2 * brier_score_loss(truth, second))


def test_a_calibration_error_done_by_hand() -> None:
    # Bin 0.9..1.0: two records at 0.95, one right. Bin 0.6..0.7: one record at 0.65, right.
    probabilities = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65]])
    bins = metrics.calibration_bins(probabilities, np.array([0, 1, 1]))
    assert [part.records for part in bins] == [0, 0, 0, 0, 0, 0, 1, 0, 0, 2]
    expected = (2 * abs(0.95 - 0.5) + 1 * abs(0.65 - 1.0)) / 3
    assert metrics.expected_calibration_error(bins) == pytest.approx(expected)


def test_what_has_no_value_is_none_and_not_zero() -> None:
    assert metrics.recall([[3, 0], [0, 0]], 1) is None
    assert metrics.precision([[3, 0], [1, 0]], 1) is None
    assert metrics.accuracy([[0, 0], [0, 0]]) is None
    nothing = np.empty((0, 2))
    assert metrics.brier(nothing, np.empty(0, dtype=int)) is None
    bins = metrics.calibration_bins(nothing, np.empty(0, dtype=int))
    assert metrics.expected_calibration_error(bins) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=60))
def test_every_record_lies_in_one_bin_and_errors_stay_in_bounds(
    records: list[tuple[float, int]],
) -> None:
    second = np.array([probability for probability, _ in records])
    truth = np.array([label for _, label in records])
    probabilities = np.stack([1 - second, second], axis=1)
    bins = metrics.calibration_bins(probabilities, truth)
    error = metrics.expected_calibration_error(bins)
    score = metrics.brier(probabilities, truth)
    assert sum(part.records for part in bins) == len(records)
    assert error is not None
    assert 0 <= error <= 1
    assert score is not None
    assert 0 <= score <= 2 + 1e-9
