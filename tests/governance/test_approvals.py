from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from governed_kernel.errors import NotApproved, SignatureRefused, UsageError
from governed_kernel.governance import approvals, people
from governed_kernel.governance.register import Register
from governed_kernel.lineage.attestations import Rejection, Revocation
from governed_kernel.lineage.events import Decided
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.people import DIGEST, OTHER, RELEASE, counting, passphrase, promote


def approve(workspace: Workspace, person: str, **changes: Any) -> None:
    facts: dict[str, Any] = {"meaning": "reviewed", "digest": DIGEST}
    secret = changes.pop("passphrase", passphrase(person))
    approvals.approve(workspace, RELEASE, "run", person, secret, **{**facts, **changes})


@pytest.mark.parametrize(
    ("person", "why"),
    [
        ("sam", "is the author of the release"),
        ("olga", "it takes the role reviewer or domain-expert; olga had operator"),
        ("ada", "ada had administrator"),
    ],
)
def test_an_approval_that_would_not_count_is_refused_and_on_record(
    workspace: Workspace, person: str, why: str
) -> None:
    promote(workspace)
    with pytest.raises(NotApproved, match=why):
        approve(workspace, person)
    denied = Ledger(workspace).events()[-1]
    assert isinstance(denied, Decided)
    assert (denied.person, denied.action, denied.resource, denied.outcome, denied.purpose) == (
        person,
        "approve",
        RELEASE,
        "denied",
        "run",
    )
    assert why in denied.reason


def test_a_second_approval_by_the_same_person_is_refused(workspace: Workspace) -> None:
    promote(workspace)
    approve(workspace, "rita")
    with pytest.raises(NotApproved, match="approved it already"):
        approve(workspace, "rita", meaning="approved")


def test_two_approvals_at_the_same_moment_by_one_person_leave_one(workspace: Workspace) -> None:
    promote(workspace)

    def attempt(_: int) -> bool:
        try:
            approve(workspace, "rita")
        except NotApproved:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [False, False, False, True]
    assert counting(workspace) == ["rita"]


def test_a_revoked_key_is_refused_by_name(workspace: Workspace) -> None:
    promote(workspace)
    people.revoke_key(workspace, "ada", passphrase("ada"), name="rita", reason="stolen")
    with pytest.raises(SignatureRefused, match=r"revoked\n(.|\n)*stolen"):
        approve(workspace, "rita")


def test_a_stranger_and_a_wrong_passphrase_are_refused_and_on_record(
    workspace: Workspace,
) -> None:
    promote(workspace)
    for person, secret in (("mallory", passphrase("mallory")), ("rita", b"something else")):
        with pytest.raises(SignatureRefused):
            approve(workspace, person, passphrase=secret)
        denied = Ledger(workspace).events()[-1]
        assert isinstance(denied, Decided)
        assert denied.person == person


def test_what_is_not_what_was_promoted_is_not_approved(workspace: Workspace) -> None:
    promote(workspace)
    with pytest.raises(NotApproved, match="not what was promoted"):
        approve(workspace, "rita", digest=OTHER)


@pytest.mark.parametrize(
    "changes",
    [{"meaning": "glanced at"}, {"run_id": "run-1"}, {"comment": "x" * 20_001}],
    ids=["meaning", "run", "a comment that is a book"],
)
def test_an_approval_without_sense_is_wrong_use(
    workspace: Workspace, changes: dict[str, Any]
) -> None:
    promote(workspace)
    with pytest.raises(UsageError):
        approve(workspace, "rita", **changes)


def test_a_rejected_release_can_not_be_approved_any_more(workspace: Workspace) -> None:
    promote(workspace)
    approvals.reject(
        workspace, RELEASE, "dora", passphrase("dora"), digest=DIGEST, reason="no holdout"
    )
    said = Register.read(workspace).entries[-1]
    assert said.valid
    assert isinstance(said.predicate, Rejection)
    with pytest.raises(NotApproved, match="no holdout"):
        approve(workspace, "rita")


def test_an_operator_may_revoke_and_not_reject(workspace: Workspace) -> None:
    promote(workspace)
    with pytest.raises(SignatureRefused, match="may not sign a rejection") as refused:
        approvals.reject(workspace, RELEASE, "olga", passphrase("olga"), digest=DIGEST, reason="no")
    assert "'governed policy explain ACTION RELEASE --as NAME' says" in refused.value.next, (
        "not one that may not"
    )
    entry = approvals.revoke(
        workspace, RELEASE, "olga", passphrase("olga"), digest=DIGEST, reason="drift"
    )
    assert isinstance(entry.predicate, Revocation)


def test_a_promotion_of_a_name_that_leads_elsewhere_does_not_count(workspace: Workspace) -> None:
    """Who signs with a program of their own can write any; no audit stumbles over it."""
    for name in ("../../evil@1", "triage", "triage@1\n", "Triage@1", ".@1"):
        with pytest.raises(SignatureRefused):
            promote(workspace, release=name)
    register = Register.read(workspace)
    assert not register.promotions


def test_a_rejection_without_a_reason_is_wrong_use(workspace: Workspace) -> None:
    promote(workspace)
    with pytest.raises(UsageError, match="reason is missing"):
        approvals.reject(workspace, RELEASE, "rita", passphrase("rita"), digest=DIGEST, reason=" ")
