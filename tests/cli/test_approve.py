from __future__ import annotations

import pytest

from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import record
from governed_kernel.lineage.events import (
    Artifact,
    FileDigest,
    RunEnded,
    RunStarted,
    ValidationRecorded,
)
from governed_kernel.release.registry import Registry
from governed_kernel.workspace import Workspace
from tests.cli.commands import Command
from tests.governance.people import DIGEST, OTHER, RELEASE, promote


@pytest.fixture(autouse=True)
def candidate(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    promote(workspace)
    monkeypatch.chdir(workspace.root)


def record_run(workspace: Workspace, run_id: str, passed: bool = True) -> None:
    """A run and its validation, as the worker records them."""
    record(
        workspace,
        RunStarted(
            run_id=run_id,
            release=RELEASE,
            digest=DIGEST,
            kind="release",
            person="olga",
            parameters={"epochs": 3},
            environment=OTHER,
        ),
        RunEnded(
            run_id=run_id,
            state="succeeded",
            artifacts=[Artifact("adapter", f"file:///runs/{run_id}/adapter", OTHER, 9, "adapter")],
        ),
        ValidationRecorded(
            run_id=run_id,
            validation_run=f"{run_id}-validation",
            suite="biopsy",
            suite_sha256=OTHER,
            passed=passed,
            cases=[],
            evidence=[FileDigest("results.json", DIGEST, 7)],
            person="olga",
        ),
    )


def test_two_people_approve_a_run_and_are_shown_what_they_sign(
    governed: Command, workspace: Workspace
) -> None:
    first = governed("approve", RELEASE, "--for", "run", *governed.signed("rita"), "--json")
    assert first.code == 0, first.err
    assert (first.facts["approvals"], first.facts["required"]) == (1, 2)
    for shown in ("Rita signs: reviewed", RELEASE, DIGEST, "by sam"):
        assert shown in first.err
    second = governed("approve", "triage", "--meaning", "approved", *governed.signed("dora"))
    assert second.code == 0, second.err
    assert Registry.read(workspace).release(RELEASE).state == "approved"


@pytest.mark.parametrize(("person", "why"), [("sam", "author"), ("olga", "it takes the role")])
def test_who_does_not_count_is_refused_with_exit_code_3(
    governed: Command, person: str, why: str
) -> None:
    done = governed("approve", RELEASE, *governed.signed(person))
    assert done.code == 3
    assert why in done.err


def test_an_approval_for_deployment_binds_the_run_and_its_evidence(
    governed: Command, workspace: Workspace
) -> None:
    assert governed("approve", RELEASE, "--for", "deployment", "--as", "rita").code == 3
    record_run(workspace, "run-1")
    record_run(workspace, "run-2")
    done = governed("approve", RELEASE, "--for", "deployment", *governed.signed("rita"), "--json")
    assert done.code == 0, done.err
    assert done.facts["run"] == "run-2"
    assert "evaluation/results.json" in done.err
    digest, evidence = Registry.read(workspace).run("run-2").evidence()
    (given,) = Register.read(workspace).approvals_for(RELEASE, digest, "deployment", "run-2")
    assert given.counts
    assert list(given.evidence) == evidence


def test_a_run_that_failed_its_validation_is_not_approved(
    governed: Command, workspace: Workspace
) -> None:
    record_run(workspace, "run-1", passed=False)
    arguments = ("approve", RELEASE, "--for", "deployment", *governed.signed("rita"))
    for more in ((), ("--run", "run-1"), ("--run", "run-9")):
        assert governed(*arguments, *more).code == 3


def test_a_release_is_rejected_with_a_reason(governed: Command, workspace: Workspace) -> None:
    assert governed("reject", RELEASE, *governed.signed("rita")).code == 2
    done = governed("reject", RELEASE, "--reason", "no holdout", *governed.signed("rita"))
    assert done.code == 0, done.err
    assert Registry.read(workspace).release(RELEASE).state == "rejected"
    assert governed("approve", RELEASE, *governed.signed("dora")).code == 3


def test_a_release_is_revoked(governed: Command, workspace: Workspace) -> None:
    done = governed("revoke", RELEASE, "--reason", "drift", *governed.signed("olga"), "--json")
    assert done.code == 0, done.err
    assert Registry.read(workspace).release(RELEASE).state == "revoked"


def test_an_unknown_release_is_wrong_use(governed: Command) -> None:
    assert governed("approve", "nothing@1", *governed.signed("rita")).code == 2
