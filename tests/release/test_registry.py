"""The state of a release: folded from the ledger, and never ahead of its gates."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import GovernedError
from governed_kernel.governance import approvals
from governed_kernel.governance import people as changes
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import attest, record, seal
from governed_kernel.lineage.attestations import Bundle, Deployment, KeyRevoked, Recall
from governed_kernel.lineage.events import (
    Artifact,
    CaseResult,
    Decided,
    FileDigest,
    RunEnded,
    RunStarted,
    ValidationRecorded,
    now,
)
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release import acceptance, gate, recall
from governed_kernel.release.registry import Registry, ReleaseRecord
from governed_kernel.workspace import Workspace
from tests.governance.by_hand import append_by_hand
from tests.governance.conftest import made_keys
from tests.governance.people import DIGEST, OTHER, RELEASE, make_workspace, passphrase, promote

__all__ = ["made_keys"]

RUN = "run-20260101T000000-00000001"


@pytest.fixture(scope="module")
def candidate(made_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace with people and one release, which Sam promoted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOVERNED_HOME", str(made_keys))
        workspace = make_workspace(tmp_path_factory.mktemp("registry") / "workspace")
        for name, role in (("rita", "model-risk"), ("sam", "model-risk"), ("ada", "legal")):
            changes.grant(workspace, "ada", passphrase("ada"), name=name, role=role)
        promote(workspace)
        yield workspace.root


class Story:
    """One workspace in which things happen in any order, and what really happened."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.approved: set[str] = set()
        self.happened: list[str] = []
        self.recalled = 0
        self.validator, self.layer = "olga", "functional"

    @property
    def release(self) -> ReleaseRecord:
        return Registry.read(self.workspace).release(RELEASE)

    def tell(self, step: str) -> None:
        """Try one step; what a gate refuses has not happened."""
        action, _, detail = step.partition(" ")
        do: Callable[[str], None] = getattr(self, action)
        try:
            do(detail)
        except GovernedError:
            return
        self.happened.append(step)

    def approve(self, person: str) -> None:
        approvals.approve(
            self.workspace, RELEASE, "run", person, passphrase(person),
            meaning="reviewed", digest=DIGEST,
        )  # fmt: skip
        self.approved.add(person)

    def start(self, kind: Any) -> None:
        self.add(
            RunStarted(
                run_id=RUN,
                release=RELEASE,
                digest=DIGEST if kind == "release" else OTHER,
                kind=kind,
                person="olga",
                parameters={},
                environment=OTHER,
            )
        )

    def end(self, state: Any) -> None:
        weights = Artifact("adapter", "file:///adapter", OTHER, 9, "weights")
        self.add(RunEnded(run_id=RUN, state=state, artifacts=[weights]))

    def validate(self, outcome: Any) -> None:
        self.add(
            ValidationRecorded(
                run_id=RUN,
                validation_run=f"validation-{len(self.happened)}",
                suite="triage",
                suite_sha256=OTHER,
                passed=outcome == "passed",
                cases=[CaseResult(self.layer, "sick ones", outcome, 0.5, 0.9, True)],
                required=["sick ones"],
                evidence=[FileDigest("evidence/triage.json", DIGEST, 7)],
                person=self.validator,
            )
        )

    def accept(self, person: str) -> None:
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
        acceptance.accept(
            self.workspace, RELEASE, "sick ones", person, passphrase(person),
            until=tomorrow, reason="seldom", control="a second reader",
        )  # fmt: skip

    def recall(self, person: str) -> None:
        """As `recall.recall` does, for a release whose files are not asked for."""
        self.recalled += 1
        called = f"recall-{self.recalled}"
        attest(
            self.workspace, person, passphrase(person),
            lambda _, who: Recall(
                person=who.name, printed_name=who.printed_name, meaning="recalled",
                recall=called, versions={"records@1": OTHER}, releases={RELEASE: DIGEST},
                reason="consent withdrawn",
            ),
            action="recall", resource="records@1",
        )  # fmt: skip

    def answer(self, said: str) -> None:
        decision, person = said.split()
        recall.answer(
            self.workspace, f"recall-{self.recalled}", RELEASE, person, passphrase(person),
            decision=decision, reason="looked at",  # type: ignore[arg-type]
        )  # fmt: skip

    def deploy(self, meaning: str) -> None:
        """An operator says so, past the gates: it must not count for what was never sealed."""
        attest(
            self.workspace, "olga", passphrase("olga"),
            lambda _, who: Deployment(
                person=who.name, printed_name=who.printed_name, meaning=meaning,
                environment="preprod", slot="default", release=RELEASE,
                bundle=f"{RELEASE}-{digest_bytes(b'manifest')[:12]}",
                sha256=digest_bytes(b"manifest"), reason=f"try {len(self.happened)}",
            ),
            action="deploy", resource=RELEASE,
        )  # fmt: skip

    def revoke_key(self, person: str) -> None:
        changes.revoke_key(
            self.workspace, "ada", passphrase("ada"), name=person, key_id="", reason="stolen"
        )

    def reject(self, person: str) -> None:
        approvals.reject(
            self.workspace, RELEASE, person, passphrase(person), digest=DIGEST, reason="no"
        )

    def approve_deployment(self, person: str) -> None:
        digest, evidence = self._run().evidence()
        approvals.approve(
            self.workspace, RELEASE, "deployment", person, passphrase(person),
            meaning="approved", digest=digest, evidence=evidence, run_id=RUN,
        )  # fmt: skip

    def seal(self, _: str) -> None:
        """As `bundle.build` does, without the files."""

        def statement(register: Register) -> Bundle:
            registry = Registry(register)
            gate.check_deployable(registry, registry.release(RELEASE), registry.run(RUN))
            return Bundle(
                person=SERVICE,
                printed_name=SERVICE_NAME,
                meaning="sealed",
                release=RELEASE,
                run_id=RUN,
                digest=digest_bytes(b"manifest"),
                requested_by="olga",
            )

        seal(self.workspace, statement, lambda _: None)

    def revoke(self, _: str) -> None:
        approvals.revoke(
            self.workspace, RELEASE, "rita", passphrase("rita"), digest=DIGEST, reason="no"
        )

    def add(self, event: Any) -> None:
        """Record what a run did, as the service does."""
        record(self.workspace, event)

    def _run(self) -> Any:
        return Registry.read(self.workspace).run(RUN)


STEPS = (
    *("approve sam", "approve rita", "approve dora", "start release", "start rerun"),
    *("end succeeded", "end failed", "validate passed", "validate failed"),
    *("accept sam", "accept rita", "recall ada", "answer continue rita", "answer stop rita"),
    *("approve_deployment rita", "approve_deployment sam", "seal", "revoke", "reject rita"),
    *("deploy deployed", "deploy rolled back", "revoke_key dora"),
)
WAY = (
    *("approve rita", "approve dora", "start release", "end succeeded", "validate passed"),
    *("approve_deployment rita", "seal"),
)
RISKY = (
    *("approve rita", "approve dora", "start release", "end succeeded", "validate failed"),
    *("accept rita", "approve_deployment rita", "seal", "deploy deployed"),
)


def disturbed(drawn: tuple[tuple[str, ...], list[tuple[int, str]]]) -> list[str]:
    """A way with other steps put into it."""
    steps = list(drawn[0])
    for at, step in drawn[1]:
        steps.insert(at, step)
    return steps


def told(candidate: Path, steps: list[str] | tuple[str, ...]) -> Story:
    root = Path(tempfile.mkdtemp(dir=candidate.parent)) / "workspace"
    shutil.copytree(candidate, root)
    story = Story(Workspace.open(root))
    for step in steps:
        story.tell(step)
    return story


@pytest.fixture
def home(made_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNED_HOME", str(made_keys))


@pytest.mark.usefixtures("home")
def test_the_whole_way_leads_to_released_state_by_state(candidate: Path) -> None:
    story = told(candidate, WAY)
    assert [step.state for step in story.release.history] == [
        *("candidate", "approved", "executed", "validated", "released")
    ]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("missing", WAY)
def test_without_any_one_step_nothing_is_released(candidate: Path, missing: str) -> None:
    story = told(candidate, [step for step in WAY if step != missing])
    assert story.release.state != "released"


def gates_were_passed(before: list[str]) -> bool:
    """What must have happened when a bundle is sealed; told from the steps, not by the registry."""
    run = ended = verdict = ""
    for step in before:
        action, _, detail = step.partition(" ")
        if action == "start":
            run = run or detail
        elif action == "end" and run:
            ended = ended or detail
        elif action == "validate" and ended:
            verdict = detail
        elif action == "accept" and verdict == "failed":
            verdict = "passed"
    needed = {"approve rita", "approve dora", "approve_deployment rita"}
    spoilt = {"revoke_key dora", "reject rita", "revoke", "answer stop rita"}
    recalls = before.count("recall ada") - before.count("answer continue rita")
    happened = set(before)
    return (
        (run, ended, verdict) == ("release", "succeeded", "passed")
        and needed <= happened
        and not spoilt & happened
        and not recalls
    )


@pytest.mark.usefixtures("home")
@settings(max_examples=60)
@given(
    steps=st.one_of(
        st.lists(st.sampled_from(STEPS), max_size=14),
        st.permutations(WAY),
        *(
            st.tuples(st.just(way), st.lists(st.tuples(st.integers(0, 9), st.sampled_from(STEPS)),
                                            max_size=5)).map(disturbed)
            for way in (WAY, RISKY)
        ),
    )
)  # fmt: skip
def test_no_order_of_events_reaches_released_without_its_gates(
    candidate: Path, steps: list[str]
) -> None:
    story = told(candidate, steps)
    state, happened = story.release.state, story.happened
    if "seal" in happened:
        assert gates_were_passed(happened[: happened.index("seal")]), happened
    if state == "released":
        assert "seal" in happened
    if {"revoke", "reject rita"} & set(happened):
        assert state in {"revoked", "rejected"}
    live = Registry.read(story.workspace).deployments
    deployed = [step.startswith("deploy") for step in happened]
    sealed_at = happened.index("seal") if "seal" in happened else len(happened)
    assert len(live) == sum(deployed[sealed_at:])
    assert all(one.live_to == two.live_from for one, two in pairwise(live))


@pytest.mark.usefixtures("home")
def test_a_risk_that_was_accepted_leads_to_released_and_a_recall_stops_it(candidate: Path) -> None:
    assert told(candidate, RISKY).release.state == "released"
    assert told(candidate, [step for step in RISKY if step != "accept rita"]).release.state != (
        "released"
    )
    stopped = told(candidate, [*RISKY[:-2], "recall ada", "seal", "answer stop rita", "seal"])
    assert "seal" not in stopped.happened
    assert stopped.release.state == "validated"


@pytest.mark.usefixtures("home")
def test_an_unsigned_record_of_a_time_to_come_ends_no_accepted_risk(candidate: Path) -> None:
    story = told(candidate, RISKY)
    ahead = datetime.now(UTC) + timedelta(days=70_000)
    Ledger(story.workspace).append(
        Decided(person="x", action="read", resource="y", outcome="denied", occurred_at=ahead)
    )
    (run,) = story.release.runs
    assert run.has_passed
    assert [item.state_at(run.moment) for item in run.acceptances] == ["valid"]


@pytest.mark.usefixtures("home")
def test_a_later_failure_takes_nothing_back(candidate: Path) -> None:
    story = told(candidate, [*WAY, "end failed", "validate failed"])
    assert story.release.state == "released"
    assert story.release.runs[0].state == "succeeded"  # the first report of an end stands


@pytest.mark.usefixtures("home")
def test_approvals_that_stop_counting_stop_what_has_not_happened_yet(candidate: Path) -> None:
    story = told(candidate, WAY[:-1])
    changes.revoke_key(
        story.workspace, "ada", passphrase("ada"), name="dora", key_id="", reason="stolen"
    )
    story.tell("seal")
    assert "seal" not in story.happened
    assert story.release.state == "validated"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("signed_at", [datetime(2001, 1, 1, tzinfo=UTC), None])
def test_a_key_that_is_revoked_later_takes_nothing_back_whatever_its_signer_s_clock_says(
    candidate: Path, signed_at: datetime | None
) -> None:
    story = told(candidate, RISKY)
    before = Registry.read(story.workspace)
    rita = before.register.person("rita")
    said = KeyRevoked(
        person="rita",
        printed_name=rita.printed_name,
        subject_person="rita",
        key_id=rita.keys[-1].key_id,
        reason="mine",
        signed_at=signed_at or now(),
    )
    append_by_hand(story.workspace, said, "rita")
    after = Registry.read(story.workspace)
    assert after.release(RELEASE).state == before.release(RELEASE).state == "released"
    assert after.run(RUN).bundle == before.run(RUN).bundle
    assert len(after.deployments) == len(before.deployments) > 0
    assert not after.run(RUN).has_passed  # nothing new rests on what she accepted
    assert [item.state_at(after.moment) for item in after.run(RUN).acceptances] == ["withdrawn"]


@pytest.mark.usefixtures("home")
def test_intervals_of_deployments_never_overlap(candidate: Path) -> None:
    story = told(candidate, WAY)
    for reason in ("first", "second"):
        attest(
            story.workspace,
            "olga",
            passphrase("olga"),
            lambda _, who, reason=reason: Deployment(  # type: ignore[misc]
                person=who.name,
                printed_name=who.printed_name,
                meaning="deployed",
                environment="preprod",
                slot="default",
                release=RELEASE,
                bundle=f"{RELEASE}-{digest_bytes(b'manifest')[:12]}",
                sha256=digest_bytes(b"manifest"),
                reason=reason,
            ),
            action="deploy",
            resource=RELEASE,
        )
    one, two = Registry.read(story.workspace).deployments
    assert one.live_to == two.live_from
    assert two.live_to is None
