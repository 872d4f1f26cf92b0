"""Attacks on a ledger by somebody who can write to it, and on the rules by somebody inside."""

from __future__ import annotations

import base64
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from governed_kernel.canonical import canonical_json
from governed_kernel.errors import IntegrityBroken, NotApproved, ResourceMissing, UnknownName
from governed_kernel.governance import approvals, envelopes, genesis, keys, people, policy
from governed_kernel.governance.names import SERVICE, SERVICE_NAME
from governed_kernel.governance.register import Register
from governed_kernel.governance.signing import record, seal
from governed_kernel.lineage.attestations import (
    Approval,
    Bundle,
    PersonAdded,
    Predicate,
    Promotion,
    Record,
    RoleGranted,
    WorkspaceCreated,
)
from governed_kernel.lineage.events import Attested, JournalOpened, RunStarted, now
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
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


def approve(workspace: Workspace, person: str, release: str = RELEASE) -> None:
    approvals.approve(
        workspace, release, "run", person, passphrase(person), meaning="reviewed", digest=DIGEST
    )


def append_by_hand(
    workspace: Workspace, predicate: Predicate, signer: str, occurred_at: datetime | None = None
) -> None:
    """What somebody does who writes the ledger without asking our code."""
    bound = predicate
    if not predicate.workspace_id:
        workspace_id = Register.read(workspace).workspace_id
        bound = msgspec.structs.replace(predicate, workspace_id=workspace_id)
    unlocked = keys.unlock(signer, passphrase(signer))
    envelope = envelopes.sign(bound, unlocked)
    Ledger(workspace).append(Attested(envelope=envelope, occurred_at=occurred_at or now()))


def an_approval(person: str, **changes: Any) -> Approval:
    facts = {"release": RELEASE, "purpose": "run", "digest": DIGEST, "meaning": "reviewed"}
    return Approval(**{"person": person, "printed_name": person.title(), **facts, **changes})


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


STARTED = RunStarted(
    run_id="run-1",
    release=RELEASE,
    digest=DIGEST,
    kind="release",
    person="olga",
    parameters={"epochs": 3},
    environment=OTHER,
)
BUNDLE = Bundle(
    person=SERVICE,
    printed_name=SERVICE_NAME,
    release=RELEASE,
    run_id="run-1",
    digest=DIGEST,
    requested_by="olga",
)
RECORD = Record(person=SERVICE, printed_name=SERVICE_NAME, event=STARTED)


@pytest.mark.parametrize("said", [BUNDLE, RECORD], ids=["bundle", "record"])
@pytest.mark.parametrize("signer", ["mallory", "ada"])
def test_only_the_service_says_what_was_run_and_sealed(
    workspace: Workspace, said: Predicate, signer: str
) -> None:
    append_by_hand(workspace, said, signer=signer)
    assert not Register.read(workspace).entries[-1].valid
    assert Register.read(workspace).run_events == []


def test_nobody_speaks_for_the_service_under_their_own_name(workspace: Workspace) -> None:
    said = msgspec.structs.replace(RECORD, person="ada", printed_name="Ada")
    append_by_hand(workspace, said, signer="ada")
    assert Register.read(workspace).run_events == []


def test_an_unsigned_report_of_a_run_is_no_event_of_a_ledger(workspace: Workspace) -> None:
    Ledger(workspace).append(STARTED)
    with pytest.raises(IntegrityBroken, match="record"):
        Register.read(workspace)


def test_what_the_service_signed_counts(workspace: Workspace) -> None:
    assert record(workspace, STARTED)
    assert Register.read(workspace).run_events == [STARTED]
    entry = seal(workspace, lambda _: BUNDLE, lambda _: None)
    assert Register.read(workspace).entries[-1] == entry
    assert entry.valid


def test_a_record_that_is_no_longer_wanted_is_not_made(workspace: Workspace) -> None:
    assert not record(workspace, STARTED, when=lambda register: bool(register.run_events))
    assert Register.read(workspace).run_events == []


def test_without_its_key_the_service_records_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVERNED_HOME", str(workspace.root.with_name("another home")))
    with pytest.raises(ResourceMissing, match="service key is not on this machine"):
        record(workspace, STARTED)


def test_a_ledger_replaced_as_a_whole_is_found_by_what_was_remembered(
    workspace: Workspace,
) -> None:
    promote(workspace)
    workspace_id = Register.read(workspace).workspace_id
    forged = _ledger_of_mallory(workspace, workspace_id)
    workspace.ledger.write_bytes(forged)
    with pytest.raises(IntegrityBroken, match="not the one that was there"):
        Register.read(workspace)


def test_a_ledger_replaced_under_a_new_identity_is_found_by_its_folder(
    workspace: Workspace,
) -> None:
    workspace.ledger.write_bytes(_ledger_of_mallory(workspace, "w0123456789abcdef"))
    with pytest.raises(IntegrityBroken, match="it held workspace"):
        Register.read(workspace)


def _ledger_of_mallory(workspace: Workspace, workspace_id: str) -> bytes:
    """A ledger that verifies in itself, with Mallory as its administrator."""
    elsewhere = Workspace(workspace.root.parent / "elsewhere")
    created = WorkspaceCreated(
        person="mallory",
        printed_name="Mallory",
        workspace_id=workspace_id,
        name="triage",
        public_key=keys.public_key_of("mallory"),
        policy=workspace.settings.policy_digest(),
        service_key=keys.public_key_of("mallory"),
    )
    signer = keys.unlock("mallory", passphrase("mallory"))
    envelope = envelopes.sign(created, signer)
    Ledger(elsewhere).create(workspace_id, Attested(envelope=envelope))
    return elsewhere.ledger.read_bytes()


def test_a_ledger_seen_for_the_first_time_is_trusted_and_remembered(
    workspace: Workspace, home: Path
) -> None:
    (home / "known_workspaces.json").unlink()
    register = Register.read(workspace)
    assert register.genesis in (home / "known_workspaces.json").read_text()


def test_a_spoiled_memory_of_workspaces_is_not_taken_for_none(
    workspace: Workspace, home: Path
) -> None:
    (home / "known_workspaces.json").write_text("{")
    with pytest.raises(IntegrityBroken, match="can't be read"):
        Register.read(workspace)


def test_a_ledger_without_a_signed_beginning_is_refused(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    bare = Workspace(folder)
    Ledger(bare).create("w1")
    with pytest.raises(IntegrityBroken, match="no valid beginning"):
        Register.read(bare)
    assert isinstance(Ledger(bare).events()[0], JournalOpened)


def test_a_workspace_can_be_made_anew_in_the_same_folder(workspace: Workspace) -> None:
    shutil.rmtree(workspace.root)
    again = make_workspace(workspace.root)
    assert "rita" in Register.read(again).people


def test_a_second_creation_in_the_same_ledger_does_not_count(workspace: Workspace) -> None:
    created = WorkspaceCreated(
        person="mallory",
        printed_name="Mallory",
        workspace_id=Register.read(workspace).workspace_id,
        name="mine",
        public_key=keys.public_key_of("mallory"),
        policy=DIGEST,
        service_key=keys.public_key_of("mallory"),
    )
    append_by_hand(workspace, created, signer="mallory")
    register = Register.read(workspace)
    assert register.name == "triage"
    assert "mallory" not in register.people


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


def test_initialising_twice_is_refused_and_changes_nothing(workspace: Workspace) -> None:
    from governed_kernel.errors import UsageError

    before = workspace.ledger.read_bytes()
    with pytest.raises(UsageError, match="a workspace already"):
        genesis.initialise(workspace.root, "ada", "Ada", passphrase("ada"))
    assert workspace.ledger.read_bytes() == before
