"""Two runs held against each other, as the ledger knows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from governed_kernel.lineage.events import CaseResult
from governed_kernel.release.registry import RunRecord

__all__ = ["compare"]

Facts = Callable[[RunRecord], dict[str, str]]


def compare(first: RunRecord, second: RunRecord) -> dict[str, Any]:
    """Every fact of either run, with what it is in each.

    Returns
    -------
    dict
        ``first`` and ``second``, and ``rows``: section, name and the two values as text, empty
        where a run has no such thing.
    """
    return {
        "first": first.run_id,
        "second": second.run_id,
        "rows": [
            {
                "section": section,
                "name": name,
                "first": one.get(name, ""),
                "second": two.get(name, ""),
            }
            for section, facts in _SECTIONS.items()
            for one, two in [(facts(first), facts(second))]
            for name in dict.fromkeys([*one, *two])
        ],
    }


def _run(run: RunRecord) -> dict[str, str]:
    return {
        "release": run.started.release,
        "release digest": run.started.digest,
        "kind": run.started.kind,
        "state": run.state,
        "person": run.started.person,
        "seconds": f"{run.ended.seconds:.1f}" if run.ended else "",
        "bundle": run.bundle.name if run.bundle else "",
    }


def _parameters(run: RunRecord) -> dict[str, str]:
    return {name: str(value) for name, value in run.started.parameters.items()}


def _metrics(run: RunRecord) -> dict[str, str]:
    """What suites measured; the last evaluation by each suite counts."""
    return {
        f"{found.suite}/{case.case_id}": _measured(case)
        for found in run.evaluations
        for case in found.cases
    }


def _measured(case: CaseResult) -> str:
    return case.outcome if case.outcome == "error" else f"{case.value:.6g} ({case.outcome})"


def _artifacts(run: RunRecord) -> dict[str, str]:
    return {item.name: item.sha256 for item in run.ended.artifacts} if run.ended else {}


def _environment(run: RunRecord) -> dict[str, str]:
    """The lock's digest, and the parts of the platform's fingerprint."""
    parts = run.ended.fingerprint if run.ended else {}
    told = {name: str(value) for name, value in parts.items() if name != "sha256"}
    return {"lock": run.started.environment, **told}


_SECTIONS: dict[str, Facts] = {
    "run": _run,
    "parameters": _parameters,
    "metrics": _metrics,
    "artifacts": _artifacts,
    "environment": _environment,
}
