"""The ledger as rows of the lineage store, so that people can ask SQL about governance."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from itertools import takewhile
from typing import Any

import msgspec

from governed_kernel.governance.authorization import kept_until
from governed_kernel.governance.counting import CountedApproval
from governed_kernel.governance.register import Register
from governed_kernel.lineage.attestations import (
    Checkpoint,
    LearningAllowed,
    LearningClosed,
    Record,
    Withdrawal,
)
from governed_kernel.lineage.events import (
    DatasetRegistered,
    DataTransformed,
    Decided,
    JournalOpened,
    RunRefused,
    SplitRecorded,
)
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release.registry import (
    Acceptance,
    RecallFinding,
    Registry,
    ReleaseRecord,
    RunRecord,
)
from governed_kernel.release.run_states import COMMANDS
from governed_kernel.workspace import Workspace

__all__ = ["tables", "tables_of", "tells_of_data"]

Row = dict[str, Any]
_OF_CATALOG = {JournalOpened, DatasetRegistered, SplitRecorded, DataTransformed}
_OF_CATALOG |= {Withdrawal, LearningAllowed, LearningClosed}
"""What `Holdings` take in, but for where content lies; and a ledger's beginning."""
_OF_EVIDENCE = {JournalOpened, Record}
"""What tells of the runs themselves, and not of what people make of them."""


def tables(workspace: Workspace, ledger: Ledger | None = None) -> dict[str, list[Row]]:
    """Every ledger-derived table, as rows with the columns of its public view."""
    return tables_of(Registry.read(workspace, ledger))


def tables_of(registry: Registry, taken: int = 0) -> dict[str, list[Row]]:
    """`tables` of a ledger that was replayed.

    Parameters
    ----------
    taken : int
        So many records are known already: tables that the later ones can't have changed are left
        out, which are those with most rows.
    """
    runs = list(registry.runs.values())
    changes = _changes(registry.register, taken)
    return {
        **(_catalog(registry) if changes & _OF_CATALOG else {}),
        **(_evidence(runs) if changes & _OF_EVIDENCE else {}),
        "releases": [_release(release) for release in registry.releases.values()],
        "approvals": [
            row for release in registry.releases.values() for row in _approvals(registry, release)
        ],
        "runs": [_run(run) for run in runs],
        "recalls": [_recall(*each) for each in registry.recalls()],
        "deployments": _deployments(registry),
        "decisions": _decisions(registry),
        "risk_acceptances": [_acceptance(run, item) for run in runs for item in run.acceptances],
        "incidents": [],
        "checkpoints": _checkpoints(registry),
    }


def tells_of_data(register: Register, taken: int) -> bool:
    """Whether what follows on so many records can have changed the catalog."""
    return bool(_changes(register, taken) & _OF_CATALOG)


def _changes(register: Register, taken: int) -> set[type]:
    """What kinds of events, and of signed statements that count, follow on so many records."""
    later = takewhile(lambda entry: entry.number >= taken, reversed(register.entries))
    signed = {type(entry.predicate) for entry in later if entry.valid}
    return signed.union(map(type, register.events[taken:]))


def _evidence(runs: Iterable[RunRecord]) -> dict[str, list[Row]]:
    return {
        "artifacts": [row for run in runs for row in _artifacts(run)],
        "validations": [row for run in runs for row in _validations(run)],
    }


def _catalog(registry: Registry) -> dict[str, list[Row]]:
    register = registry.register
    divided = {(event.dataset, event.version) for event in register.splits}
    versions = [version for history in register.datasets.values() for version in history]
    return {
        "datasets": [
            {
                "dataset": name,
                "owner": history[-1].owner,
                "source": history[-1].source,
                "state": history[-1].state,
            }
            for name, history in register.datasets.items()
        ],
        "dataset_versions": [_version(version, divided) for version in versions],
        "dataset_parents": [*_parents(register)],
        "data_transformations": [_transformed(made) for made in register.transformations.values()],
        "dataset_files": [
            {
                "dataset": version.dataset,
                "version": version.version,
                "path": file.path,
                "sha256": file.sha256,
            }
            for version in versions
            for file in version.files
        ],
    }


def _last_day(version: DatasetRegistered) -> str | None:
    """Written as dates are, if it can be read."""
    last = kept_until(version)
    if last is None or last == date.min:
        return version.retention_until or None
    return last.isoformat()


def _version(version: DatasetRegistered, divided: Collection[tuple[str, str]]) -> Row:
    is_divided = (version.dataset, version.version) in divided
    return {
        "dataset": version.dataset,
        "version": version.version,
        "sha256": version.sha256,
        "bytes": version.bytes,
        "data_class": version.data_class,
        "purposes": version.purposes,
        "legal_basis": version.legal_basis,
        "retention_until": _last_day(version),
        "state": "divided" if is_divided else version.state,
        "registered_at": version.occurred_at,
        "registered_by": version.person,
    }


def _parents(register: Register) -> Iterator[Row]:
    """What each version was divided or made from."""
    made = [
        (name, f"{event.dataset}@{event.version}", part)
        for event in register.splits
        for part, name in event.parts.items()
    ]
    made += [
        (f"{event.dataset}@{event.version}", event.made_from, "transformed")
        for event in register.transformations.values()
    ]
    for name, parent, part in made:
        dataset, _, version = name.partition("@")
        of, _, of_version = parent.partition("@")
        yield {
            "dataset": dataset,
            "version": version,
            "parent_dataset": of,
            "parent_version": of_version,
            "part": part,
        }


def _transformed(event: DataTransformed) -> Row:
    return {
        "dataset": event.dataset,
        "version": event.version,
        "made_from": event.made_from,
        "rules": event.rules,
        "rules_sha256": event.rules_sha256,
        "code_sha256": event.code_sha256,
        "operations": event.operations,
        "kept": event.kept,
        "before": event.before,
        "after": event.after,
        "criteria": msgspec.to_builtins(event.criteria),
        "columns": [
            {"column": edge.output_column, "from": edge.input_column, "relation": edge.relation}
            for edge in event.columns
        ],
        "person": event.person,
        "transformed_at": event.occurred_at,
    }


def _checkpoints(registry: Registry) -> list[Row]:
    return [
        {
            "taken_at": said.signed_at,
            "size": said.size,
            "root": said.root,
            "signed_by": entry.key_id,
        }
        for entry in registry.register.entries
        if entry.valid and isinstance(said := entry.predicate, Checkpoint)
    ]


def _release(release: ReleaseRecord) -> Row:
    return {
        "release": release.name,
        "digest": release.digest,
        "notebook": release.promotion.notebook,
        "author": release.author,
        "risk_class": release.promotion.risk_class,
        "state": release.state,
        "created_at": release.history[0].at,
    }


def _approvals(registry: Registry, release: ReleaseRecord) -> list[Row]:
    found = {given.number: given for given in release.approvals}
    for run in release.runs:
        if run.has_passed and run.state == "succeeded":
            for given in registry.register.approvals_for(
                release.name, run.evidence()[0], "deployment", run.run_id
            ):
                if given.counts or given.number not in found:
                    found[given.number] = given
    return [_approval(found[number]) for number in sorted(found)]


def _approval(given: CountedApproval) -> Row:
    return {
        "release": given.release,
        "run_id": given.run_id,
        "purpose": given.purpose,
        "person": given.person,
        "role": given.role,
        "meaning": given.meaning,
        "digest": given.digest,
        "signed_at": given.signed_at,
        "counts": given.counts,
        "reason": given.reason,
    }


def _run(run: RunRecord) -> Row:
    ended = run.ended
    return {
        "run_id": run.run_id,
        "release": run.started.release,
        "kind": run.started.kind,
        "state": run.state,
        "parameters": msgspec.json.encode(run.started.parameters).decode(),
        "environment": run.started.environment,
        "fingerprint": str((ended.fingerprint if ended else {}).get("sha256", "")),
        "started_at": run.started.occurred_at,
        "ended_at": ended.occurred_at if ended else None,
        "bundle": run.bundle.name if run.bundle else "",
        "error": ended.reason if ended else "",
    }


def _artifacts(run: RunRecord) -> list[Row]:
    return [
        {
            "run_id": run.run_id,
            "name": artifact.name,
            "uri": artifact.uri,
            "sha256": artifact.sha256,
            "bytes": artifact.bytes,
            "kind": artifact.kind,
        }
        for artifact in (run.ended.artifacts if run.ended else [])
    ]


def _validations(run: RunRecord) -> list[Row]:
    return [
        {
            "run_id": run.run_id,
            "suite": validation.suite,
            "layer": case.layer,
            "case_id": case.case_id,
            "outcome": case.outcome,
            "value": case.value,
            "threshold": case.threshold,
            "blocking": case.blocking,
        }
        for validation in run.validations
        for case in validation.cases
    ]


def _acceptance(run: RunRecord, item: Acceptance) -> Row:
    said = item.said
    return {
        "release": said.release,
        "case_id": said.case_id,
        "person": said.person,
        "reason": said.reason,
        "control": said.control,
        "expires_at": said.expires_at,
        "state": item.state_at(run.moment),
    }


def _recall(release: str, finding: RecallFinding) -> Row:
    said, answer = finding.recall, finding.answer
    return {
        "recall": said.recall,
        "release": release,
        "versions": sorted(said.versions),
        "records": said.records,
        "reason": said.reason,
        "opened_at": finding.opened_at,
        "opened_by": said.person,
        "state": finding.state,
        "answered_by": answer.person if answer else None,
        "answered_at": answer.signed_at if answer else None,
        "answer": answer.reason if answer else None,
    }


def _deployments(registry: Registry) -> list[Row]:
    return [
        {
            "environment": record.deployment.environment,
            "slot": record.deployment.slot,
            "release": record.deployment.release,
            "bundle": record.deployment.bundle,
            "person": record.deployment.person,
            "share": record.deployment.share,
            "live_from": record.live_from,
            "live_to": record.live_to,
            "reason": record.deployment.reason,
        }
        for record in registry.deployments
    ]


def _decisions(registry: Registry) -> list[Row]:
    return [
        _decided(event) if isinstance(event, Decided) else _refused(event)
        for event in registry.register.events
        if isinstance(event, (Decided, RunRefused))
    ]


def _decided(event: Decided) -> Row:
    return {
        "occurred_at": event.occurred_at,
        "person": event.person,
        "action": event.action,
        "resource": event.resource,
        "purpose": event.purpose,
        "outcome": event.outcome,
        "policies": event.policies,
        "session_id": event.session_id,
        "cell_id": event.cell_id,
        "reason": event.reason,
    }


def _refused(event: RunRefused) -> Row:
    """A run that was not started, under the name of the command that asked for it."""
    return _decided(
        Decided(
            occurred_at=event.occurred_at,
            person=event.person,
            action=COMMANDS[event.kind],
            resource=event.release,
            outcome="failed" if event.error in _MISSING else "denied",
            policies=event.policies,
            reason=event.reason,
        )
    )


_MISSING = ("ResourceMissing", "MissingExtra", "LockHeld", "RecorderLost")
"""Errors that nobody's refusal is: something was not there."""
