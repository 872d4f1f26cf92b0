"""One release at a glance, and its whole path: what lists and pages of releases show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from governed_kernel.errors import GovernedError
from governed_kernel.governance.counting import Purpose, objection, unmet
from governed_kernel.release import manifest
from governed_kernel.release.registry import DeploymentRecord, Registry, ReleaseRecord, RunRecord
from governed_kernel.workspace import Workspace

__all__ = ["overview", "places", "summary", "waits_for"]


def overview(registry: Registry, record: ReleaseRecord) -> dict[str, Any]:
    """The whole path of a release: commit, approvals, runs, validation, bundle, deployments."""
    return {
        "release": record.name,
        "state": record.state,
        "digest": record.digest,
        "author": record.author,
        "notebook": record.promotion.notebook,
        "commit": _commit(registry.register.workspace, record),
        "risk_class": record.promotion.risk_class,
        "history": [
            {"state": step.state, "at": step.at, "person": step.person, "reason": step.reason}
            for step in record.history
        ],
        "approvals": _approvals(registry, record),
        "required": {
            "run": registry.register.rule("run", record.name).required,
            "deployment": registry.register.rule("deployment", record.name).required,
        },
        "runs": [_run(run) for run in record.runs],
        "risks": [
            {
                "case": item.said.case_id,
                "run": item.said.run_id,
                "person": item.said.person,
                "reason": item.said.reason,
                "control": item.said.control,
                "until": item.said.expires_at,
                "state": item.state_at(registry.moment),
            }
            for run in record.runs
            for item in run.acceptances
        ],
        "recalls": [
            {
                "recall": item.recall.recall,
                "at": item.opened_at,
                "state": item.state,
                "versions": sorted(item.recall.versions),
                "reason": item.recall.reason,
                "answered_by": item.answer.person if item.answer else "",
                "answer": item.answer.reason if item.answer else "",
            }
            for item in record.recalls
        ],
        "refusals": [
            {"at": item.occurred_at, "person": item.person, "kind": item.kind, "why": item.reason}
            for item in record.refusals
        ],
        "deployments": [
            {
                "environment": item.deployment.environment,
                "slot": item.deployment.slot,
                "bundle": item.deployment.bundle,
                "person": item.deployment.person,
                "live_from": item.live_from,
                "live_to": item.live_to,
            }
            for item in registry.deployments
            if item.deployment.release == record.name
        ],
    }


def summary(
    registry: Registry,
    record: ReleaseRecord,
    person: str = "",
    live: Mapping[str, list[DeploymentRecord]] | None = None,
) -> dict[str, Any]:
    """One line of a list of releases.

    Parameters
    ----------
    person : str
        Who looks at the list; ``waits_for_me`` says what it waits for from them.
    live : mapping, optional
        `Registry.live`, where it was asked for already: for many lines once.
    """
    live = registry.live() if live is None else live
    rule = registry.register.rule("run", record.name)
    return {
        "release": record.name,
        "state": record.state,
        "author": record.author,
        "risk_class": record.promotion.risk_class,
        "notebook": record.promotion.notebook,
        "digest": record.digest,
        "created_at": record.history[0].at,
        "changed_at": record.history[-1].at,
        "approvals": sum(item.counts for item in record.approvals),
        "required": rule.required,
        "runs": len(record.runs),
        "bundle": record.bundle.name if record.bundle else "",
        "live": places(live.get(record.name, ())),
        "waits_for_me": waits_for(registry, record, person),
    }


def places(live: Iterable[DeploymentRecord]) -> list[dict[str, str]]:
    """Where which bundle is live, as rows."""
    return [
        {
            "environment": item.deployment.environment,
            "slot": item.deployment.slot,
            "bundle": item.deployment.bundle,
        }
        for item in live
    ]


def waits_for(registry: Registry, record: ReleaseRecord, person: str) -> Purpose | None:
    """What approval of this release by `person` would count and is still missing."""
    register = registry.register
    who = register.people.get(person)
    if who is None:
        return None
    wanted: list[tuple[Purpose, str, str]] = []
    if record.state == "candidate":
        wanted.append(("run", record.digest, ""))
    if record.state == "validated":
        run = next((item for item in reversed(record.runs) if _is_validated(item)), None)
        wanted += [("deployment", run.evidence()[0], run.run_id)] if run else []
    for purpose, digest, run_id in wanted:
        rule = register.rule(purpose, record.name)
        given = register.approvals_for(record.name, digest, purpose, run_id)
        counting = [item for item in given if item.counts]
        _, reason = objection(
            who, rule, author=record.author, position=len(register.events), signed_at=None
        )
        signed = person in {item.person for item in counting}
        if not reason and not signed and unmet(rule, counting):
            return purpose
    return None


def _is_validated(run: RunRecord) -> bool:
    return run.has_passed and run.state == "succeeded" and run.started.kind == "release"


def _run(run: RunRecord) -> dict[str, Any]:
    return {
        "run": run.run_id,
        "kind": run.started.kind,
        "state": run.state,
        "parameters": run.started.parameters,
        "person": run.started.person,
        "error": run.ended.reason if run.ended else "",
        "validated": run.has_passed if run.validated else None,
        "evaluations": [
            {
                "suite": found.suite,
                "run": found.validation_run,
                "person": found.person,
                "passed": run.passes(found, run.moment),
                "cases": len(found.cases),
                "failed": [case.case_id for case in found.cases if case.outcome != "passed"],
            }
            for found in run.evaluations
        ],
        "bundle": run.bundle.name if run.bundle else "",
        "reruns": [f"{item.rerun_id}: {item.verdict}" for item in run.comparisons],
    }


def _commit(workspace: Workspace, record: ReleaseRecord) -> str:
    """The commit that the manifest names; empty where there is none, or it is altered."""
    try:
        folder = manifest.release_folder(workspace, record.name)
        return manifest.load_alone(folder, record.digest).git_commit
    except GovernedError:
        return ""


def _approvals(registry: Registry, record: ReleaseRecord) -> list[dict[str, Any]]:
    register, given = registry.register, record.approvals
    for run in record.runs:
        if run.state == "succeeded" and run.has_passed:
            digest, _ = run.evidence()
            found = register.approvals_for(record.name, digest, "deployment", run.run_id)
            given = [*given, *(item for item in found if item.run_id == run.run_id)]
    return [
        {
            "for": item.purpose,
            "run": item.run_id,
            "person": item.person,
            "printed_name": item.printed_name,
            "role": item.role,
            "meaning": item.meaning,
            "digest": item.digest,
            "comment": item.comment,
            "signed_at": item.signed_at,
            "counts": item.counts,
            "reason": item.reason,
        }
        for item in given
    ]
