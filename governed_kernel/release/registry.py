"""The release registry: the state of every release and run, folded from the verified ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec

from governed_kernel.canonical import digest_json
from governed_kernel.errors import NotApproved, UnknownName
from governed_kernel.governance.counting import unmet
from governed_kernel.governance.register import Register
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import (
    Bundle,
    Deployment,
    Promotion,
    Recall,
    RecallAnswer,
    Record,
    Rejection,
    Revocation,
    RiskAcceptance,
)
from governed_kernel.lineage.events import (
    FileDigest,
    RerunCompared,
    RunEnded,
    RunEvent,
    RunRefused,
    RunStarted,
    ValidationRecorded,
    now,
)
from governed_kernel.validation.gate import gate as suite_gate
from governed_kernel.workspace import Workspace

__all__ = [
    "Acceptance",
    "DeploymentRecord",
    "RecallFinding",
    "Registry",
    "ReleaseRecord",
    "RunRecord",
    "State",
    "Step",
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
    withdrawn_at: datetime | None
    """When the key that signed it was revoked, if it was."""

    def state_at(self, moment: datetime) -> Literal["valid", "expired", "withdrawn"]:
        """Whether it lets its case pass at `moment`."""
        if self.withdrawn_at is not None and self.withdrawn_at <= moment:
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

    def passed_at(self, moment: datetime) -> bool:
        """As `has_passed`, at another moment."""
        found = self.evaluations
        return bool(found) and all(self.passes(each, moment) for each in found)

    def passes(self, found: ValidationRecorded, moment: datetime) -> bool:
        """Whether a suite lets the run pass, given the risks that were accepted by then."""
        if found.passed:
            return True
        accepted = {item.said.case_id for item in self.accepted(found, moment)}
        # What was never measured can't be accepted, nor what an older record does not tell.
        cases = [
            msgspec.structs.replace(case, outcome="passed")
            if case.case_id in accepted and case.outcome == "failed"
            else case
            for case in found.cases
        ]
        return bool(found.required) and bool(accepted) and suite_gate(cases, found.required)[0]

    def accepted(self, found: ValidationRecorded, moment: datetime) -> list[Acceptance]:
        """The risks accepted in one validation that count at `moment`."""
        return [
            item
            for item in self.acceptances
            if item.said.validation_run == found.validation_run
            and item.state_at(moment) == "valid"
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
                f"{self.run_id} can't be approved for deployment",
                why=f"the run has {self.state}, and only one that succeeded has evidence",
                next=f"start another with 'governed run {self.started.release}'",
            )
        if not self.has_passed:
            raise NotApproved(
                f"{self.run_id} can't be approved for deployment",
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
        return "; ".join([f"its validation did not pass{named}", *expired])


@dataclass
class ReleaseRecord:
    """One release: who made it, what became of it."""

    promotion: Promotion
    history: list[Step]
    runs: list[RunRecord] = field(default_factory=list)
    refusals: list[RunRefused] = field(default_factory=list)
    recalls: list[RecallFinding] = field(default_factory=list)

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


_ORDER: dict[State, int] = {
    "candidate": 0,
    "approved": 1,
    "executed": 2,
    "validated": 3,
    "released": 4,
}


class Registry:
    """Releases, runs and deployments of one workspace.

    Attributes
    ----------
    register : Register
        The verified ledger underneath.
    releases : dict of str to ReleaseRecord
        In the order of their promotion.
    runs : dict of str to RunRecord
        In the order in which they started.
    """

    def __init__(self, register: Register) -> None:
        self.register = register
        self.releases: dict[str, ReleaseRecord] = {}
        self.runs: dict[str, RunRecord] = {}
        self.deployments: list[DeploymentRecord] = []
        self._live: dict[tuple[str, str], int] = {}
        self.moment = _moment(register)
        for found in register.in_order():
            if isinstance(found, RunRefused) and found.release in self.releases:
                self.releases[found.release].refusals.append(found)
            elif isinstance(found, Entry) and found.valid:
                self._take_signed(found)
        for release in self.releases.values():
            self._apply_approvals(release)

    @classmethod
    def read(cls, workspace: Workspace) -> Registry:
        """Replay and verify the ledger of `workspace`."""
        return cls(Register.read(workspace))

    def release(self, name: str) -> ReleaseRecord:
        """The release of that name; a bare name means its newest version."""
        if name in self.releases:
            return self.releases[name]
        versions = [key for key in self.releases if key.partition("@")[0] == name]
        if versions:
            return self.releases[versions[-1]]
        raise UnknownName(
            f"there is no release {name}",
            why=f"known are {', '.join(self.releases) or 'none yet'}",
            next="'governed release list' shows them; 'governed promote NOTEBOOK' makes one",
        )

    def run(self, run_id: str) -> RunRecord:
        """The run of that name."""
        if run_id in self.runs:
            return self.runs[run_id]
        raise UnknownName(
            f"there is no run {run_id}",
            why="no run of that name is on record in this workspace",
            next="'governed release show RELEASE' lists the runs of a release",
        )

    def next_version(self, name: str) -> str:
        """The release that a promotion under `name` makes next."""
        taken = [int(key.partition("@")[2]) for key in self.releases if key.startswith(f"{name}@")]
        return f"{name}@{max(taken, default=0) + 1}"

    def _take(self, event: RunEvent) -> None:
        match event:
            case RunStarted() if event.run_id not in self.runs:
                run = RunRecord(event, moment=self.moment)
                self.runs[event.run_id] = run
                if event.release in self.releases:
                    self.releases[event.release].runs.append(run)
            case RunEnded() if event.run_id in self.runs:
                self._end(self.runs[event.run_id], event)
            case ValidationRecorded() if event.run_id in self.runs:
                run = self.runs[event.run_id]
                if run.state != "succeeded":
                    return  # nothing was there yet to be validated
                run.validations.append(event)
                reason = f"{event.suite} passed"
                self._validate(run, event.occurred_at, event.person, reason)
            case RerunCompared() if event.run_id in self.runs:
                self.runs[event.run_id].comparisons.append(event)
            case _:
                pass

    def _validate(self, run: RunRecord, at: datetime, person: str, reason: str) -> None:
        if run.started.kind == "release" and run.passed_at(at):
            self._advance(run, Step("validated", at, person, reason))

    def _accept(self, said: RiskAcceptance, entry: Entry) -> None:
        """A risk counts for the run and the validation that it names, of that very release."""
        run = self.runs.get(said.run_id)
        if run is None or (run.started.release, run.started.digest) != (said.release, said.digest):
            return
        if said.validation_run not in {found.validation_run for found in run.validations}:
            return
        person = self.register.people.get(said.person)
        key = person.key(entry.key_id) if person else None
        withdrawn_at = key.revoked_at if key else entry.occurred_at
        run.acceptances.append(Acceptance(said, entry, withdrawn_at))
        until = f"{said.expires_at:%Y-%m-%d}"
        reason = f"{said.suite} passed but for {said.case_id}, accepted until {until}"
        self._validate(run, entry.occurred_at, said.person, reason)

    def _recall(self, said: Recall, at: datetime) -> None:
        for name, digest in said.releases.items():
            release = self.releases.get(name)
            if release is not None and release.digest == digest:
                release.recalls.append(RecallFinding(said, at))

    def _answer(self, said: RecallAnswer) -> None:
        for finding in self.releases[said.release].recalls:
            if finding.recall.recall == said.recall and finding.answer is None:
                finding.answer = said

    def recalls(self) -> Iterator[tuple[str, RecallFinding]]:
        """Every release that was recalled, with what was found and answered."""
        for name, release in self.releases.items():
            yield from ((name, finding) for finding in release.recalls)

    def _seal(self, run: RunRecord, bundle: Bundle, at: datetime) -> None:
        """The service signs after every gate; what these ask is asked again."""
        passed = run.passed_at(at)
        own = run.started.release == bundle.release and run.started.kind == "release"
        if passed and own and run.state == "succeeded":
            run.bundle = bundle
            self._advance(run, Step("released", at, bundle.requested_by, f"bundle {bundle.name}"))

    def _is_bundle(self, new: Deployment) -> bool:
        """Whether what an operator put live was sealed before, and so passed every gate."""
        release = self.releases.get(new.release)
        sealed = [run.bundle for run in release.runs if run.bundle] if release else []
        return (new.bundle, new.sha256) in [(item.name, item.digest) for item in sealed]

    def _end(self, run: RunRecord, event: RunEnded) -> None:
        if run.ended is not None:
            return  # the first report of an end stands
        run.ended = event
        if event.state == "succeeded" and run.started.kind == "release":
            self._advance(run, Step("executed", event.occurred_at, run.started.person, run.run_id))

    def _advance(self, run: RunRecord, step: Step) -> None:
        release = self.releases.get(run.started.release)
        if release is not None and release.digest == run.started.digest:
            _move(release, step)

    def _take_signed(self, entry: Entry) -> None:
        at = entry.occurred_at
        match predicate := entry.predicate:
            case Promotion() if predicate.release not in self.releases:
                step = Step("candidate", at, predicate.person, f"from {predicate.notebook}")
                self.releases[predicate.release] = ReleaseRecord(predicate, [step])
            case Rejection() | Revocation() if predicate.release in self.releases:
                release = self.releases[predicate.release]
                if predicate.digest == release.digest:
                    state: State = "rejected" if isinstance(predicate, Rejection) else "revoked"
                    release.history.append(Step(state, at, predicate.person, predicate.reason))
            case Bundle():
                if (run := self.runs.get(predicate.run_id)) is not None:
                    self._seal(run, predicate, at)
            case Record():
                self._take(predicate.event)
            case RiskAcceptance():
                self._accept(predicate, entry)
            case Recall():
                self._recall(predicate, at)
            case RecallAnswer() if predicate.release in self.releases:
                self._answer(predicate)
            case Deployment() if self._is_bundle(predicate):
                self._deploy(predicate, at, entry.number)
            case _:
                pass

    def _deploy(self, new: Deployment, at: datetime, number: int) -> None:
        """Whatever was live in that slot stops being live; intervals never overlap."""
        place = (new.environment, new.slot)
        if (index := self._live.get(place)) is not None:
            old = self.deployments[index]
            self.deployments[index] = replace(old, live_to=at, until=number)
        self._live[place] = len(self.deployments)
        self.deployments.append(DeploymentRecord(new, at, None, number))

    def _apply_approvals(self, release: ReleaseRecord) -> None:
        """Insert ``approved`` where the last needed signature was made."""
        given = self.register.approvals_for(release.name, release.digest, "run")
        counting = [approval for approval in given if approval.counts]
        rule = self.register.rule("run", release.name)
        enough = (n for n in range(1, len(counting) + 1) if not unmet(rule, counting[:n]))
        required = next(enough, 0)
        if not required:
            return
        last = counting[required - 1]
        names = ", ".join(approval.printed_name for approval in counting[:required])
        step = Step("approved", last.signed_at, last.person, f"for a run, by {names}")
        release.history.insert(1, step)


def _moment(register: Register) -> datetime:
    """Now, or when the ledger ends where it is asked about then; no clock revives what expired."""
    last = max(
        [entry.occurred_at for entry in register.entries[-1:]]
        + [event.occurred_at for event in register.events[-1:]]
    )
    return last if register.rules_of_then else max(now(), last)


def _move(release: ReleaseRecord, step: Step) -> None:
    """Forward only: a second run of a released version does not take it back."""
    current = release.state
    if current in _ORDER and _ORDER[step.state] > _ORDER[current]:
        release.history.append(step)
