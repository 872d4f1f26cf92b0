"""Policies decide who may read and do what; what always holds, they can't loosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.errors import (
    GovernedError,
    IntegrityBroken,
    NotApproved,
    PolicyDenied,
    Refused,
    UnknownName,
)
from governed_kernel.governance import access, authorization, people, permission, policy
from governed_kernel.governance.cedar import Policies
from governed_kernel.governance.explaining import ask, explain
from governed_kernel.governance.leak_checks import check_leaks
from governed_kernel.governance.leaks import Asked
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.rules import read_rules, rule_files, rules_digest
from governed_kernel.governance.signing import attest
from governed_kernel.governance.split import divide
from governed_kernel.governance.transformation import transform
from governed_kernel.lineage.attestations import PolicyAdopted
from governed_kernel.lineage.events import Decided
from governed_kernel.release import admission
from governed_kernel.release.manifest import Input
from governed_kernel.workspace import Workspace
from tests.governance.people import passphrase, promote
from tests.governance.records import BY_PATIENT, register, rows, write_code, write_records

HEALTH_BY_ROLE = """
@id("health-by-role")
@reason("health data is for data scientists")
@advice("ask ada for the role")
forbid (principal, action == Action::"read", resource)
when { resource.class == DataClass::"health" }
unless { principal in Role::"data-scientist" };
"""
OPEN_EVERYTHING = '@id("everything") permit (principal, action, resource);'


def adopt(workspace: Workspace, **files: str) -> None:
    for name, text in files.items():
        (workspace.policies / f"{name}.cedar").write_text(text)
    written = Workspace(workspace.root)
    policy.adopt(written, "ada", passphrase("ada"), policy.to_adopt(written))


@pytest.fixture
def data(workspace: Workspace, tmp_path: Path) -> Path:
    source = write_records(tmp_path / "biopsies.csv")
    register(workspace, source)
    return source


def decisions(workspace: Workspace) -> list[tuple[str, str, str, list[str]]]:
    return [
        (event.person, event.action, event.outcome, event.policies)
        for event in Register.read(workspace).events
        if isinstance(event, Decided)
    ]


def test_rules_that_change_while_they_are_being_signed_are_not_adopted(
    workspace: Workspace,
) -> None:
    shown = policy.to_adopt(workspace)
    before = Register.read(workspace).policy
    (workspace.policies / "later.cedar").write_text(OPEN_EVERYTHING)
    with pytest.raises(IntegrityBroken, match="changed while they were being signed"):
        policy.adopt(Workspace(workspace.root), "ada", passphrase("ada"), shown)
    assert Register.read(workspace).policy == before


def test_a_role_decides_who_reads_a_class(workspace: Workspace, data: Path) -> None:
    adopt(workspace, health=HEALTH_BY_ROLE)
    current = Register.read(workspace)
    version = current.version("biopsies")
    sam = permission.decide_purpose(current, version, "train", person="sam")
    assert (sam.allowed, sam.policies) == (True, ["read"])
    rita = permission.decide_purpose(current, version, "train", person="rita")
    assert (rita.allowed, rita.policies) == (False, ["health-by-role"])
    assert rita.reason == "health data is for data scientists"


@pytest.mark.parametrize(("person", "allowed"), [("sam", True), ("rita", False), ("nobody", False)])
def test_whoever_opens_the_file_is_decided_on_as_well(
    workspace: Workspace, data: Path, person: str, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt(workspace, health=HEALTH_BY_ROLE)
    monkeypatch.setenv("GOVERNED_PERSON", person)
    decision = access.Guard(workspace).decide("read", str(data))
    assert decision.allowed is allowed
    assert decision.dataset == "biopsies"


def test_no_policy_opens_a_holdout_or_what_is_past_its_retention(
    workspace: Workspace, tmp_path: Path
) -> None:
    register(workspace, write_records(tmp_path / "old.csv"), "old", retention_until="2020-01-01")
    for name in ("reading", "acting"):
        (workspace.policies / f"{name}.cedar").unlink()
    adopt(workspace, open=OPEN_EVERYTHING)
    current = Register.read(workspace)
    decision = permission.decide_purpose(current, current.version("old"), "train")
    assert (decision.allowed, decision.policies) == (False, ["retention"])
    again = permission.decide_purpose(
        current, current.version("old"), "train", mode="release", run_kind="rerun"
    )
    assert (again.allowed, again.policies) == (False, ["retention"])
    old = current.version("old")
    item = Input("old", "1", "data", old.sha256, old.data_class, old.purposes)
    with pytest.raises(Refused, match="past its retention") as refused:
        admission.check_inputs(workspace, current, [item])
    assert "register" not in refused.value.next, "a later day would be refused as well"


def test_an_adoption_that_carries_other_rules_than_it_names_does_not_count(
    workspace: Workspace,
) -> None:
    """Who asks later by which rules approvals counted would be told wrong ones."""
    lenient = workspace.settings.adoptable()
    lenient["approvals"]["run"]["required"] = 1

    def make(_: Register, who: Person) -> PolicyAdopted:
        return PolicyAdopted(
            person=who.name,
            printed_name=who.printed_name,
            policy=rules_digest(workspace),
            rules=rule_files(workspace),
            settings=lenient,
        )

    with pytest.raises(GovernedError, match="not those that it adopts"):
        attest(workspace, "ada", passphrase("ada"), make, action="policy adopt", resource="")
    adopt(workspace)
    found = Register.read(workspace).release_rules
    assert found == workspace.settings.release_rules


def test_without_any_policy_nothing_is_read(workspace: Workspace, data: Path) -> None:
    for name in ("reading", "acting"):
        (workspace.policies / f"{name}.cedar").unlink()
    adopt(workspace)
    decision = access.Guard(workspace).decide("read", str(data))
    assert (decision.allowed, decision.reason) == (False, "no policy permits it")


def test_an_edited_policy_refuses_everything_catalogued_until_it_is_adopted(
    workspace: Workspace, data: Path, tmp_path: Path
) -> None:
    """A notebook can write there; what it writes opens nothing."""
    (workspace.policies / "mine.cedar").write_text(OPEN_EVERYTHING)
    guard = access.Guard(workspace)
    decision = guard.decide("read", str(data))
    assert not decision.allowed
    assert "not those that an administrator adopted" in decision.reason
    other = tmp_path / "other.csv"
    other.write_text("x\n")
    assert guard.decide("read", str(other)).allowed
    with pytest.raises(NotApproved, match="policy adopt"):
        promote(workspace)


def test_policies_ask_for_more_than_a_role_and_the_refusal_is_on_record(
    workspace: Workspace,
) -> None:
    adopt(
        workspace,
        more='@id("never") @reason("no releases this week") '
        'forbid (principal, action == Action::"promote", resource);',
    )
    with pytest.raises(PolicyDenied, match="no releases this week"):
        promote(workspace)
    assert decisions(workspace)[-1] == ("sam", "promote", "denied", ["never"])


def test_a_refusal_names_the_question_as_it_was_asked(workspace: Workspace) -> None:
    promote(workspace)
    adopt(
        workspace,
        late='@id("late") @reason("nobody validates this week") forbid (principal, '
        'action == Action::"run", resource) when { context.run_kind == "validation" };',
    )
    register = Register.read(workspace)
    with pytest.raises(PolicyDenied, match="nobody validates this week") as refused:
        authorization.check_run(register, "triage@1", "olga", "validation")
    # without its kind it would be asked of a release's own run, which is allowed
    assert "'governed policy explain run triage@1 --as olga --run-kind validation'" in (
        refused.value.next
    )
    assert authorization.check_run(register, "triage@1", "olga", "release") == ["run"]


def test_what_was_permitted_is_on_record_with_the_policies_that_permit_it(
    workspace: Workspace,
) -> None:
    promote(workspace)
    assert ("sam", "promote", "allowed", ["promote"]) in decisions(workspace)


def test_what_is_done_to_data_is_on_record_with_the_policies_that_permit_it(
    workspace: Workspace, data: Path
) -> None:
    divide(workspace, "biopsies", write_code(workspace, BY_PATIENT), "sam")
    check_leaks(workspace, ["biopsies-train", "biopsies-holdout"], Asked(), "sam")
    register(workspace, write_records(data.with_name("plain.csv"), rows(9, 300)), "plain")
    drop = workspace.root / "drop.toml"
    drop.write_text("[transform]\ninto = 'small'\n[keep]\nsize = 'it is asked for'\n")
    transform(workspace, drop, "plain", "sam")
    told = {
        (action, tuple(policies))
        for _, action, outcome, policies in decisions(workspace)
        if outcome == "allowed" and action.startswith("data ")
    }
    done = ("data register", "data split", "data leaks", "data transform")
    assert told == {(action, ("register",)) for action in done}
    before = decisions(workspace)
    register(workspace, data)
    assert decisions(workspace) == before, "what is known already is not decided anew"


def test_who_may_not_register_data_divides_none(workspace: Workspace, data: Path) -> None:
    closed = """
@id("not-today") @reason("the catalog is counted today")
forbid (principal == Person::"sam", action == Action::"register", resource);
"""
    adopt(workspace, closed=closed)
    with pytest.raises(PolicyDenied, match="register"):
        divide(workspace, "biopsies", write_code(workspace, BY_PATIENT), "sam")
    assert not Register.read(workspace).splits
    assert ("sam", "data split", "denied", ["not-today"]) in decisions(workspace)


def test_policies_never_lock_the_administrator_out(workspace: Workspace) -> None:
    adopt(workspace, closed='@id("closed") forbid (principal, action, resource);')
    with pytest.raises(PolicyDenied):
        people.grant(workspace, "ada", passphrase("ada"), name="rita", role="legal")
    (workspace.policies / "closed.cedar").unlink()
    adopt(workspace)
    people.grant(workspace, "ada", passphrase("ada"), name="rita", role="legal")


def explained(workspace: Workspace, *question: str, **more: str) -> list[str]:
    current = Register.read(workspace)
    policies = authorization.policies_of(current)
    return explain(current, policies, ask(current, *question, **more)).changes


def test_an_explanation_says_what_would_change_the_answer(workspace: Workspace, data: Path) -> None:
    adopt(workspace, health=HEALTH_BY_ROLE)
    changes = explained(workspace, "read", "biopsies", "rita", purpose="train")
    assert changes[0].startswith("rita had the role data-scientist ('governed people grant rita")
    assert "biopsies@1 were of class internal" in changes
    assert not any("deploy" in change for change in changes)
    assert explained(workspace, "read", "biopsies", "sam", purpose="train") == []


def test_an_author_is_told_that_somebody_else_would_have_to_write_it(workspace: Workspace) -> None:
    promote(workspace)
    assert explained(workspace, "approve", "triage@1", "sam") == [
        "somebody else had written triage@1"
    ]


@pytest.mark.parametrize(
    ("question", "why", "change"),
    [
        (("approve", "triage@1", "hans"), "nobody here is called 'hans'", ""),
        (("approve", "triage", "olga"), "it takes the role reviewer or domain-expert", "reviewer"),
        (("approve", "triage@1", "sam"), "sam is the author of triage@1", "somebody else"),
        (("deploy", "triage@1", "rita"), "it takes the role operator; rita has", "operator"),
        (("accept-risk", "triage@1", "sam"), "sam is the author", "somebody else"),
    ],
)
def test_an_explanation_knows_what_holds_whatever_policies_say(
    workspace: Workspace, question: tuple[str, str, str], why: str, change: str
) -> None:
    promote(workspace)
    adopt(workspace, open='@id("open") permit (principal, action, resource);')
    register = Register.read(workspace)
    found = explain(register, authorization.policies_of(register), ask(register, *question))
    assert any(reason.startswith(why) for _, reason in found.floor)
    assert bool(found.changes) == bool(change)
    assert change in "".join(found.changes)


def test_an_explanation_names_the_roles_and_classes_that_open_what_only_some_read(
    workspace: Workspace, data: Path
) -> None:
    settings = workspace.root / "governed.toml"
    text = settings.read_text()
    start = text.index("[classes.health]\n") + len("[classes.health]\n")
    settings.write_text(f'{text[:start]}readers = ["domain-expert"]\n{text[start:]}')
    adopt(workspace)
    register = Register.read(Workspace(workspace.root))
    question = ask(register, "read", "biopsies", "rita", purpose="train")
    found = explain(register, authorization.policies_of(register), question)
    assert [policy for policy, _ in found.floor] == ["class-readers"]
    roles = [said for said in found.changes if "had the role" in said]
    assert [said.split()[4] for said in roles] == ["domain-expert"]
    assert "biopsies@1 were of class public" in found.changes
    assert (
        explain(
            register, authorization.policies_of(register), ask(register, "read", "biopsies", "dora")
        ).floor
        == []
    )


def test_an_explanation_counts_approvers_by_the_risk_that_it_supposes(
    workspace: Workspace,
) -> None:
    settings = workspace.root / "governed.toml"
    settings.write_text(settings.read_text() + '\n[risk_classes.grave.run]\neach = ["operator"]\n')
    adopt(workspace, open=OPEN_EVERYTHING)
    adopted = Workspace(workspace.root)
    promote(adopted)
    register = Register.read(adopted)
    policies = authorization.policies_of(register)
    found = explain(register, policies, ask(register, "approve", "triage@1", "olga"))
    assert [said for said in found.changes if "risk" in said] == ["triage@1 were of grave risk"]
    assert not any("low" in said for said in found.changes), "governed.toml has no such class"


def test_nobody_is_told_that_a_release_which_is_not_there_may_be_deployed(
    workspace: Workspace,
) -> None:
    register = Register.read(workspace)
    with pytest.raises(UnknownName, match="there is no release triage@9"):
        ask(register, "deploy", "triage@9", "olga")
    assert ask(register, "promote", "triage@9", "sam").resource.id == "triage@9"


def test_what_is_asked_rests_on_what_lies_there(workspace: Workspace) -> None:
    before = read_rules(workspace).digest
    (workspace.policies / "reading.cedar").write_text("")
    assert read_rules(workspace).digest != before


@pytest.mark.parametrize(
    "condition",
    [
        'resource has name && resource.name == "biopsies"',
        'resource.name like "biop*"',
        'resource["name"] == "biopsies"',
        'resource == Dataset :: "biopsies@1"',
        'resource == Dataset::\n  "biopsies@1"',
        '[resource].contains(Dataset::"biopsies@1")',
    ],
)
def test_a_policy_about_one_dataset_holds_for_its_files_however_it_is_written(
    workspace: Workspace, data: Path, condition: str
) -> None:
    other = write_records(data.parent / "other.csv", rows(30, 300))
    register(workspace, other, "other")
    text = 'forbid (principal, action == Action::"read", resource)\nwhen { CONDITION };'
    adopt(workspace, one=f'@id("stop")\n{text.replace("CONDITION", condition)}')
    decision = access.decide(Workspace(workspace.root), "read", str(data))
    assert (decision.allowed, decision.policies) == (False, ["stop"])
    assert access.decide(Workspace(workspace.root), "read", str(other)).allowed


def test_policies_that_name_no_dataset_are_asked_once_for_all_that_are_alike(
    workspace: Workspace,
) -> None:
    told = '@id("a") @reason("by name, as Dataset::x") permit (principal, action, resource);'
    assert not Policies({"a.cedar": f"// resource.name\n{told}"}).names_datasets
    starters = {path.name: path.read_text() for path in workspace.policies.glob("*.cedar")}
    assert starters
    assert not Policies(starters).names_datasets
