"""A suite's predictor: loaded from its source, asked in one place, its answers checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from governed_kernel.errors import CheckFailed, UsageError
from governed_kernel.validation.suite import PREDICTOR_FILE

__all__ = ["Predict", "ask", "load_predictor"]

Predict: TypeAlias = Callable[[Any], Any]
"""Texts or a frame of records → probabilities of shape (n, classes).

A predictor that takes frames may have a method ``describe(frame) -> list[str]``: the texts the
model reads. Scenarios that change texts need it.
"""


def load_predictor(suite: str | os.PathLike[str], base_model: Path, adapter: Path) -> Predict:
    """Call ``load(base_model, adapter)`` of the suite's ``predictor.py``.

    Raises
    ------
    UsageError
        It does not define ``load``, or what that returns can't be called.
    """
    path = Path(suite, PREDICTOR_FILE)
    module = ModuleType("governed_suite_predictor")
    module.__file__ = str(path)
    # From the source whose digest was taken, never from byte code lying beside it.
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)  # noqa: S102
    load = getattr(module, "load", None)
    predict: Predict | None = load(base_model, adapter) if callable(load) else None
    if not callable(predict):
        raise UsageError(
            f"{path} makes no predictor",
            why="load(base_model: Path, adapter: Path) must return a function",
            next="define it as suites/biopsy/predictor.py of the example workspace does",
        )
    return predict


def ask(predict: Predict, records: Any, classes: Sequence[str]) -> Any:
    """Probabilities of the records' classes, as an array of float64 of shape (n, classes).

    Raises
    ------
    CheckFailed
        The answer is no such array, or its rows are no probabilities.
    """
    import numpy as np

    answer = np.asarray(predict(records), dtype=np.float64)
    expected = (len(records), len(classes))
    if answer.shape != expected:
        raise _no_probabilities(f"their shape is {answer.shape}, not {expected}")
    if not np.isfinite(answer).all() or (answer < 0).any() or (answer > 1 + 1e-6).any():
        raise _no_probabilities("some are not between 0 and 1")
    if len(records) and not np.allclose(answer.sum(axis=1), 1.0, atol=1e-3):
        raise _no_probabilities("some records' probabilities do not add up to 1")
    return answer


def _no_probabilities(why: str) -> CheckFailed:
    return CheckFailed(
        "the predictor's answers are no probabilities",
        why=why,
        next="return one row a record and one column a class, for example after a softmax",
    )
