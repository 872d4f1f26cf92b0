"""What a release went through: its steps, runs, accepted risks, recalls and deployments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from governed_kernel.canonical import digest_json
from governed_kernel.errors import NotApproved
from governed_kernel.governance.counting import CountedApproval
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import (
    Bundle,
    Deployment,
    Promotion,
    Recall,
    RecallAnswer,
    RiskAcceptance,
)
from governed_kernel.lineage.events import (
    DatasetRegistered,
    FileDigest,
    RerunCompared,
    RunEnded,
    RunRefused,
    RunStarted,
    ValidationRecorded,
    now,
)
from governed_kernel.validation.gate import gate as suite_gate

__all__ = [
    "Acceptance",
    "DeploymentRecord",
    "RecallFinding",
    "ReleaseRecord",
    "RunRecord",
    "State",
    "Step",
    "TakenBack",
]

State: TypeAlias = Literal[
    "candidate",
    "approved",
    "executed",
    "validated",
    "released",
    "retired",
    "rejected",
    "revoked",
]


@dataclass(frozen=True)
class Step:
    """One change of a release's state."""

    state: State
    at: datetime
    person: str
    reason: str


@dataclass(frozen=True)
class Acceptance:
    """A risk that somebody accepted: one failing case of one validation."""

    said: RiskAcceptance
    entry: Entry
    withdrawn: int | None
    """The record that revoked the key which signed it, if one did: no clock says when that was."""

    def state_at(
        self, moment: datetime, record: int | None = None
    ) -> Literal["valid", "expired", "withdrawn"]:
        """Whether it lets its case pass at `moment`, or did when the ledger got its `record`."""
        if self.withdrawn is not None and (record is None or self.withdrawn <= record):
            return "withdrawn"
        return "valid" if moment < self.said.expires_at else "expired"


@dataclass
class RecallFinding:
    """What a recall asks of one release, and what was answered."""

    recall: Recall
    opened_at: datetime
    answer: RecallAnswer | None = None

    @property
    def state(self) -> Literal["open", "continued", "stopped"]:
        """``open`` and ``stopped`` refuse new runs and deployments."""
        if self.answer is None:
            return "open"
        return "continued" if self.answer.decision == "continue" else "stopped"


class TakenBack:
    """What a recall names, and what was made from it since.

    Attributes
    ----------
    said : Recall
        As it was signed.
    """

    def __init__(self, said: Recall) -> None:
        self.said = said
        self._names, self._contents = set(said.versions), set(said.versions.values())

    def go_on(self, version: DatasetRegistered) -> None:
        """Take in a version that was registered later: whether it holds a record, nobody looked."""
        parents = {version.derived_from, *version.made_from}
        contents = {version.sha256, *(file.sha256 for file in version.files)}
        if contents & self._contents or parents & self._names:
            self._names.add(f"{version.dataset}@{version.version}")
            self._contents.add(version.sha256)

    def concerns(self, inputs: Mapping[str, str]) -> list[str]:
        """Which of some versions (``NAME@VERSION`` → SHA-256) were taken back."""
        return sorted(
            name
            for name, sha256 in inputs.items()
            if name in self._names or sha256 in self._contents
        )


@dataclass
class RunRecord:
    """One headless execution, as the ledger knows it."""

    started: RunStarted
    ended: RunEnded | None = None
    validations: list[ValidationRecorded] = field(default_factory=list)
    comparisons: list[RerunCompared] = field(default_factory=list)
    bundle: Bundle | None = None
    acceptances: list[Acceptance] = field(default_factory=list)
    moment: datetime = field(default_factory=now)
    """Now; never before what the ledger has on record, so that no clock revives what expired."""

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.started.run_id

    @property
    def state(self) -> str:
        """``started``, ``succeeded``, ``failed`` or ``interrupted``."""
        return self.ended.state if self.ended else "started"

    @property
    def validated(self) -> ValidationRecorded | None:
        """The last validation."""
        return self.validations[-1] if self.validations else None

    @property
    def evaluations(self) -> list[ValidationRecorded]:
        """The last validation by each suite; these decide."""
        return list({found.suite_sha256: found for found in self.validations}.values())

    @property
    def has_passed(self) -> bool:
        """Whether every suite that was run over it passed, now: accepted risks may expire."""
        return self.passed_at(self.moment)

    def passed_at(self, moment: datetime, record: int | None = None) -> bool:
        """As `has_passed`, at another moment: that of a record."""
        found = self.evaluations
        return bool(found) and all(self.passes(each, moment, record) for each in found)

    def passes(
        self, found: ValidationRecorded, moment: datetime, record: int | None = None
    ) -> bool:
        """Whether a suite lets the run pass, given the risks that were accepted by then."""
        if found.passed:
            return True
        accepted = {item.said.case_id for item in self.accepted(found, moment, record)}
        # What was never measured can't be accepted, nor what an older record does not tell.
        cases = [
            msgspec.structs.replace(case, outcome="passed")
            if case.case_id in accepted and case.outcome == "failed"
            else case
            for case in found.cases
        ]
        return bool(found.required) and bool(accepted) and suite_gate(cases, found.required)[0]

    def accepted(
        self, found: ValidationRecorded, moment: datetime, record: int | None = None
    ) -> list[Acceptance]:
        """The risks accepted in one validation that count at `moment`."""
        return [
            item
            for item in self.acceptances
            if item.said.validation_run == found.validation_run
            and item.state_at(moment, record) == "valid"
            and item.entry.occurred_at <= moment
        ]

    def risks(self) -> list[Acceptance]:
        """The accepted risks that its passing rests on now."""
        return [
            item
            for found in self.evaluations
            if not found.passed
            for item in self.accepted(found, self.moment)
        ]

    def evidence(self) -> tuple[str, list[FileDigest]]:
        """What an approval for deployment binds: digest, and the list of files it covers.

        Raises
        ------
        NotApproved
            The run did not succeed or no suite passed over it, so there is nothing to approve.
        """
        if self.ended is None or self.ended.state != "succeeded":
            raise NotApproved(
                f"{self.run_id} can be neither approved for deployment nor deployed",
                why=f"the run has {self.state}, and only one that succeeded has evidence",
                next=f"start another with 'governed run {self.started.release}'",
            )
        if not self.has_passed:
            raise NotApproved(
                f"{self.run_id} can be neither approved for deployment nor deployed",
                why=self._failing() if self.validated else "it was never validated",
                next=f"'governed validate {self.run_id}'; a risk can be accepted, case by case, "
                f"with 'governed release accept-risk {self.started.release} CASE'",
            )
        files = [
            *(
                FileDigest(f"artifacts/{item.name}", item.sha256, item.bytes)
                for item in self.ended.artifacts
            ),
            *(
                FileDigest(f"evaluation/{item.path}", item.sha256, item.bytes)
                for found in self.evaluations
                for item in found.evidence
            ),
        ]
        subject: dict[str, Any] = {
            "run": self.run_id,
            "release": self.started.digest,
            "parameters": self.started.parameters,
            "files": files,
        }
        if risks := self.risks():  # who approves a run approves it with these
            subject["risks"] = sorted(digest_json(item.said) for item in risks)
        return digest_json(subject), files

    def _failing(self) -> str:
        failing = [
            case.case_id
            for found in self.evaluations
            if not self.passes(found, self.moment)
            for case in found.cases
            if case.outcome != "passed" and case.blocking
        ]
        expired = [
            f"the acceptance of {item.said.case_id} is {item.state_at(self.moment)}"
            for item in self.acceptances
            if item.state_at(self.moment) != "valid"
        ]
        named = f": {', '.join(failing)}" if failing else ""
        return "; ".join([f"its validation did not pass{named}", *dict.fromkeys(expired)])


@dataclass
class ReleaseRecord:
    """One release: who made it, what became of it."""

    promotion: Promotion
    history: list[Step]
    runs: list[RunRecord] = field(default_factory=list)
    refusals: list[RunRefused] = field(default_factory=list)
    recalls: list[RecallFinding] = field(default_factory=list)
    approvals: list[CountedApproval] = field(default_factory=list)
    """Those for a run, as they were counted to tell its state; a gate counts them itself."""

    @property
    def name(self) -> str:
        """``name@version``."""
        return self.promotion.release

    @property
    def digest(self) -> str:
        """The release digest."""
        return self.promotion.digest

    @property
    def author(self) -> str:
        """Who promoted it."""
        return self.promotion.person

    @property
    def state(self) -> State:
        """Where it stands now."""
        return self.history[-1].state

    @property
    def bundle(self) -> Bundle | None:
        """The bundle that was made last."""
        bundles = [run.bundle for run in self.runs if run.bundle]
        return bundles[-1] if bundles else None


@dataclass(frozen=True)
class DeploymentRecord:
    """One bundle live in one slot over an interval of time."""

    deployment: Deployment
    live_from: datetime
    live_to: datetime | None
    since: int = 0
    """The record that put it live."""
    until: int | None = None
    """The record that put another in its place."""
