"""The evidence a suite leaves: every case with its value, and what it was computed from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from governed_kernel.errors import IntegrityBroken
from governed_kernel.lineage.events import CaseResult
from governed_kernel.validation.metrics import CalibrationBin

__all__ = ["Case", "DatasetUsed", "Evidence", "failing_first", "read_evidence"]

_ORDER = {"error": 0, "failed": 1, "passed": 2}


class Case(msgspec.Struct, frozen=True):
    """One case's outcome and how value and threshold were compared."""

    layer: str
    id: str
    outcome: Literal["passed", "failed", "error"]
    value: float
    """-1 when there is none; the note then says why."""
    comparison: Literal["at least", "at most"]
    threshold: float
    blocking: bool
    note: str = ""
    why: str = ""

    @property
    def result(self) -> CaseResult:
        """The case as the ledger records it."""
        return CaseResult(
            layer=self.layer,
            case_id=self.id,
            outcome=self.outcome,
            value=self.value,
            threshold=self.threshold,
            blocking=self.blocking,
            note=self.note,
        )


class DatasetUsed(msgspec.Struct, frozen=True):
    """A catalogued version that was read."""

    name: str
    """``NAME@VERSION``."""
    sha256: str
    records: int = -1


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The content of ``evidence/SUITE.json``."""

    suite: str
    suite_sha256: str
    kind: Literal["validation", "preview"]
    run_id: str = ""
    passed: bool
    reasons: list[str]
    cases: list[Case]
    classes: list[str]
    dataset: DatasetUsed
    base_model: DatasetUsed
    adapter_weights: str = ""
    """`training.weights_digest` of the adapter."""
    confusion: list[list[int]] = []
    """Counts, true class by predicted class."""
    calibration: list[CalibrationBin] = []
    probabilities: list[list[float]] = []
    """One row a record, in the dataset's order; for an audit's comparison."""
    predictions_sha256: str = ""
    """Over the probabilities as little-endian float64, row by row."""
    device: str = ""
    schema: int = 1


def failing_first(cases: list[Case]) -> list[Case]:
    """What could not be measured, then what failed, then the rest."""
    return sorted(cases, key=lambda case: (_ORDER[case.outcome], case.layer, case.id))


def read_evidence(path: str | os.PathLike[str]) -> Evidence:
    """Read ``evidence/SUITE.json``.

    Raises
    ------
    IntegrityBroken
        It is no evidence.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Evidence)
    except (OSError, msgspec.MsgspecError) as error:
        raise IntegrityBroken(
            f"{path} is no evidence of a validation",
            why=str(error),
            next="run the validation again with 'governed validate RUN'",
        ) from error
