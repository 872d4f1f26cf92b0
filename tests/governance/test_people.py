from __future__ import annotations

from typing import Any

import pytest

from governed_kernel.errors import GovernedError, SignatureRefused, UnknownName, UsageError
from governed_kernel.governance import keys, people
from governed_kernel.governance.register import Register
from governed_kernel.lineage.events import Decided, LedgerEvent
from governed_kernel.lineage.ledger import Ledger
from governed_kernel.workspace import Workspace
from tests.governance.people import passphrase


def add(workspace: Workspace, by: str = "ada", **changes: Any) -> None:
    facts: dict[str, Any] = {
        "name": "mallory",
        "printed_name": "Mallory",
        "roles": ["reviewer"],
        "public_key": keys.public_key_of("mallory"),
    }
    people.add(workspace, by, passphrase(by), **{**facts, **changes})


def denials(workspace: Workspace) -> list[Decided]:
    return [event for event in Ledger(workspace).events() if isinstance(event, Decided)]


def only_denials_follow(workspace: Workspace, before: list[LedgerEvent]) -> None:
    """Nothing was said in the meantime but that something was refused."""
    after = Ledger(workspace).events()
    assert after[: len(before)] == before
    assert all(
        isinstance(event, Decided) and event.outcome == "denied" for event in after[len(before) :]
    )


def test_an_administrator_adds_a_person(workspace: Workspace) -> None:
    add(workspace)
    assert Register.read(workspace).person("mallory").roles == ["reviewer"]


def test_nobody_else_adds_a_person_and_the_attempt_is_on_record(workspace: Workspace) -> None:
    with pytest.raises(SignatureRefused, match="it takes the role administrator") as refused:
        add(workspace, by="sam")
    assert refused.value.what == "sam may not sign that a person is added"
    denied = denials(workspace)[-1]
    assert (denied.person, denied.action, denied.resource, denied.outcome) == (
        "sam",
        "people add",
        "mallory",
        "denied",
    )


def test_a_wrong_passphrase_adds_nobody_and_is_on_record(workspace: Workspace) -> None:
    with pytest.raises(SignatureRefused, match="did not open"):
        people.grant(workspace, "ada", b"a wrong one", name="olga", role="reviewer")
    assert "reviewer" not in Register.read(workspace).person("olga").roles
    assert "the passphrase is wrong; attempt 1 in a row" in denials(workspace)[-1].reason
    assert b"a wrong one" not in workspace.ledger.read_bytes()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "rita"}, "known already"),
        ({"name": "Mallory"}, "can't name a person"),
        ({"name": "../x"}, "can't name a person"),
        ({"name": "service"}, "can't name a person"),
        ({"roles": ["king"]}, "no role is called"),
        ({"roles": []}, "no valid choice"),
        ({"printed_name": "Mal\nlory"}, "printed name"),
        ({"printed_name": "\u202eyrollaM"}, "printed name"),
        ({"printed_name": " "}, "printed name"),
        ({"public_key": "no key"}, "no public key"),
    ],
)
def test_a_person_who_can_not_be_is_refused(
    workspace: Workspace, changes: dict[str, Any], message: str
) -> None:
    before = Ledger(workspace).events()
    with pytest.raises(UsageError, match=message):
        add(workspace, **changes)
    only_denials_follow(workspace, before)


def test_one_key_does_not_make_two_people(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="it is a key of rita"):
        add(workspace, public_key=keys.public_key_of("rita"))


def test_the_last_administrator_stays(workspace: Workspace) -> None:
    with pytest.raises(UsageError, match="last administrator"):
        people.withdraw(workspace, "ada", passphrase("ada"), name="ada", role="administrator")
    with pytest.raises(UsageError, match="last administrator"):
        people.revoke_key(workspace, "ada", passphrase("ada"), name="ada")
    people.grant(workspace, "ada", passphrase("ada"), name="dora", role="administrator")
    people.withdraw(workspace, "dora", passphrase("dora"), name="ada", role="administrator")
    with pytest.raises(SignatureRefused):
        add(workspace)


def test_everybody_may_revoke_their_own_key_and_nobody_elses(workspace: Workspace) -> None:
    with pytest.raises(SignatureRefused, match="administrator"):
        people.revoke_key(workspace, "rita", passphrase("rita"), name="dora")
    people.revoke_key(workspace, "rita", passphrase("rita"), name="rita", reason="lost")
    assert Register.read(workspace).person("rita").valid_key is None


def test_a_person_whose_key_was_revoked_is_given_a_new_one(workspace: Workspace) -> None:
    people.revoke_key(workspace, "ada", passphrase("ada"), name="rita", reason="lost")
    keys.retire("rita")
    public = keys.generate("rita", passphrase("rita"))
    add(workspace, name="rita", printed_name="Rita", roles=["domain-expert"], public_key=public)
    rita = Register.read(workspace).person("rita")
    assert rita.roles == ["domain-expert"]
    assert [key.revoked is None for key in rita.keys] == [False, True]


def test_a_key_made_anew_without_an_administrator_does_not_sign(workspace: Workspace) -> None:
    keys.retire("ada")
    keys.generate("ada", passphrase("ada"))
    with pytest.raises(SignatureRefused, match="not known in this workspace"):
        add(workspace)


@pytest.mark.parametrize(
    "ask",
    [
        lambda w: people.grant(w, "ada", passphrase("ada"), name="rita", role="reviewer"),
        lambda w: people.withdraw(w, "ada", passphrase("ada"), name="rita", role="legal"),
        lambda w: people.revoke_key(w, "ada", passphrase("ada"), name="rita", key_id="00"),
        lambda w: people.grant(w, "ada", passphrase("ada"), name="nobody", role="legal"),
        lambda w: people.grant(w, "ada", passphrase("ada"), name="rita", role="king"),
    ],
)
def test_a_change_without_meaning_changes_nothing(workspace: Workspace, ask: Any) -> None:
    before = Ledger(workspace).events()
    with pytest.raises((UsageError, UnknownName)):
        ask(workspace)
    only_denials_follow(workspace, before)


def test_a_stranger_signs_nothing(workspace: Workspace) -> None:
    with pytest.raises(GovernedError, match="nobody here is called 'mallory'"):
        add(workspace, by="mallory")
