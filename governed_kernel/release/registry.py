"""The release registry: the state of every release and run, folded from the verified ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from governed_kernel.errors import UnknownName
from governed_kernel.governance.counting import unmet
from governed_kernel.governance.register import Register
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import (
    Approval,
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
    DatasetRegistered,
    RerunCompared,
    RunEnded,
    RunEvent,
    RunRefused,
    RunStarted,
    ValidationRecorded,
)
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release.history import (
    Acceptance,
    DeploymentRecord,
    RecallFinding,
    ReleaseRecord,
    RunRecord,
    State,
    Step,
    TakenBack,
)
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
    "TakenBack",
]

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
    taken_back : list of TakenBack
        Every recall, also of what no release was made from.
    """

    def __init__(self, register: Register) -> None:
        self.register = register
        self.releases: dict[str, ReleaseRecord] = {}
        self.runs: dict[str, RunRecord] = {}
        self.deployments: list[DeploymentRecord] = []
        self.taken_back: list[TakenBack] = []
        self._live: dict[tuple[str, str], int] = {}
        self.moment = _moment(register)
        for found in register.in_order():
            if isinstance(found, RunRefused) and found.release in self.releases:
                self.releases[found.release].refusals.append(found)
            elif isinstance(found, DatasetRegistered):
                for earlier in self.taken_back:
                    earlier.go_on(found)
            elif isinstance(found, Entry) and found.valid:
                self._take_signed(found)
        for release in self.releases.values():
            self._apply_approvals(release)

    @classmethod
    def read(cls, workspace: Workspace, ledger: Ledger | None = None) -> Registry:
        """Replay and verify the ledger of `workspace`, for `ledger` see `Register.read`."""
        return cls(Register.read(workspace, ledger))

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

    def _take(self, event: RunEvent, number: int) -> None:
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
                self._validate(
                    run, number, Step("validated", event.occurred_at, event.person, reason)
                )
            case RerunCompared() if event.run_id in self.runs:
                self.runs[event.run_id].comparisons.append(event)
            case _:
                pass

    def _validate(self, run: RunRecord, number: int, step: Step) -> None:
        if run.started.kind == "release" and run.passed_at(step.at, number):
            self._advance(run, step)

    def _accept(self, said: RiskAcceptance, entry: Entry) -> None:
        """A risk counts for the run and the validation that it names, of that very release."""
        run = self.runs.get(said.run_id)
        if run is None or (run.started.release, run.started.digest) != (said.release, said.digest):
            return
        if said.validation_run not in {found.validation_run for found in run.validations}:
            return
        person = self.register.people.get(said.person)
        key = person.key(entry.key_id) if person else None
        withdrawn = key.revoked if key else entry.number
        run.acceptances.append(Acceptance(said, entry, withdrawn))
        passed = ", which has passed" if said.expires_at <= self.moment else ""
        until = f"{said.expires_at:%Y-%m-%d}{passed}"
        reason = f"{said.suite} passed but for {said.case_id}, accepted until {until}"
        step = Step("validated", entry.occurred_at, said.person, reason)
        self._validate(run, entry.number, step)

    def _recall(self, said: Recall, at: datetime) -> None:
        back = TakenBack(said)
        self.taken_back.append(back)
        for release in self.releases.values():
            named = said.releases.get(release.name) == release.digest
            if named or back.concerns(release.promotion.inputs):
                release.recalls.append(RecallFinding(said, at))

    def _promote(self, said: Promotion, at: datetime) -> None:
        """A release that reads what was taken back before has the finding from its beginning."""
        release = ReleaseRecord(said, [Step("candidate", at, said.person, f"from {said.notebook}")])
        release.recalls = [RecallFinding(found, at) for found, _ in self.recalls_of(said.inputs)]
        self.releases[said.release] = release

    def recalls_of(self, inputs: Mapping[str, str]) -> list[tuple[Recall, list[str]]]:
        """The recalls that concern versions (``NAME@VERSION`` → SHA-256), and which of these."""
        found = [(back.said, back.concerns(inputs)) for back in self.taken_back]
        return [(said, names) for said, names in found if names]

    def _answer(self, said: RecallAnswer) -> None:
        for finding in self.releases[said.release].recalls:
            if finding.recall.recall == said.recall and finding.answer is None:
                finding.answer = said

    def live(self) -> dict[str, list[DeploymentRecord]]:
        """Release → its bundles that are live now, each in its slot; not always the newest."""
        found: dict[str, list[DeploymentRecord]] = {}
        for index in self._live.values():
            record = self.deployments[index]
            found.setdefault(record.deployment.release, []).append(record)
        return found

    def recalls(self) -> Iterator[tuple[str, RecallFinding]]:
        """Every release that was recalled, with what was found and answered."""
        for name, release in self.releases.items():
            yield from ((name, finding) for finding in release.recalls)

    def _seal(self, run: RunRecord, bundle: Bundle, at: datetime, number: int) -> None:
        """The service signs after every gate; what these ask is asked again."""
        passed = run.passed_at(at, number)
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
            case Record():  # first what there is most of: each case takes time
                self._take(predicate.event, entry.number)
            case Approval():
                pass  # counted when all is read
            case Promotion() if predicate.release not in self.releases:
                self._promote(predicate, at)
            case Rejection() | Revocation() if predicate.release in self.releases:
                release = self.releases[predicate.release]
                if predicate.digest == release.digest:
                    state: State = "rejected" if isinstance(predicate, Rejection) else "revoked"
                    release.history.append(Step(state, at, predicate.person, predicate.reason))
            case Bundle():
                if (run := self.runs.get(predicate.run_id)) is not None:
                    self._seal(run, predicate, at, entry.number)
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
        release.approvals = self.register.approvals_for(release.name, release.digest, "run")
        counting = [approval for approval in release.approvals if approval.counts]
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
    return register.ends_at if register.rules_of_then else register.moment


def _move(release: ReleaseRecord, step: Step) -> None:
    """Forward only: a second run of a released version does not take it back."""
    current = release.state
    if current in _ORDER and _ORDER[step.state] > _ORDER[current]:
        release.history.append(step)
