"""A suite that says no, and ``governed release accept-risk``: one named case, until a day."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from governed_kernel.errors import IntegrityBroken, NotApproved, UnknownName, UsageError
from governed_kernel.governance import keys
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.signing import attest
from governed_kernel.lineage.attestations import Promotion, RiskAcceptance
from governed_kernel.release import acceptance, bundle
from governed_kernel.release.evaluations import evaluation, evaluations
from governed_kernel.release.projection import refresh
from governed_kernel.release.registry import Registry
from tests.loop.crafted import secret
from tests.loop.place import Place
from tests.loop.refusal import explains
from tests.loop.stages import Stages

pytestmark = pytest.mark.slow

SAID = ("--reason", "the cake is for us", "--control", "a cook tastes every berry")


@dataclasses.dataclass(frozen=True)
class Failing:
    place: Place
    run: str
    cases: list[str]

    def copy(self, folder: Path) -> Failing:
        return dataclasses.replace(self, place=self.place.copy(folder))

    def accept(self, case: str, by: str = "mara", until: str = "", *more: str) -> str:
        day = until or f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
        return f"release accept-risk sour {case} --until {day} {{{by}}}"


@pytest.fixture(scope="module")
def failing(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Failing:
    """Too few steps with a tiny step size: nothing was learnt, and the suite finds out."""
    place = stages.approved.copy(tmp_path_factory.mktemp("failing"))
    facts = place.done("run sour --as otto -p steps 100 -p learning_rate 0.01 --json").facts
    done = place.governed(f"validate {facts['run']} --as otto --json")
    explains(done, 1, "berries did not pass", "not passed: ")
    (said,) = place.events("ValidationRecorded")
    cases = [case.case_id for case in said.cases if case.outcome != "passed" and case.blocking]
    return Failing(place, facts["run"], cases)


def test_a_suite_that_says_no_stops_the_way(failing: Failing) -> None:
    place = failing.place
    assert place.release()["state"] == "executed"
    approval = place.here("approve sour --for deployment --meaning approved {mara}")
    explains(approval, 3, "its validation did not pass: ", "accept-risk")
    explains(place.here(f"release build {failing.run} --as otto"), 3, "its validation did not")
    assert not list(place.workspace.bundles.glob("*"))


def test_the_evidence_is_told_with_what_failed_first(failing: Failing, tmp_path: Path) -> None:
    place = failing.copy(tmp_path).place
    with place.inside():
        (row,) = evaluations(Registry.read(place.workspace))
        assert (row["run"], row["passed"], row["counts"]) == (failing.run, False, True)
        assert row["failed"] >= len(failing.cases)
        place.done_here(failing.accept(failing.cases[0]), *SAID)
        registry = Registry.read(place.workspace)
        found = evaluation(place.workspace, registry, row["validation"])
        (told,) = found["evidence"]
        outcomes = [case["outcome"] for case in told["cases"]]
        assert outcomes == sorted(outcomes, key=lambda outcome: outcome == "passed")
        assert outcomes[0] == "failed"
        assert sum(map(sum, told["confusion"])) == told["records"]
        assert sum(part["records"] for part in told["calibration"]) == told["records"]
        (risk,) = found["risks"]
        assert (risk["case"], risk["state"]) == (failing.cases[0], "valid")
        with pytest.raises(UnknownName, match="no validation run-x"):
            evaluation(place.workspace, registry, "run-x")
        run = place.workspace.runs / row["validation"] / "output" / "evidence" / "berries.json"
        run.chmod(0o644)
        run.write_text(run.read_text().replace("failed", "passed"))
        with pytest.raises(IntegrityBroken, match="is not the evidence"):
            evaluation(place.workspace, registry, row["validation"])


def test_accepted_risks_let_exactly_their_cases_pass_and_go_into_the_bundle(
    failing: Failing, tmp_path: Path
) -> None:
    failing = failing.copy(tmp_path)
    place = failing.place
    for number, case in enumerate(failing.cases):
        assert place.release()["state"] == "executed", f"{number} of {failing.cases} are enough"
        place.done_here(failing.accept(case), *SAID)
    assert place.release()["state"] == "validated"
    shown = place.done_here("approve sour --for deployment --meaning approved {mara}").err
    assert f"{failing.cases[0]} may fail until" in shown
    assert "a cook tastes every berry" in shown
    place.done_here("deploy sour --env preprod {otto}")
    (folder,) = place.workspace.bundles.iterdir()
    assert bundle.verify(folder).run_id == failing.run
    assert len(list((folder / "risk_acceptances").iterdir())) == len(failing.cases)
    assert "a cook tastes every berry" in (folder / "README.md").read_text()
    with place.inside(), refresh(place.workspace).read() as store:
        rows = store.execute("select case_id, person, state from risk_acceptances").fetchall()
    assert sorted(rows) == sorted((case, "mara", "valid") for case in failing.cases)

    assert "which has passed" not in place.done_here("release show sour").out
    # a month later nothing of it may go live again, and whoever looks is told why
    with pytest.MonkeyPatch.context() as patch:
        later = datetime.now(UTC) + timedelta(days=31)
        patch.setattr("governed_kernel.governance.register.now", lambda: later)
        done = place.here("deploy sour --env production {otto}")
        explains(done, 3, "its validation did not pass", "is expired")
        shown = place.done_here("release show sour").out
    history, _, risks = " ".join(shown.split()).partition(" risks ")
    day = f"until {datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}, which has passed"
    assert history.count(f"passed but for {failing.cases[-1]}, accepted {day}") == 1
    assert risks.count(f"{day}, state expired") == len(failing.cases)
    # and a signature stops counting with its key
    place.done_here("people revoke-key mara --reason 'laptop stolen' {ada}")
    done = place.here("deploy sour --env production {otto}")
    explains(done, 3, "its validation did not pass", "is withdrawn")


def test_the_risk_of_another_release_s_run_is_refused_before_anybody_signs(
    failing: Failing, tmp_path: Path
) -> None:
    """It would be signed, and let nothing pass."""
    place = failing.copy(tmp_path).place
    with place.inside():
        attest(
            place.workspace, "dora", secret(place, "dora"), _another_release,
            action="promote", resource="other@1",
        )  # fmt: skip
    command = failing.accept(failing.cases[0]).replace(" sour ", " other ")
    asked = f"{command} --run {failing.run}"
    done = place.here(asked.replace("{mara}", "--as mara"), *SAID)  # nobody gives a passphrase
    explains(done, 2, f"{failing.run} is no run of other@1", "it is one of sour@1")
    with place.inside(), pytest.raises(UsageError, match="is no run of other@1"):
        acceptance.accept(
            place.workspace, "other@1", failing.cases[0], "mara", secret(place, "mara"),
            until=f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}", reason="r", control="c",
            run_id=failing.run,
        )  # fmt: skip
    assert place.events("RiskAcceptance") == []


def _another_release(_: Register, who: Person) -> Promotion:
    return Promotion(
        person=who.name,
        printed_name=who.printed_name,
        release="other@1",
        digest="ab" * 32,
        notebook="research/sour.ipynb",
        session_id="20261121T000000-00000000",
        risk_class="minimal",
    )


def test_an_acceptance_after_the_approval_takes_another_approval(
    failing: Failing, tmp_path: Path
) -> None:
    failing = failing.copy(tmp_path)
    place = failing.place
    for case in failing.cases:
        place.done_here(failing.accept(case), *SAID)
    place.done_here("approve sour --for deployment --meaning approved {mara}")
    place.done_here(failing.accept(failing.cases[0]), "--reason", "other", "--control", "none")
    explains(place.here("deploy sour --env preprod {otto}"), 3, "0 of 1 approvals", "digest")


@pytest.mark.parametrize(
    ("by", "case", "until", "code", "why"),
    [
        ("dora", "", "", 3, "nobody judges their own work"),
        ("rui", "", "", 3, "no policy permits it"),
        ("otto", "", "", 3, "role"),
        ("mara", "deep-blue", "", 2, "no case that keeps"),
        ("mara", "records", "", 2, "no case that keeps"),
        ("mara", "", "2020-01-01", 2, "must end, in the future"),
        ("mara", "", "2999-01-01", 2, "within 366 days"),
        ("mara", "", "soon", 2, "is no date"),
    ],
)
def test_who_and_what_can_not_be_is_refused(
    failing: Failing, by: str, case: str, until: str, code: int, why: str
) -> None:
    done = failing.place.here(failing.accept(case or failing.cases[0], by, until), *SAID)
    explains(done, code, why)


def test_nobody_is_announced_or_asked_for_a_secret_where_the_day_is_none(failing: Failing) -> None:
    done = failing.place.here(failing.accept(failing.cases[0], "mara", "soon"), *SAID)
    assert "mara accepts" not in done.err


def test_what_was_accepted_is_told_as_it_was_signed(failing: Failing, tmp_path: Path) -> None:
    mine = failing.copy(tmp_path)
    accepted = mine.accept(mine.cases[0])
    for _ in range(2):
        said = mine.place.done_here(f"{accepted} --json", *SAID).facts
        assert said["workspace_id"] == Register.read(mine.place.workspace).workspace_id
    later = datetime.now(UTC) + timedelta(days=40)
    run = Registry.read(mine.place.workspace).run(mine.run)
    expired = dataclasses.replace(run, moment=later)
    with pytest.raises(NotApproved) as refused:
        expired.evidence()
    assert refused.value.why.count(f"the acceptance of {mine.cases[0]} is expired") == 1


def test_what_an_author_signs_with_another_program_does_not_count(
    failing: Failing, tmp_path: Path
) -> None:
    place = failing.copy(tmp_path).place
    with place.inside():
        place.done_here("people grant dora --role model-risk {ada}")
        record = Registry.read(place.workspace).release("sour")
        (found,) = record.runs[0].validations
        said = RiskAcceptance(
            person="dora",
            printed_name="Dora",
            release=record.name,
            digest=record.digest,
            run_id=failing.run,
            validation_run=found.validation_run,
            suite=found.suite,
            case_id=failing.cases[0],
            value=0.0,
            threshold=1.0,
            reason="mine",
            control="none",
            expires_at=datetime.now(UTC) + timedelta(days=9),
        )
        with pytest.raises(Exception, match="judge"):
            attest(
                place.workspace, "dora", secret(place, "dora"), lambda *_: said,
                action="accept-risk", resource="sour@1",
            )  # fmt: skip
        from governed_kernel.governance import envelopes
        from governed_kernel.governance.register import Register
        from governed_kernel.lineage.events import Attested
        from governed_kernel.lineage.ledger import Ledger

        workspace_id = Register.read(place.workspace).workspace_id
        import msgspec

        bound = msgspec.structs.replace(said, workspace_id=workspace_id)
        signer = keys.unlock("dora", secret(place, "dora"))
        Ledger(place.workspace).append(Attested(envelope=envelopes.sign(bound, signer)))
        entry = Register.read(place.workspace).entries[-1]
        assert not entry.valid
        assert "judges no own work" in entry.reason
        assert Registry.read(place.workspace).run(failing.run).acceptances == []
