"""Who is still missing among the signers: held against trying every way."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from governed_kernel.configuration import (
    ApprovalRule,
    Approvals,
    Configuration,
    MoreApprovals,
    RiskClass,
    Role,
    WorkspaceSettings,
)
from governed_kernel.governance.counting import CountedApproval, unmet

ROLES: tuple[Role, ...] = ("reviewer", "security", "legal", "model-risk")
roles = st.lists(st.sampled_from(ROLES), unique=True, max_size=3).map(tuple)


def signed(held: tuple[str, ...]) -> CountedApproval:
    return CountedApproval(
        number=1, release="x@1", run_id="", purpose="run", person="p", printed_name="P",
        role=held[0] if held else "", meaning="reviewed", digest="", counts=True, reason="",
        signed_at=datetime(2026, 1, 1, tzinfo=UTC), key_id="", evidence=(), comment="",
        envelope={}, held=held,
    )  # fmt: skip


@given(each=roles, required=st.integers(1, 4), held=st.lists(roles, max_size=4))
def test_a_rule_is_met_if_and_only_if_people_can_be_told_apart_by_its_roles(
    each: tuple[Role, ...], required: int, held: list[tuple[str, ...]]
) -> None:
    rule = ApprovalRule(required=required, roles=ROLES, each=each)
    possible = len(held) >= required and any(
        all(role in has for role, has in zip(each, order, strict=False))
        for order in permutations(held)
        if len(order) >= len(each)
    )
    assert (unmet(rule, [signed(has) for has in held]) == "") == possible


@given(general=st.integers(1, 4), more=st.integers(0, 4), always=roles, further=roles)
def test_a_risk_class_only_ever_asks_for_more(
    general: int, more: int, always: tuple[Role, ...], further: tuple[Role, ...]
) -> None:
    settings = Configuration(
        workspace=WorkspaceSettings(name="x"),
        approvals=Approvals(run=ApprovalRule(required=general, each=always)),
        risk_classes={"high": RiskClass(run=MoreApprovals(required=more, each=further))},
    )
    rules = settings.release_rules
    rule, usual = rules.rule("run", "high"), rules.rule("run", "unknown")
    assert usual == settings.approvals.run
    assert rule.required >= max(general, more, len({*always, *further}))
    assert {*rule.each} == {*always, *further}
    assert {*rule.roles} >= {*usual.roles}


def test_settings_of_before_there_were_risk_classes_have_the_digest_they_had() -> None:
    plain = Configuration(workspace=WorkspaceSettings(name="x"))
    assert plain.policy_digest() == (
        "972dfc7959a83d016680a76c438ac304d79614a289396ecb91e1e2c6304bf671"
    )
