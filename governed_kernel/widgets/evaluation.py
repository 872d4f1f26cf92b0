"""What a suite found, as a dashboard: cases with failing ones first, confusion, calibration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel.errors import UsageError
from governed_kernel.validation.evidence import Case, Evidence, failing_first, read_evidence
from governed_kernel.validation.metrics import CalibrationBin, expected_calibration_error
from governed_kernel.validation.running import SuiteResult
from governed_kernel.widgets.view import View

__all__ = ["EvaluationView", "evaluation"]

_SIDE = 200
_HEADS = ("outcome", "layer", "case", "value", "asked for", "note")


class EvaluationView(View):
    """The evidence of one suite.

    Attributes
    ----------
    evidence : Evidence
        Everything that was measured.
    """

    program = "evaluation"

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    @property
    def facts(self) -> dict[str, Any]:
        """The evidence without the probability of each record."""
        found = self.evidence
        return {
            "suite": found.suite,
            "dataset": found.dataset.name,
            "records": found.dataset.records,
            "kind": found.kind,
            "passed": found.passed,
            "reasons": found.reasons,
            "classes": found.classes,
            "confusion": found.confusion,
            "calibration": [msgspec.to_builtins(each) for each in self._bins()],
            "calibration_error": expected_calibration_error(found.calibration),
            "cases": [msgspec.to_builtins(case) for case in failing_first(found.cases)],
        }

    def __repr__(self) -> str:
        lines = [
            f"  {case.outcome:7} {case.layer:16} {case.id:28} {_asked(case)}"
            for case in failing_first(self.evidence.cases)
        ]
        return "\n".join([self._headline(), *lines])

    def _repr_html_(self) -> str:
        """Tables and a drawing, for a notebook that is only read."""
        rows = (
            (case.outcome, case.layer, case.id, _figure(case), _asked(case), _said(case))
            for case in failing_first(self.evidence.cases)
        )
        return "".join(
            [
                f"<p><b>{escape(self._headline())}</b></p>",
                *(f"<p>{escape(reason)}</p>" for reason in self.evidence.reasons),
                _table("Cases, failing ones first", _HEADS, rows),
                *self._confusion(),
                *self._calibration(),
            ]
        )

    def _headline(self) -> str:
        found = self.evidence
        failed = sum(case.outcome != "passed" for case in found.cases)
        outcome = "passed" if found.passed else "did not pass"
        over = f"{found.dataset.records} records of {found.dataset.name}"
        meant = "" if found.kind == "validation" else "; a preview, which counts for no release"
        cases = f"{len(found.cases) - failed} of {len(found.cases)} cases passed"
        return f"Suite {found.suite} over {over} {outcome}: {cases}{meant}"

    def _bins(self) -> list[CalibrationBin]:
        return [each for each in self.evidence.calibration if each.records]

    def _confusion(self) -> Iterator[str]:
        classes, counts = self.evidence.classes, self.evidence.confusion
        if counts:
            heads = ("true class", *(f"taken for {name}" for name in classes))
            rows = ((name, *row) for name, row in zip(classes, counts, strict=False))
            yield _table("Confusion", heads, rows)

    def _calibration(self) -> Iterator[str]:
        bins = self._bins()
        if bins:
            error = expected_calibration_error(bins)
            said = "" if error is None else f", expected calibration error {error:.4f}"
            yield (
                f'<figure style="margin:8px 0">{_diagram(bins)}'
                f"<figcaption>Share that is right by confidence{said}</figcaption></figure>"
            )
            rows = (
                (f"{each.confidence:.3f}", f"{each.accuracy:.3f}", each.records) for each in bins
            )
            table = _table("Calibration", ("confidence", "right", "records"), rows)
            yield f"<details><summary>As a table</summary>{table}</details>"


def evaluation(found: SuiteResult | Evidence | str | os.PathLike[str]) -> EvaluationView:
    """The dashboard of what ``validation.run`` found, or of an evidence file.

    Parameters
    ----------
    found : SuiteResult, Evidence or path
        What a suite returned, or ``evidence/SUITE.json``.

    Raises
    ------
    UsageError
        It is neither.
    IntegrityBroken
        The file is no evidence.
    """
    if isinstance(found, SuiteResult):
        return EvaluationView(found.evidence)
    if isinstance(found, Evidence):
        return EvaluationView(found)
    if isinstance(found, str | os.PathLike):
        return EvaluationView(read_evidence(Path(found)))
    raise UsageError(
        f"{type(found).__name__} is no result of a suite",
        why="a dashboard shows what validation.run returned, or the evidence file that it wrote",
        next="widgets.evaluation(validation.run('suites/NAME', predict))",
    )


def _figure(case: Case) -> str:
    return "" if case.outcome == "error" else f"{case.value:.4g}"


def _asked(case: Case) -> str:
    return f"{case.comparison} {case.threshold:g}{'' if case.blocking else ' (advisory)'}"


def _said(case: Case) -> str:
    """What a case noted; of one that failed also why that matters."""
    said = [case.note] if case.outcome == "passed" else [case.why, case.note]
    return " · ".join(filter(None, said))


def _table(caption: str, heads: tuple[str, ...], rows: Any) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _diagram(bins: list[CalibrationBin]) -> str:
    """Accuracy against confidence; the dashed line is where both agree."""
    most = max(each.records for each in bins)
    points = "".join(
        f'<circle cx="{each.confidence * _SIDE:.1f}" cy="{(1 - each.accuracy) * _SIDE:.1f}" '
        f'r="{3 + 6 * (each.records / most) ** 0.5:.1f}" fill="currentColor" fill-opacity="0.6">'
        f"<title>{each.records} records: {each.confidence:.3f} sure, {each.accuracy:.3f} right"
        "</title></circle>"
        for each in bins
    )
    return (
        f'<svg role="img" aria-label="Calibration" width="{_SIDE + 20}" height="{_SIDE + 20}" '
        f'viewBox="-10 -10 {_SIDE + 20} {_SIDE + 20}" stroke="currentColor" fill="none">'
        f'<path d="M0 0V{_SIDE}H{_SIDE}"/>'
        f'<path d="M0 {_SIDE}L{_SIDE} 0" stroke-dasharray="4 4" stroke-opacity="0.5"/>'
        f"{points}</svg>"
    )
