"""Attacks on a ledger by somebody who can write to it, and on the rules by somebody inside."""

from __future__ import annotations

import base64
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.canonical import canonical_json
from governed_kernel.errors import NotApproved, SignatureRefused, UnknownName, UsageError
from governed_kernel.governance import approvals, envelopes, keys, people, policy
from governed_kernel.governance.register import Register
from governed_kernel.lineage.attestations import (
    Approval,
    PersonAdded,
    Promotion,
    RoleGranted,
)
from governed_kernel.lineage.events import Attested, now
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.by_hand import an_approval, append_by_hand, approve
from tests.governance.people import (
    DIGEST,
    OTHER,
    RELEASE,
    counting,
    make_workspace,
    passphrase,
    promote,
    reasons,
)


def test_two_reviewers_count_and_their_roles_are_named(workspace: Workspace) -> None:
    promote(workspace)
    approve(workspace, "rita")
    approve(workspace, "dora")
    given = Register.read(workspace).approvals_for(RELEASE, DIGEST, "run")
    assert [(it.person, it.role, it.counts, it.reason) for it in given] == [
        ("rita", "reviewer", True, ""),
        ("dora", "domain-expert", True, ""),
    ]
    assert Register.read(workspace).author_of(RELEASE) == "sam"


def test_an_approval_forged_with_a_self_made_key_does_not_count(workspace: Workspace) -> None:
    promote(workspace)
    append_by_hand(workspace, an_approval("rita"), signer="mallory")
    assert counting(workspace) == []
    assert "does not know the key" in reasons(workspace)[0]


def test_an_approval_by_a_stranger_does_not_count(workspace: Workspace) -> None:
    promote(workspace)
    append_by_hand(workspace, an_approval("mallory"), signer="mallory")
    assert counting(workspace) == []


def test_a_friend_added_by_somebody_who_is_no_administrator_stays_unknown(
    workspace: Workspace,
) -> None:
    promote(workspace)
    friend = PersonAdded(
        person="sam",
        printed_name="Sam",
        subject_person="mallory",
        subject_name="Mallory",
        roles=["reviewer"],
        public_key=keys.public_key_of("mallory"),
    )
    append_by_hand(workspace, friend, signer="sam")
    append_by_hand(workspace, an_approval("mallory"), signer="mallory")
    register = Register.read(workspace)
    assert "mallory" not in register.people
    assert "it takes the role administrator" in register.entries[-2].reason
    assert counting(workspace) == []


def test_a_role_that_one_gives_oneself_is_none(workspace: Workspace) -> None:
    granted = RoleGranted(
        person="olga", printed_name="Olga", subject_person="olga", role="reviewer"
    )
    append_by_hand(workspace, granted, signer="olga")
    assert Register.read(workspace).person("olga").roles == ["operator"]


def test_an_approval_moved_to_another_release_does_not_count(workspace: Workspace) -> None:
    promote(workspace)
    promote(workspace, "other@1", DIGEST)
    approve(workspace, "rita")
    assert counting(workspace) == ["rita"]
    assert counting(workspace, release="other@1") == []
    envelope = Register.read(workspace).entries[-1].envelope
    statement, predicate, _ = envelopes.peek(envelope)
    moved = msgspec.structs.replace(
        statement, predicate={**statement.predicate, "release": "other@1"}
    )
    assert isinstance(predicate, Approval)
    payload = base64.b64encode(canonical_json(moved)).decode()
    forged = {**envelope, "payload": payload}
    Ledger(workspace).append(Attested(envelope=forged))
    assert counting(workspace, release="other@1") == []
    assert not Register.read(workspace).entries[-1].valid


def test_a_signed_approval_shown_for_another_subject_does_not_count(workspace: Workspace) -> None:
    promote(workspace)
    promote(workspace, "other@1", OTHER)
    append_by_hand(workspace, an_approval("rita", release="other@1"), signer="rita")
    assert counting(workspace) == []
    assert counting(workspace, digest=OTHER, release="other@1") == []
    assert "it is for the digest" in reasons(workspace, digest=OTHER, release="other@1")[0]


def test_an_approval_appended_twice_counts_once(workspace: Workspace) -> None:
    promote(workspace)
    approve(workspace, "rita")
    Ledger(workspace).append(Attested(envelope=Register.read(workspace).entries[-1].envelope))
    assert counting(workspace) == ["rita"]
    assert "copy of an earlier entry" in reasons(workspace)[0]


def test_a_second_signature_of_one_person_counts_once(workspace: Workspace) -> None:
    promote(workspace)
    approve(workspace, "rita")
    append_by_hand(workspace, an_approval("rita", comment="again"), signer="rita")
    assert counting(workspace) == ["rita"]
    assert reasons(workspace) == ["rita approved before; a person counts once"]


def test_the_author_does_not_count_even_with_the_role(workspace: Workspace) -> None:
    promote(workspace)
    append_by_hand(workspace, an_approval("sam"), signer="sam")
    assert counting(workspace) == []
    assert "author" in reasons(workspace)[0]


def test_a_withdrawn_role_does_not_come_back_with_a_copy_of_its_grant(
    workspace: Workspace,
) -> None:
    people.grant(workspace, "ada", passphrase("ada"), name="olga", role="reviewer")
    granted = Register.read(workspace).entries[-1].envelope
    people.withdraw(workspace, "ada", passphrase("ada"), name="olga", role="reviewer")
    Ledger(workspace).append(Attested(envelope=granted))
    assert Register.read(workspace).person("olga").roles == ["operator"]


def test_a_role_granted_after_the_signature_does_not_count_for_it(workspace: Workspace) -> None:
    promote(workspace)
    append_by_hand(workspace, an_approval("olga"), signer="olga")
    people.grant(workspace, "ada", passphrase("ada"), name="olga", role="reviewer")
    assert counting(workspace) == []
    assert reasons(workspace) == [
        "the role reviewer or domain-expert was granted to olga after the signature"
    ]


def test_a_signature_made_before_the_role_and_recorded_after_it_does_not_count(
    workspace: Workspace,
) -> None:
    promote(workspace)
    early = an_approval("olga", signed_at=now() - timedelta(seconds=1))
    people.grant(workspace, "ada", passphrase("ada"), name="olga", role="reviewer")
    append_by_hand(workspace, early, signer="olga")
    assert counting(workspace) == []


def test_a_role_withdrawn_before_the_signature_does_not_count(workspace: Workspace) -> None:
    promote(workspace)
    people.withdraw(workspace, "ada", passphrase("ada"), name="rita", role="reviewer")
    append_by_hand(workspace, an_approval("rita"), signer="rita")
    assert "rita had none" in reasons(workspace)[0]


def test_approvals_by_a_key_revoked_since_stop_counting(workspace: Workspace) -> None:
    promote(workspace)
    approve(workspace, "rita")
    approve(workspace, "dora")
    people.revoke_key(workspace, "ada", passphrase("ada"), name="rita", reason="stolen")
    assert counting(workspace) == ["dora"]
    assert "the key of rita was revoked" in reasons(workspace)[0]


def test_what_a_key_signed_before_it_was_replaced_still_counts_until_it_is_revoked(
    workspace: Workspace,
) -> None:
    promote(workspace)
    approve(workspace, "rita")
    old = Register.read(workspace).person("rita").keys[0].key_id
    end = partial(people.revoke_key, workspace, "ada", passphrase("ada"), name="rita")
    end(reason="every year", replaced=True)
    assert counting(workspace) == ["rita"]
    with pytest.raises(SignatureRefused, match="the key of rita was replaced"):
        approve(workspace, "rita")
    with pytest.raises(UsageError, match="no such key to revoke"):
        end(key_id=old, replaced=True)
    keys.retire("rita")
    public = keys.generate("rita", passphrase("rita"))
    people.add(
        workspace, "ada", passphrase("ada"), name="rita", printed_name="Rita",
        roles=["reviewer"], public_key=public,
    )  # fmt: skip
    assert counting(workspace) == ["rita"], "once, whoever adds what"
    rita = Register.read(workspace).person("rita")
    ended_at = rita.keys[0].revoked
    end(key_id=old, reason="somebody had it")
    assert counting(workspace) == []
    rita = Register.read(workspace).person("rita")
    assert (rita.keys[0].revoked, rita.keys[0].replaced) == (ended_at, False)
    assert rita.valid_key is rita.keys[1], "the new one is as good as before"
    with pytest.raises(UsageError, match="no such key to revoke"):
        end(key_id=old, reason="again")


def test_a_replaced_key_signs_nothing_more_however_the_entry_comes_in(workspace: Workspace) -> None:
    """The file of a key that was replaced is still there for whoever finds it."""
    promote(workspace)
    people.revoke_key(workspace, "ada", passphrase("ada"), name="rita", replaced=True)
    append_by_hand(workspace, an_approval("rita"), signer="rita")
    assert counting(workspace) == []
    assert "the key of rita was replaced" in reasons(workspace)[0]


def test_a_revoked_key_signs_nothing_more(workspace: Workspace) -> None:
    promote(workspace)
    people.revoke_key(workspace, "ada", passphrase("ada"), name="rita", reason="stolen")
    append_by_hand(workspace, an_approval("rita"), signer="rita")
    assert counting(workspace) == []
    assert "stolen" in reasons(workspace)[0]


def test_an_approval_of_another_digest_does_not_count(workspace: Workspace) -> None:
    promote(workspace)
    approve(workspace, "rita")
    assert counting(workspace, digest=OTHER) == []


def test_an_approval_under_another_printed_name_does_not_count(workspace: Workspace) -> None:
    promote(workspace)
    append_by_hand(workspace, an_approval("rita", printed_name="Dr Rita"), signer="rita")
    assert "prints another name" in reasons(workspace)[0]


def test_an_approval_for_deployment_counts_for_its_run_alone(workspace: Workspace) -> None:
    promote(workspace)
    approvals.approve(
        workspace,
        RELEASE,
        "deployment",
        "rita",
        passphrase("rita"),
        meaning="reviewed",
        digest=OTHER,
        run_id="run-1",
    )
    register = Register.read(workspace)
    assert [it.counts for it in register.approvals_for(RELEASE, OTHER, "deployment", "run-1")] == [
        True
    ]
    assert [it.counts for it in register.approvals_for(RELEASE, OTHER, "deployment", "run-2")] == [
        False
    ]
    assert register.approvals_for(RELEASE, OTHER, "run") == []


def test_what_was_signed_in_another_workspace_does_not_count_here(
    workspace: Workspace, tmp_path: Path
) -> None:
    promote(workspace)
    other = make_workspace(tmp_path / "other")
    promote(other)
    approve(other, "rita")
    Ledger(workspace).append(Attested(envelope=Register.read(other).entries[-1].envelope))
    assert counting(workspace) == []
    assert "said in another workspace" in reasons(workspace)[0]


def test_a_release_is_promoted_once(workspace: Workspace) -> None:
    promote(workspace)
    again = Promotion(
        person="sam",
        printed_name="Sam",
        release=RELEASE,
        digest=OTHER,
        notebook="research/other.ipynb",
        session_id="s",
    )
    append_by_hand(workspace, again, signer="sam")
    assert Register.read(workspace).promotions[RELEASE].digest == DIGEST


def test_a_release_that_nobody_promoted_has_no_approvals_that_count(workspace: Workspace) -> None:
    append_by_hand(workspace, an_approval("rita"), signer="rita")
    assert counting(workspace) == []


def test_an_edited_policy_is_refused_until_an_administrator_adopts_it(
    workspace: Workspace,
) -> None:
    promote(workspace)
    approve(workspace, "rita")
    file = workspace.root / "governed.toml"
    file.write_text(file.read_text().replace("required = 2", "required = 1"))
    edited = Workspace(workspace.root)
    with pytest.raises(NotApproved, match="not those that an administrator adopted"):
        Register.read(edited).check_policy()
    assert counting(edited) == []
    with pytest.raises(NotApproved, match="policy adopt"):
        approve(edited, "dora")
    policy.adopt(edited, "ada", passphrase("ada"), policy.to_adopt(edited))
    Register.read(edited).check_policy()
    assert counting(edited) == ["rita"]


def test_a_comment_in_the_policy_file_changes_nothing(workspace: Workspace) -> None:
    file = workspace.root / "governed.toml"
    file.write_text(file.read_text() + "\n# a remark\n")
    Register.read(Workspace(workspace.root)).check_policy()


@pytest.mark.parametrize("envelope", [{}, {"payload": 1}, {"payload": "", "signatures": [{}]}])
def test_an_entry_that_is_nonsense_is_kept_and_counts_for_nothing(
    workspace: Workspace, envelope: dict[str, Any]
) -> None:
    Ledger(workspace).append(Attested(envelope=envelope))
    entry = Register.read(workspace).entries[-1]
    assert not entry.valid
    assert entry.reason


def test_names_that_are_not_known_are_said_to_be_so(workspace: Workspace) -> None:
    register = Register.read(workspace)
    for ask in (
        lambda: register.version("nothing"),
        lambda: register.person("nobody"),
        lambda: approve(workspace, "rita", "nothing@1"),
    ):
        with pytest.raises(UnknownName):
            ask()
