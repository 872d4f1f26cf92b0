"""What a person signs: every fact of a release or of a run, from bytes that were just verified.

Nothing here is taken from the release's author on trust. The manifest is held against the digest
that will be signed, the files against the manifest, the inputs against the catalog, the notebook
against the journal of its session, and the page of differences is made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from governed_kernel.canonical import digest_file
from governed_kernel.errors import GovernedError, IntegrityBroken, NotApproved
from governed_kernel.files import read_regular
from governed_kernel.governance import (
    approvals,
    authorization,
    catalog,
    may_learn,
    permission,
)
from governed_kernel.governance.counting import Purpose
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import record_refusal, signer_of
from governed_kernel.lineage.events import FileDigest
from governed_kernel.release import (
    admission,
    changes,
    checks,
    difference,
    gate,
    intake,
    manifest,
    notebook,
    suites,
    taken_back,
)
from governed_kernel.release.difference import Comparison
from governed_kernel.release.environment import EnvironmentLock
from governed_kernel.release.evaluations import recorded_evidence
from governed_kernel.release.evidence import check_cells, check_record, odd_models
from governed_kernel.release.execution import check_artifacts
from governed_kernel.release.findings import Finding
from governed_kernel.release.manifest import Input, ReleaseManifest
from governed_kernel.release.recorded import RecordedSession, read_session
from governed_kernel.release.registry import Registry, ReleaseRecord, RunRecord
from governed_kernel.validation.evidence import failing_first
from governed_kernel.workspace import Workspace

__all__ = ["RESTRICTED", "Review", "review"]

RESTRICTED = {"locked-holdout": "locked", "split-parent": "divided"}
"""States of versions that a policy restricts, by the policy."""

_MAIN = (
    *("governed-notebooks", "torch", "transformers", "peft", "safetensors", "scikit-learn"),
    *("numpy", "pandas", "polars", "pyarrow", "duckdb", "ipykernel", "papermill"),
)


@dataclass(frozen=True)
class Review:
    """What is signed, and what was found to be behind it.

    Attributes
    ----------
    run_id : str
        The run, for deployment.
    digest : str
        What the signature is for.
    evidence : list of FileDigest
        What is shown: every file of the release, or what the run left and its evaluation.
    facts : dict
        Everything a reviewer relies on, as JSON values.
    comparisons : list of Comparison
        From research to release, and from the version before it.
    """

    release: ReleaseRecord
    run_id: str
    digest: str
    evidence: list[FileDigest]
    facts: dict[str, Any]
    comparisons: list[Comparison]


def review(
    workspace: Workspace,
    release: str,
    purpose: Purpose,
    person: str,
    run_id: str = "",
    *,
    to_sign: bool = False,
) -> Review:
    """Verify what `person` is about to sign, and tell what it is.

    Parameters
    ----------
    to_sign : bool
        They came to sign: refused is whose approval would not count, before data is verified.
    run_id : str
        The run, for deployment; by default the newest that was validated.

    Raises
    ------
    IntegrityBroken
        A file is not what was promoted, recorded or sealed, or no promotion makes such a release.
    NotApproved
        There is no such run, or it has nothing that could be approved.
    """
    registry = Registry.read(workspace)
    record = registry.release(release)
    try:
        run = _chosen(record, run_id) if purpose == "deployment" else None
        if to_sign:
            who = signer_of(registry.register, person)
            signed = (run.evidence()[0], run.run_id) if run else (record.digest, "")
            approvals.check_that_it_counts(registry.register, who, record.name, purpose, *signed)
        facts, comparisons = _release(workspace, registry, record)
        folder = manifest.release_folder(workspace, record.name)
        bound = manifest.load(folder, record.digest)
        if run is None:
            shown = ["manifest.json", *(file.path for file in manifest.bound_files(bound))]
            evidence = [_digest(folder, path) for path in dict.fromkeys(shown)]
            return Review(record, "", record.digest, evidence, facts, comparisons)
        gate.check_requirements(registry.register, bound, run)
        if registry.register.risk_class(bound.risk_class).separate_people:
            _check_apart(run, person)
        digest, evidence = run.evidence()
        facts |= _run(workspace, run)
        return Review(record, run.run_id, digest, evidence, facts, comparisons)
    except GovernedError as error:
        record_refusal(workspace, person, "approve", record.name, error, purpose)
        raise


def _digest(folder: Path, path: str) -> FileDigest:
    return FileDigest(path, digest_file(folder / path), (folder / path).stat().st_size)


def _check_apart(run: RunRecord, person: str) -> None:
    if gate.takes_part(run, person):
        raise NotApproved(
            f"an approval of {run.run_id} by {person} would not count",
            why=f"{person} ran or validated it, and its risk class asks for different people",
            next="ask somebody else to review it",
        )


def _chosen(release: ReleaseRecord, run_id: str) -> RunRecord:
    for run in reversed(release.runs):
        chosen = run.run_id == run_id if run_id else run.validated is not None
        if chosen and run.started.kind == "release":
            run.evidence()  # refused before anything is read
            return run
    raise NotApproved(
        f"{release.name} has no such run to deploy",
        why=f"{run_id} is no run of it" if run_id else "none of its runs was validated",
        next=f"'governed release show {release.name}' lists its runs, 'governed validate RUN' "
        "validates one",
    )


# --- the release -----------------------------------------------------------------------------


def _release(
    workspace: Workspace, registry: Registry, record: ReleaseRecord
) -> tuple[dict[str, Any], list[Comparison]]:
    register = registry.register
    folder = manifest.release_folder(workspace, record.name)
    bound = manifest.load(folder, record.digest)
    manifest.check_nothing_else(folder, bound)
    gate.check_promotion(record, bound)
    card = gate.check_card(workspace, register, bound)
    _check_inputs(workspace, register, bound)
    files = {file.path: read_regular(folder / file.path) for file in manifest.bound_files(bound)}
    earlier = changes.previous(workspace, registry, record.name)
    before = earlier[1].release if earlier else ""
    comparisons = changes.compare(bound, files, earlier)
    page = folder / bound.difference.path
    _check_page(page, bound, files[bound.difference.path], comparisons, before)
    session, findings = _research(workspace, register, bound, folder)
    if bound.tolerance != (allowed := suites.tolerance(folder, bound.suites)):
        _refuse_made(bound, f"it allows {bound.tolerance}, its suites {allowed}")
    facts = {
        "risk_class": bound.risk_class,
        "card": dict(intake.facts(card)),
        "recalls": list(taken_back.told(registry, record)),
        "git_commit": bound.git_commit,
        "notebook": {
            "path": workspace.relative(folder / bound.notebook.path),
            "sha256": bound.notebook.sha256,
            "origin": bound.research_notebook.path,
            "origin_sha256": bound.research_notebook.sha256,
            "origin_now": _now(workspace, bound.research_notebook),
        },
        "session": session,
        "parameters": [
            {**msgspec.to_builtins(item), "bounds": item.bounds} for item in bound.parameters
        ],
        "inputs": [_input(register, item) for item in bound.inputs],
        "environment": _environment(files["environment.json"], bound),
        "code": _code(bound, comparisons[1], bool(before)),
        "suites": [_suite(register, suite) for suite in bound.suites],
        "tolerance": bound.tolerance,
        "threads": bound.threads,
        "policy": {"sha256": bound.policy, "in_force": bound.policy == register.policy},
        "findings": msgspec.to_builtins(findings),
        "changes": _changes(comparisons, before),
        "page": workspace.relative(page),
    }
    return facts, comparisons


def _check_inputs(workspace: Workspace, register: Register, bound: ReleaseManifest) -> None:
    """Refuse what the store holds of an input that is not what was registered.

    All of it is read, as a run does when it starts: what is told of a base model is looked up in
    its files. What was withdrawn and removed is shown as withdrawn.
    """
    everything = [*bound.inputs, *(item for suite in bound.suites for item in suite.inputs)]
    for item in {item.name: item for item in everything}.values():
        version = admission.catalogued(register, item)
        if item.name not in register.collected:
            catalog.verify(workspace, version)


def _check_page(
    page: Path,
    bound: manifest.ReleaseManifest,
    shown: bytes,
    comparisons: list[Comparison],
    before: str,
) -> None:
    """Refuse a page of differences that these files do not make."""
    if changes.page(bound, comparisons) != shown:
        raise IntegrityBroken(
            f"{page} does not show what the release's files differ in",
            why=f"held against {before or 'its research notebook'}, they make another page",
            next="promote a new version with 'governed promote', and approve that one",
        )


def _suite(register: Register, suite: manifest.Suite) -> dict[str, Any]:
    return {
        "path": suite.path,
        "sha256": suite.sha256,
        "inputs": [_input(register, item) for item in suite.inputs],
    }


def _now(workspace: Workspace, file: FileDigest) -> str:
    """What became of the research notebook's file; its outputs are bound by nothing."""
    path = workspace.root / file.path
    if not path.is_file():
        return "gone"
    return "as promoted" if digest_file(path) == file.sha256 else "changed since"


def _research(
    workspace: Workspace, register: Register, bound: ReleaseManifest, folder: Path
) -> tuple[dict[str, Any], list[Finding]]:
    """The session it was promoted from, which must have run these cells; and what checks find."""
    session = read_session(workspace, register, bound.session_id)
    released = notebook.read(folder / bound.notebook.path)
    findings = [
        *check_cells(session, released),
        *checks.check_sources(released),
        *check_record(session),
        *odd_models(workspace, register, bound.inputs),
    ]
    if (session.mode, session.notebook) != ("research", bound.research_notebook.path):
        _refuse_made(bound, f"{bound.session_id} ran {session.notebook or 'no notebook'}")
    read = {name for _, name in session.catalogued(register)}
    unread = [item.name for item in bound.inputs if item.name not in read]
    if unread:
        _refuse_made(bound, f"{bound.session_id} never read {', '.join(unread)}")
    # A text may be erased for good reasons, later; then nobody can say that it was this cell.
    wrong = [item for item in findings if item.severity == "blocking"]
    wrong = [item for item in wrong if item.code != "text-erased"]
    if wrong:
        _refuse_made(bound, "; ".join(item.what for item in wrong))
    return _session(session, findings), findings


def _refuse_made(bound: ReleaseManifest, why: str) -> None:
    raise IntegrityBroken(
        f"{bound.release} was not made by 'governed promote', which refuses such a notebook",
        why=why,
        next="promote a new version with 'governed promote', and approve that one",
    )


def _session(session: RecordedSession, findings: Sequence[Finding]) -> dict[str, Any]:
    told = session.completeness
    return {
        "session_id": session.session_id,
        "sealed": session.sealed,
        "cells": len(session.cells),
        "texts_erased": sum(item.code == "text-erased" for item in findings),
        "witness": told.witness if told else "",
        "witnessed": told.witnessed if told else 0,
        "unexplained": told.unexplained if told else 0,
    }


def _input(register: Register, item: Input) -> dict[str, Any]:
    """One input, as the catalog knows it."""
    version = admission.catalogued(register, item)
    policy, restriction = permission.restriction(register, version)
    known = {
        "name": item.name,
        "kind": version.kind,
        "sha256": version.sha256,
        "data_class": version.data_class,
        "state": RESTRICTED.get(policy, version.state),
        "restriction": restriction,
        "purposes": version.purposes,
        "rows": version.rows,
        "retention_until": version.retention_until,
        "retention_over": authorization.is_expired(version, register.moment),
        "owner": version.owner,
        "opened_as": item.paths,
    }
    if version.kind == "model":
        known |= {"licence": version.licence, "origin": version.origin}
        known |= {
            "intended_use": version.intended_use,
            "training_data": version.training_data,
            "adaptation": version.adaptation,
        }
    if opened := may_learn.allowed(register, version):
        known["may_learn"] = opened
    return known


def _environment(encoded: bytes, bound: ReleaseManifest) -> dict[str, Any]:
    lock = msgspec.json.decode(encoded, type=EnvironmentLock)
    versions = {item.name: item.version for item in lock.distributions}
    return {
        "sha256": bound.environment,
        "python": lock.python,
        "platform": lock.platform,
        "distributions": len(lock.distributions),
        "main": {name: versions[name] for name in _MAIN if name in versions},
        "editable": [item.name for item in lock.distributions if item.editable],
        "unowned": sorted(lock.unowned),
    }


def _code(bound: ReleaseManifest, comparison: Comparison, is_later: bool) -> list[dict[str, Any]]:
    kinds = {change.name: change.kind for change in comparison.changes}
    return [
        {
            "path": file.path,
            "sha256": file.sha256,
            "change": kinds[f"file {file.path}"] if is_later else "added",
        }
        for file in bound.code
    ]


def _changes(comparisons: Sequence[Comparison], before: str) -> dict[str, Any]:
    """In short; without an earlier version there is only the research notebook to differ from."""
    told = comparisons if before else comparisons[:1]
    return {
        "previous": before,
        "summary": {item.heading: item.summary for item in told},
        "lines": [line for item in told for line in difference.unified(item)],
    }


# --- the run ---------------------------------------------------------------------------------


def _run(workspace: Workspace, run: RunRecord) -> dict[str, Any]:
    assert run.ended is not None
    assert run.validated is not None
    check_artifacts(workspace, run)
    evidence = [item for found in run.evaluations for item in recorded_evidence(workspace, found)]
    cases = failing_first([case for item in evidence for case in item.cases])
    return {
        "run": {
            "run_id": run.run_id,
            "person": run.started.person,
            "started_at": run.started.occurred_at.isoformat(),
            "seconds": run.ended.seconds,
            "parameters": run.started.parameters,
            "environment": run.started.environment,
            "fingerprint": run.ended.fingerprint,
            "reruns": [f"{item.rerun_id}: {item.verdict}" for item in run.comparisons],
        },
        "artifacts": [
            {"name": item.name, "sha256": item.sha256, "bytes": item.bytes, "kind": item.kind}
            for item in run.ended.artifacts
        ],
        "validation": [
            {
                "suite": item.suite,
                "suite_sha256": item.suite_sha256,
                "run_id": item.run_id,
                "passed": item.passed,
                "dataset": item.dataset.name,
                "records": item.dataset.records,
                "device": item.device,
                "classes": item.classes,
                "confusion": item.confusion,
            }
            for item in evidence
        ],
        "cases": msgspec.to_builtins(cases),
        "risks": [
            {
                "case": item.said.case_id,
                "person": item.said.printed_name,
                "reason": item.said.reason,
                "control": item.said.control,
                "expires_at": item.said.expires_at.isoformat(),
            }
            for item in run.risks()
        ],
    }
