"""What takes something out of use goes by the adopted rules, whatever lies in the workspace now."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from governed_kernel.errors import ConfigurationError, NotApproved, PolicyDenied, SignatureRefused
from governed_kernel.governance import approvals, genesis, policy
from governed_kernel.governance.register import Register
from governed_kernel.governance.rules import ADOPTED_DECIDE
from governed_kernel.lineage.attestations import Rejection, Revocation
from governed_kernel.lineage.events import Decided
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.release import recall
from governed_kernel.workspace import CONFIGURATION_FILE, Workspace
from tests.governance.people import DIGEST, RELEASE, make_workspace, passphrase, promote
from tests.governance.records import register, write_records

NOBODY_REVOKES = '@id("never") @reason("no") forbid (principal, action, resource);'


def edited(workspace: Workspace) -> None:
    path = workspace.root / CONFIGURATION_FILE
    path.write_text(path.read_text().replace("required = 2", "required = 1"))


def broken(workspace: Workspace) -> None:
    (workspace.root / CONFIGURATION_FILE).write_text("[workspace\n")


def altered(workspace: Workspace) -> None:
    (workspace.policies / "acting.cedar").write_text("permit (")


def added(workspace: Workspace) -> None:
    (workspace.policies / "more.cedar").write_text(NOBODY_REVOKES)


def removed(workspace: Workspace) -> None:
    for path in workspace.policies.glob("*.cedar"):
        path.unlink()


def everything(workspace: Workspace) -> None:
    broken(workspace)
    removed(workspace)
    added(workspace)


EDITS = [edited, broken, altered, added, removed, everything]
Edit = Callable[[Workspace], None]


def decided(workspace: Workspace) -> list[Decided]:
    events = [record.event for record in Ledger(workspace).records()]
    return [event for event in events if isinstance(event, Decided)]


def revoke(workspace: Workspace, person: str = "rita") -> None:
    approvals.revoke(
        Workspace(workspace.root), RELEASE, person, passphrase(person), digest=DIGEST, reason="bad"
    )


@pytest.fixture
def promoted(workspace: Workspace) -> Workspace:
    promote(workspace)
    return workspace


@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_stops_a_revocation(promoted: Workspace, edit: Edit) -> None:
    edit(promoted)
    revoke(promoted)
    last = Register.read(promoted).entries[-1]
    assert last.valid
    assert isinstance(last.predicate, Revocation)
    *_, said = decided(promoted)
    assert (said.outcome, said.policies, said.reason) == ("allowed", ["say-no"], ADOPTED_DECIDE)


def test_nor_a_rejection_nor_a_recall(promoted: Workspace) -> None:
    register(promoted, write_records(promoted.root / "biopsies.csv"))
    everything(promoted)
    there = Workspace(promoted.root)
    said = {"digest": DIGEST, "reason": "bad"}
    approvals.reject(there, RELEASE, "rita", passphrase("rita"), **said)
    name = "biopsies@1"
    assert Register.read(there).version(name).state == "approved"
    recall.withdraw(there, name, "ada", passphrase("ada"), "consent withdrawn")
    after = Register.read(there)
    assert any(isinstance(entry.predicate, Rejection) and entry.valid for entry in after.entries)
    assert after.version(name).state == "withdrawn"


@pytest.mark.parametrize("edit", EDITS)
def test_every_other_gate_goes_on_refusing(promoted: Workspace, edit: Edit) -> None:
    edit(promoted)
    with pytest.raises((NotApproved, ConfigurationError)):
        approvals.approve(
            Workspace(promoted.root),
            RELEASE,
            "run",
            "rita",
            passphrase("rita"),
            meaning="reviewed",
            digest=DIGEST,
        )


def test_the_adopted_rules_do_decide(promoted: Workspace) -> None:
    (promoted.policies / "more.cedar").write_text(NOBODY_REVOKES)
    policy.adopt(promoted, "ada", passphrase("ada"), policy.to_adopt(promoted))
    (promoted.policies / "more.cedar").unlink()  # to get round it
    with pytest.raises(PolicyDenied, match="policy does not let rita revoke"):
        revoke(promoted)
    assert decided(promoted)[-1].policies == ["never"]


def test_nobody_without_the_role_says_no_by_them(promoted: Workspace) -> None:
    everything(promoted)
    with pytest.raises(SignatureRefused, match="may not sign a rejection"):
        approvals.reject(
            Workspace(promoted.root), RELEASE, "olga", passphrase("olga"), digest=DIGEST, reason="b"
        )


def test_where_rules_are_as_adopted_nothing_is_said_of_it(promoted: Workspace) -> None:
    revoke(promoted)
    assert decided(promoted)[-1].reason == ""


@pytest.fixture
def older(
    home: object,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Workspace:
    """A workspace from before statements carried the policies."""
    with monkeypatch.context() as before:
        before.setattr(genesis, "policy_texts", lambda _: {})
        before.setattr(policy, "policy_texts", lambda _: {})
        workspace = make_workspace(tmp_path_factory.mktemp("older"))
    promote(workspace)
    assert Register.read(workspace).policy_texts == {}
    return workspace


@pytest.mark.parametrize("edit", [edited, broken, added])
def test_policies_that_nobody_kept_are_taken_from_their_unaltered_files(
    older: Workspace, edit: Edit
) -> None:
    edit(older)
    revoke(older)


@pytest.mark.parametrize("edit", [altered, removed])
def test_what_nobody_kept_can_not_decide(older: Workspace, edit: Edit) -> None:
    edit(older)
    with pytest.raises(NotApproved, match="nobody kept what it said"):
        revoke(older)
    assert decided(older)[-1].outcome == "denied"


def test_a_statement_carries_the_policies_that_it_adopts(
    promoted: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "policy_texts", lambda _: {"acting.cedar": "permit (…"})
    with pytest.raises(SignatureRefused, match="policies that it carries are not those"):
        policy.adopt(promoted, "ada", passphrase("ada"), policy.to_adopt(promoted))


def test_policies_that_are_no_text_are_not_carried(promoted: Workspace) -> None:
    (promoted.policies / "latin.cedar").write_bytes(b"// caf\xe9\n")
    policy.adopt(promoted, "ada", passphrase("ada"), policy.to_adopt(promoted))
    assert Register.read(promoted).policy_texts == {}


def test_policies_that_no_statement_could_carry_are_adopted_without(promoted: Workspace) -> None:
    long = "\n".join(f"// {number:060}" for number in range(20_000))
    (promoted.policies / "long.cedar").write_text(long)
    policy.adopt(promoted, "ada", passphrase("ada"), policy.to_adopt(promoted))
    assert Register.read(promoted).policy_texts == {}
    edited(promoted)
    revoke(promoted)
