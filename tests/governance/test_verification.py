"""What is signed by the right person with another program than ours, and must not count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from governed_kernel.audit.clocks import TOLERANCE, clocks_ahead
from governed_kernel.audit.entries import check_signatures
from governed_kernel.governance.register import Register
from governed_kernel.governance.verification import Entry
from governed_kernel.lineage.attestations import KeyRevoked, RiskAcceptance, RoleWithdrawn
from governed_kernel.lineage.events import now
from governed_kernel.workspace import Workspace
from tests.governance.by_hand import an_approval, append_by_hand
from tests.governance.people import DIGEST, RELEASE, counting, promote


def an_acceptance(**changes: Any) -> RiskAcceptance:
    facts: dict[str, Any] = {
        "person": "rita", "printed_name": "Rita", "meaning": "accepted", "release": RELEASE,
        "digest": DIGEST, "run_id": "run-1", "validation_run": "validation-1", "suite": "triage",
        "case_id": "calibration", "value": 0.2, "threshold": 0.1, "reason": "rare",
        "control": "a second reader", "expires_at": now() + timedelta(days=30),
    }  # fmt: skip
    return RiskAcceptance(**{**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"expires_at": now() + timedelta(days=36_500)}, "for 366 days at most"),
        ({"expires_at": now().replace(tzinfo=None)}, "timezone"),
        ({"signed_at": now().replace(tzinfo=None)}, "timezone"),
        ({"reason": " "}, "without a reason and a control"),
        ({"control": ""}, "without a reason and a control"),
        ({}, ""),
    ],
)
def test_a_risk_is_taken_by_a_day_for_a_reason_whatever_program_signs(
    workspace: Workspace, changes: dict[str, Any], reason: str
) -> None:
    promote(workspace)
    append_by_hand(workspace, an_acceptance(**changes), signer="rita")
    entry = Register.read(workspace).entries[-1]
    assert entry.valid is not bool(reason)
    assert reason in entry.reason


def test_a_ledger_that_says_it_is_of_a_time_to_come_makes_no_acceptance_longer(
    workspace: Workspace,
) -> None:
    promote(workspace)
    far = now() + timedelta(days=36_500)
    said = an_acceptance(signed_at=far, expires_at=far + timedelta(days=300))
    append_by_hand(workspace, said, signer="rita", occurred_at=far)
    assert "for 366 days at most" in Register.read(workspace).entries[-1].reason


def test_a_key_ends_when_the_ledger_says_so_though_the_clock_of_who_revoked_it_was_ahead(
    workspace: Workspace,
) -> None:
    ahead = now() + timedelta(days=400)
    rita = Register.read(workspace).person("rita").valid_key
    assert rita is not None
    said = KeyRevoked(
        person="ada", printed_name="Ada Lovelace", subject_person="rita", key_id=rita.key_id,
        reason="lost", signed_at=ahead,
    )  # fmt: skip
    append_by_hand(workspace, said, signer="ada")
    key = Register.read(workspace).person("rita").key(rita.key_id)
    assert key is not None
    assert key.revoked_at is not None
    assert key.revoked_at <= now()


def test_an_approval_without_a_time_zone_counts_for_nothing_and_stops_nobody(
    workspace: Workspace,
) -> None:
    promote(workspace)
    said = an_approval("rita", signed_at=now().replace(tzinfo=None))
    append_by_hand(workspace, said, signer="rita")
    assert counting(workspace) == []
    append_by_hand(workspace, an_approval("rita"), signer="rita")
    assert counting(workspace) == ["rita"]


def doubts(workspace: Workspace) -> dict[str, str]:
    checks = check_signatures(Register.read(workspace))
    return {check.subject: check.detail for check in checks if check.outcome != "ok"}


def test_a_signature_that_is_dated_after_now_counts_and_is_a_doubt(workspace: Workspace) -> None:
    promote(workspace)
    far = now() + timedelta(days=3, hours=2, minutes=1)
    append_by_hand(workspace, an_approval("rita", signed_at=far), signer="rita", occurred_at=far)
    append_by_hand(workspace, an_approval("dora"), signer="dora")
    entries = Register.read(workspace).entries
    assert all(entry.valid for entry in entries)
    ((subject, said),) = doubts(workspace).items()
    assert subject == f"record {entries[-2].number}: Approval"
    assert said.startswith(f"Rita signed it, dated {far:%Y-%m-%d %H:%M} UTC, 3 days 2 h ")
    assert "ahead of now: a clock was wrong" in said


def test_a_signature_that_is_dated_after_the_next_one_is_a_doubt(workspace: Workspace) -> None:
    promote(workspace)
    before = now() - timedelta(hours=1)
    append_by_hand(workspace, an_approval("rita"), signer="rita")
    late = an_approval("dora", signed_at=before)
    append_by_hand(workspace, late, signer="dora", occurred_at=before)
    ahead, back = Register.read(workspace).entries[-2:]
    found = doubts(workspace)
    said = found[f"record {ahead.number}: Approval"]
    assert f" 1 h ahead of record {back.number}, which follows it: one of the two" in said
    assert f"record {back.number}: Approval" not in found


def test_every_record_of_a_clock_that_was_ahead_is_named_by_how_much() -> None:
    present = now()
    days = [-12.0, -1, -2, -1.95, -10, -9.9]
    times = [present + timedelta(days=each) for each in days]
    entries = [
        Entry(number, time, an_approval("rita", signed_at=time), "key", True, "", {})
        for number, time in enumerate(times, 1)
    ]
    found = clocks_ahead(entries, present)
    assert list(found) == [4, 3, 2]
    for number, span in {2: "9 days", 3: "8 days", 4: "8 days 1 h"}.items():
        assert f" {span} ahead of record 5, which follows it" in found[number]
    assert " 10 days 1 h ahead of now" in clocks_ahead(entries[:4], times[0])[4]


def test_clocks_that_differ_by_minutes_are_no_doubt(workspace: Workspace) -> None:
    promote(workspace)
    soon = now() + TOLERANCE - timedelta(minutes=1)
    append_by_hand(workspace, an_approval("rita", signed_at=soon), signer="rita", occurred_at=soon)
    append_by_hand(workspace, an_approval("dora"), signer="dora")
    assert doubts(workspace) == {}


def test_a_signature_from_a_clock_that_is_ahead_ends_nobody_else_s(workspace: Workspace) -> None:
    """By the ledger's order: approvals before and after it count, roles and keys stay."""
    promote(workspace)
    append_by_hand(workspace, an_approval("rita"), signer="rita")
    far = now() + timedelta(days=4000)
    revoked = RoleWithdrawn(
        person="ada", printed_name="Ada Lovelace", subject_person="sam", role="data-scientist",
        reason="left", signed_at=far,
    )  # fmt: skip
    append_by_hand(workspace, revoked, signer="ada", occurred_at=far)
    append_by_hand(workspace, an_approval("dora"), signer="dora")
    assert counting(workspace) == ["rita", "dora"]
    assert "reviewer" in Register.read(workspace).person("sam").roles
