"""What was approved, live and running at a moment, by the verified ledger as it stood then.

The ledger is replayed once for each of its heads; what came of it is kept in the person's own
folder (`standing_index`), so that the next question costs no signature.

The ledger's order is the truth, its times are claims: a record counts when it, or any record after
it, bears a time that is not later than the moment. Where a clock stepped back, the records that
count for their place alone are named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from governed_kernel.audit.standing_index import StandingIndex
from governed_kernel.errors import GovernedError, UnknownName
from governed_kernel.governance.counting import CountedApproval
from governed_kernel.governance.rules import rules_digest
from governed_kernel.release import manifest
from governed_kernel.release.registry import (
    DeploymentRecord,
    Registry,
    ReleaseRecord,
    RunRecord,
)
from governed_kernel.workspace import Workspace

__all__ = ["Standing", "as_of"]

_LIVE_STATES = ("approved", "executed", "validated", "released")


@dataclass(frozen=True)
class Standing:
    """How things stood at a moment.

    Attributes
    ----------
    ledger : dict
        The records that it rests on: how many, the last one's time and hash, the root of their
        Merkle tree (RFC 6962), and the numbers of those that bear a later time.
    policy : dict
        Digest of settings and policies in force, whether they are the same now, and whether it is
        known how many approvals they asked for: if not, `counts` is None.
    live, approved, running : list of dict
        Deployments, releases and runs, each with its evidence.
    """

    at: datetime
    ledger: dict[str, Any]
    policy: dict[str, Any]
    live: list[dict[str, Any]] = field(default_factory=list)
    approved: list[dict[str, Any]] = field(default_factory=list)
    running: list[dict[str, Any]] = field(default_factory=list)


def as_of(workspace: Workspace, moment: datetime, environment: str = "") -> Standing:
    """How things stood at a moment, by the verified ledger up to it.

    Parameters
    ----------
    environment : str
        Only what was live there; everything when empty.

    Raises
    ------
    UnknownName
        The workspace began later.
    IntegrityBroken
        The ledger is not what was written, or not the one that this person saw before.
    """
    with StandingIndex(workspace) as index:
        size, late = index.cut(moment)
        if size < 2:  # the record that opens it, and the one that creates the workspace
            raise UnknownName(
                f"the workspace {workspace.root} did not exist at {moment:%Y-%m-%d %H:%M:%S} UTC",
                why=f"its ledger begins at {index.occurred_at(0):%Y-%m-%d %H:%M:%S} UTC",
                next="name a later date",
            )
        registry = index.registry(size)
        told = _Told(workspace, registry)
        return Standing(
            at=moment,
            ledger={
                "records": size,
                "last_at": index.occurred_at(size - 1),
                "last_hash": index.hash(size - 1).hex(),
                "root": index.root(size).hex(),
                "bear_a_later_time": late,
            },
            policy={
                "digest": registry.register.policy,
                "is_in_force_now": rules_digest(workspace) == registry.register.policy,
                "is_known": told.rules_known,
            },
            live=[told.deployment(record) for record in index.live(size, environment)],
            approved=[
                told.release(record)
                for record in registry.releases.values()
                if record.state in _LIVE_STATES
            ],
            running=[_running(run) for run in registry.runs.values() if run.ended is None],
        )


def _running(run: RunRecord) -> dict[str, Any]:
    started = run.started
    return {
        "run": run.run_id,
        "kind": started.kind,
        "release": started.release,
        "release_digest": started.digest,
        "person": started.person,
        "started_at": started.occurred_at,
        "parameters": started.parameters,
        "environment": started.environment,
    }


class _Told:
    """Releases and deployments with their evidence."""

    def __init__(self, workspace: Workspace, registry: Registry) -> None:
        self._workspace = workspace
        self._registry = registry
        self.rules_known = registry.register.release_rules is not None
        self._bundles = {run.bundle.name: run for run in registry.runs.values() if run.bundle}
        self._evidence: dict[str, dict[str, Any]] = {}
        self._bound: dict[str, list[dict[str, Any]]] = {}

    def release(self, release: ReleaseRecord) -> dict[str, Any]:
        """A release that somebody approved, with who, and what it was made of."""
        return {
            "release": release.name,
            "state": release.state,
            "digest": release.digest,
            "author": release.author,
            "approvals": self._approvals(release, None),
            "inputs": self._inputs(release),
        }

    def deployment(self, record: DeploymentRecord) -> dict[str, Any]:
        """A live bundle, back to what it was trained on and who signed for it."""
        said = record.deployment
        release = self._registry.release(said.release)
        if said.bundle not in self._evidence:
            self._evidence[said.bundle] = self._of_run(release, self._bundles[said.bundle])
        return {
            "environment": said.environment,
            "slot": said.slot,
            "release": said.release,
            "state": release.state,
            "share": said.share,
            "bundle": said.bundle,
            "bundle_digest": said.sha256,
            "live_from": record.live_from,
            "person": said.person,
            "reason": said.reason,
            **self._evidence[said.bundle],
        }

    def _of_run(self, release: ReleaseRecord, run: RunRecord) -> dict[str, Any]:
        """What the bundle of a run rests on."""
        return {
            "release_digest": release.digest,
            "author": release.author,
            "run": run.run_id,
            "run_kind": run.started.kind,
            "parameters": run.started.parameters,
            "artifacts": [
                {"name": item.name, "sha256": item.sha256, "bytes": item.bytes}
                for item in (run.ended.artifacts if run.ended else [])
            ],
            "validation": _validation(run),
            "approvals": [*self._approvals(release, None), *self._approvals(release, run)],
            "inputs": self._inputs(release),
        }

    def _approvals(self, release: ReleaseRecord, run: RunRecord | None) -> list[dict[str, Any]]:
        """Approvals for a run, or for the deployment of one, as they counted then."""
        register = self._registry.register
        digest = run.evidence()[0] if run else release.digest
        purpose = "deployment" if run else "run"
        given = register.approvals_for(
            release.name,
            digest,
            "deployment" if run else "run",
            run.run_id if run else "",
        )
        return [
            {
                "purpose": purpose,
                "person": item.person,
                "printed_name": item.printed_name,
                "role": item.role,
                "meaning": item.meaning,
                "digest": item.digest,
                "signed_at": item.signed_at,
                "record": item.number,
                "counts": item.counts if self.rules_known else None,
                "reason": item.reason if self.rules_known else self._not_computable(item),
            }
            for item in given
        ]

    def _not_computable(self, item: CountedApproval) -> str:
        """Why it is not known whether an approval counted: the rules of then are not at hand."""
        entry = self._registry.register.entries
        (own,) = [found for found in entry if found.number == item.number]
        return own.reason or "the rules of now are others than those in force then"

    def _inputs(self, release: ReleaseRecord) -> list[dict[str, Any]]:
        """What a release was bound to read; its digest says whether the manifest is the one."""
        if release.name not in self._bound:
            self._bound[release.name] = self._read_inputs(release)
        return self._bound[release.name]

    def _read_inputs(self, release: ReleaseRecord) -> list[dict[str, Any]]:
        folder = manifest.release_folder(self._workspace, release.name)
        try:
            bound = manifest.load_alone(folder, release.digest)
        except (GovernedError, OSError):
            return [{"name": "its manifest is not there any more, or altered", "sha256": ""}]
        return [
            {"name": item.name, "kind": item.kind, "sha256": item.sha256, "class": item.data_class}
            for item in bound.inputs
        ]


def _validation(run: RunRecord) -> dict[str, Any] | None:
    said = run.validated
    if said is None:
        return None
    outcomes = [case.outcome for case in said.cases]
    return {
        "suite": said.suite,
        "suite_sha256": said.suite_sha256,
        "passed": said.passed,
        "cases": {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
        "run": said.validation_run,
        "evidence": [
            {"path": item.path, "sha256": item.sha256, "bytes": item.bytes}
            for item in said.evidence
        ],
        "at": said.occurred_at,
    }
