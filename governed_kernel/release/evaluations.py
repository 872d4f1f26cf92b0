"""Evaluations as people look at them: every suite that was run over a run, failing cases first."""

from __future__ import annotations

from typing import Any

import msgspec

from governed_kernel.canonical import digest_file
from governed_kernel.errors import IntegrityBroken, UnknownName
from governed_kernel.lineage.events import ValidationRecorded
from governed_kernel.release import run_states
from governed_kernel.release.registry import Registry, RunRecord
from governed_kernel.validation.evidence import Evidence, failing_first, read_evidence
from governed_kernel.validation.metrics import expected_calibration_error
from governed_kernel.workspace import Workspace

__all__ = ["compared", "evaluation", "evaluations", "recorded_evidence"]


def evaluations(registry: Registry) -> list[dict[str, Any]]:
    """Every validation on record, the newest first."""
    found = [
        _summary(registry, run, recorded)
        for run in registry.runs.values()
        for recorded in run.validations
    ]
    return sorted(found, key=lambda row: row["at"], reverse=True)


def evaluation(workspace: Workspace, registry: Registry, validation_run: str) -> dict[str, Any]:
    """One validation from its evidence, which is held against the ledger first.

    Parameters
    ----------
    validation_run : str
        The run that carried the suite out.

    Returns
    -------
    dict
        The summary, the cases with failing ones first, confusion (true class by predicted class),
        calibration by confidence, and the risks that were accepted.

    Raises
    ------
    UnknownName
        No such run validated anything.
    IntegrityBroken
        The evidence is not what was recorded.
    """
    for run in registry.runs.values():
        for recorded in run.validations:
            if recorded.validation_run == validation_run:
                return {
                    **_summary(registry, run, recorded),
                    "evidence": [_told(item) for item in recorded_evidence(workspace, recorded)],
                    "risks": _risks(registry, run, recorded),
                }
    raise UnknownName(
        f"there is no validation {validation_run}",
        why="no run of that name put evidence on record",
        next="'governed validate RUN' makes one",
    )


def recorded_evidence(workspace: Workspace, recorded: ValidationRecorded) -> list[Evidence]:
    """The evidence as it lies on disk, held against the ledger's digests.

    Raises
    ------
    IntegrityBroken
        It is not what was recorded.
    """
    output = run_states.run_folder(workspace, recorded.validation_run) / "output"
    for file in recorded.evidence:
        path = output / file.path
        if not path.is_file() or digest_file(path) != file.sha256:
            raise IntegrityBroken(
                f"{path} is not the evidence that was recorded",
                why=f"recorded was {file.sha256}",
                next=f"validate the run again with 'governed validate {recorded.run_id}'",
            )
    found = [read_evidence(output / file.path) for file in recorded.evidence]
    if [case.result for item in found for case in item.cases] != recorded.cases:
        raise IntegrityBroken(
            f"the evidence of {recorded.validation_run} tells other cases than the ledger",
            why="its digest is on record with other results",
            next=f"validate the run again with 'governed validate {recorded.run_id}'",
        )
    return found


def compared(workspace: Workspace, recorded: ValidationRecorded) -> dict[str, str]:
    """Id of each case → its threshold with how it was held against it, ``at least 0.8``."""
    return {
        case.id: f"{case.comparison} {case.threshold:.4g}"
        for item in recorded_evidence(workspace, recorded)
        for case in item.cases
    }


def _summary(registry: Registry, run: RunRecord, recorded: ValidationRecorded) -> dict[str, Any]:
    outcomes = [case.outcome for case in recorded.cases]
    return {
        "validation": recorded.validation_run,
        "run": run.run_id,
        "release": run.started.release,
        "suite": recorded.suite,
        "person": recorded.person,
        "at": recorded.occurred_at,
        "passed": recorded.passed,
        "passes_now": run.passes(recorded, registry.moment),
        "counts": any(item is recorded for item in run.evaluations),
        "cases": len(outcomes),
        "failed": sum(outcome != "passed" for outcome in outcomes),
    }


def _told(found: Evidence) -> dict[str, Any]:
    return {
        "suite": found.suite,
        "passed": found.passed,
        "reasons": found.reasons,
        "dataset": found.dataset.name,
        "records": found.dataset.records,
        "base_model": found.base_model.name,
        "device": found.device,
        "classes": found.classes,
        "confusion": found.confusion,
        "calibration": msgspec.to_builtins(found.calibration),
        "calibration_error": expected_calibration_error(found.calibration),
        "cases": msgspec.to_builtins(failing_first(found.cases)),
    }


def _risks(
    registry: Registry, run: RunRecord, recorded: ValidationRecorded
) -> list[dict[str, Any]]:
    return [
        {
            "case": item.said.case_id,
            "person": item.said.printed_name,
            "reason": item.said.reason,
            "control": item.said.control,
            "until": item.said.expires_at,
            "state": item.state_at(registry.moment),
        }
        for item in run.acceptances
        if item.said.validation_run == recorded.validation_run
    ]
