"""``governed policy``: rules that people read, test and ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.workspace import Workspace
from tests.cli.commands import Command
from tests.governance.records import register, write_records
from tests.loop.stages import Stages

BROKEN = """// fine so far

@id("typo")
permit (principal, action == Action::"raed", resource);
"""


@pytest.fixture(autouse=True)
def inside(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root)


def test_the_starter_set_is_valid_and_answers_its_cases(governed: Command) -> None:
    checked = governed("policy", "check", "--json")
    assert (checked.code, checked.facts["files"]) == (0, 2)
    done = governed("policy", "test", "--json")
    assert done.code == 0, done.err
    assert {row["outcome"] for row in done.facts} == {"passed"}
    assert len(done.facts) >= 7


def test_a_case_that_is_answered_otherwise_fails_with_its_name(
    governed: Command, workspace: Workspace
) -> None:
    cases = workspace.policies / "cases.toml"
    cases.write_text(
        '[[case]]\nname = "Anybody deploys"\naction = "deploy"\nexpect = "allow"\n'
        '[[case]]\nname = "Operators deploy"\naction = "deploy"\nroles = ["operator"]\n'
        'expect = "allow"\npolicies = ["another"]\n'
    )
    done = governed("policy", "test")
    assert done.code == 1
    assert "2 of 2 cases" in done.err
    assert "Anybody deploys: deny, by no policy; expected was allow" in done.err
    asked = governed("policy", "test", "--json").facts
    assert [row["expected"] for row in asked] == ["allow", "allow, by another"]


@pytest.mark.parametrize(
    "text",
    [
        "[[case]]\nname = 1",
        "[[cases]]\nname = 1",
        "case = 1",
        "nonsense",
        '[[case]]\nname="a"\naction="fly"\nexpect="deny"',
        '[[case]]\nname="a"\naction="read"\nclass="helth"\nexpect="deny"',
        '[[case]]\nname="a"\naction="read"\npurpose="training"\nexpect="deny"',
        '[[case]]\nname="a"\naction="read"\npurposes=["trian"]\nexpect="deny"',
        '[[case]]\nname="a"\naction="read"\nroles=["king"]\nexpect="deny"',
    ],
)
def test_cases_that_mean_nothing_are_wrong_use(
    governed: Command, workspace: Workspace, text: str
) -> None:
    (workspace.policies / "cases.toml").write_text(text)
    assert governed("policy", "test").code == 2


def test_a_test_that_asks_nothing_does_not_pass(governed: Command, workspace: Workspace) -> None:
    (workspace.policies / "cases.toml").write_text("# none yet\n")
    done = governed("policy", "test")
    assert (done.code, "has no [[case]]" in done.err) == (1, True)
    (workspace.policies / "cases.toml").unlink()
    done = governed("policy", "test")
    assert (done.code, "is not there" in done.err) == (1, True)


def test_a_wrong_case_is_named_by_its_number(governed: Command, workspace: Workspace) -> None:
    good = '[[case]]\nname = "a"\naction = "deploy"\nexpect = "deny"\n'
    (workspace.policies / "cases.toml").write_text(good + good + 'colour = "red"\n')
    assert "case 2: Object contains unknown field `colour`" in governed("policy", "test").err


def test_a_mistake_is_named_with_its_line_and_can_not_be_adopted(
    governed: Command, workspace: Workspace
) -> None:
    (workspace.policies / "broken.cedar").write_text(BROKEN)
    for command in (("check",), ("show",), ("adopt", *governed.signed("ada"))):
        done = governed("policy", *command)
        assert done.code == 2, command
        assert "policies/broken.cedar, line 4: not a valid policy" in done.err
        assert "raed" in done.err


@pytest.mark.parametrize(
    ("condition", "line", "said"),
    [
        ('principal in Role::"data-scintist"', 5, "no role 'data-scintist'"),
        ('[Role::"reviewer", Role::"king"].contains(Role::"king")', 5, "no role 'king'"),
        ('resource.class == DataClass::"helth"', 5, "no data class 'helth'"),
        ('resource == Dataset::"people"', 5, "no version 'people'"),
        ("context has purposee", 5, "no attribute 'purposee'"),
        ('context.purpose == "training"', 5, "no purpose 'training'"),
        ('["train", "trian"].contains(context.purpose)', 5, "no purpose 'trian'"),
        ('resource.purposes.contains("trian")', 5, "no purposes 'trian'"),
        ('context.mode != "relese"', 5, "no mode 'relese'"),
        ('resource.kind == "dataset"', 5, "no kind 'dataset'"),
    ],
)
def test_a_word_that_nothing_is_called_is_named_with_its_line_and_can_not_be_adopted(
    governed: Command, workspace: Workspace, condition: str, line: int, said: str
) -> None:
    """Its condition is false for good: a policy that forbids by it would never forbid."""
    text = f"""@id("mine")
// reads
@reason("mine")
forbid (principal, action == Action::"read", resource)
when {{ {condition} }};
"""
    (workspace.policies / "mine.cedar").write_text(text)
    for command in (("check",), ("adopt", *governed.signed("ada"))):
        done = governed("policy", *command)
        assert done.code == 2, command
        assert f"policies/mine.cedar, line {line}: not a valid policy" in done.err
        assert f"there is {said}, so this is never so" in done.err


def test_words_that_there_are_can_be_adopted(governed: Command, workspace: Workspace) -> None:
    text = """@id("mine")
forbid (principal in Role::"reviewer", action == Action::"read", resource)
when { resource.class == DataClass::"health" && ["train", "deploy"].contains(context.purpose)
       && resource.kind == "data" && resource.name == "anything" && resource.owner == "Clinic"
       && !(resource.purposes.contains("explore")) && context has purpose };
@id("other")
forbid (principal, action == Action::"deploy", resource)
when { resource.risk == "unrated" && context.environment == "production" };
@id("third")
forbid (principal, action == Action::"approve", resource == Release::"a@1")
when { context.purpose == "deployment" };
"""
    (workspace.policies / "mine.cedar").write_text(text)
    assert governed("policy", "check").code == 0
    assert governed("policy", "adopt", *governed.signed("ada")).code == 0


def test_an_edited_policy_counts_once_it_is_adopted(
    governed: Command, workspace: Workspace
) -> None:
    (workspace.policies / "mine.cedar").write_text(
        '@id("mine") forbid (principal, action == Action::"promote", resource);'
    )
    assert governed("policy", "show", "--json").facts["in_force"] is False
    assert governed("policy", "adopt", *governed.signed("ada")).code == 0
    shown = governed("policy", "show", "--json").facts
    assert shown["in_force"] is True
    assert "mine" in [policy["id"] for policy in shown["policies"]]


def test_an_explanation_names_policy_reason_and_remedy(
    governed: Command, workspace: Workspace, tmp_path: Path
) -> None:
    register(workspace, write_records(tmp_path / "a.csv"), "a", purposes=["explore", "evaluate"])
    asked = ("policy", "explain", "read", "a", "--as", "sam", "--purpose", "training")
    facts = governed(*asked, "--json").facts
    assert facts["allowed"] is False
    assert facts["policies"] == ["version-purposes"]
    assert "it were read to explore" in facts["would_be_allowed_if"]
    assert "a@1 were registered to train as well" in facts["would_be_allowed_if"]
    said = governed(*asked)
    assert said.code == 0
    assert "its owner did not register it for this purpose" in said.out
    assert "it would be allowed if it were read to explore" in said.out


def test_what_no_policy_can_change_is_said(
    governed: Command, workspace: Workspace, tmp_path: Path
) -> None:
    register(workspace, write_records(tmp_path / "a.csv"), "a", retention_until="2020-01-01")
    done = governed("policy", "explain", "read", "a", "--as", "sam")
    assert "had to be gone by 2020-01-01" in done.out
    assert done.out.endswith("no policy can change that\n"), "a re-run reads it no more either"
    done = governed("policy", "explain", "promote", "a@1", "--as", "ghost")
    assert done.out.endswith("no policy can change that\n")


@pytest.mark.slow
def test_what_gates_refuse_whoever_asks_is_said_beside_what_policies_permit(
    stages: Stages, tmp_path: Path
) -> None:
    place = stages.candidate.copy(tmp_path)
    asked = "policy explain run sour --as otto"
    facts = place.done_here(f"{asked} --json").facts
    assert facts["allowed"] is True
    assert "0 of 2 approvals" in facts["gates"]
    assert "whoever asks, gates refuse it now: sour@1 is not approved" in place.done_here(asked).out
    facts = place.done_here("policy explain deploy sour --as otto --json").facts
    assert "has no validated run" in facts["gates"]
    released = stages.released.copy(tmp_path / "released")
    for action in ("run", "deploy"):
        asked = f"policy explain {action} sour --as otto"
        assert released.done_here(f"{asked} --json").facts["gates"] == ""
        assert "gates" not in released.done_here(asked).out
    released.done_here("revoke sour --reason 'bad news' {rui}")
    for action in ("run", "deploy"):
        said = released.done_here(f"policy explain {action} sour --as otto --json").facts["gates"]
        assert "sour@1 was revoked" in said
        assert "bad news" in said


def test_somebody_unknown_is_told_to_be_added_and_not_to_be_granted_a_role(
    governed: Command, workspace: Workspace, tmp_path: Path
) -> None:
    register(workspace, write_records(tmp_path / "a.csv"), "a")
    (workspace.policies / "mine.cedar").write_text(
        '@id("mine") forbid (principal, action == Action::"read", resource) '
        'unless { principal in Role::"legal" };'
    )
    done = governed("policy", "explain", "read", "a", "--as", "ghost")
    assert "ghost were added as legal ('governed people add ghost --role legal')" in done.out
    assert "grant" not in done.out


def test_the_starter_set_comes_back_where_there_is_none(
    governed: Command, workspace: Workspace
) -> None:
    assert governed("policy", "starter").code == 2
    for file in workspace.policies.glob("*.cedar"):
        file.unlink()
    assert governed("policy", "starter").code == 0
    assert governed("policy", "show", "--json").facts["in_force"] is True


def test_the_schema_says_what_policies_may_speak_of(governed: Command) -> None:
    assert 'action "read" appliesTo' in governed("policy", "schema").out
