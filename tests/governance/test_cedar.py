"""Policies are read with their line numbers, and refuse whatever they can't answer."""

from __future__ import annotations

import pytest

from governed_kernel.errors import ConfigurationError
from governed_kernel.governance.cedar import Entity, Policies, Question, split

ROLE = Entity("Role", "operator")
PERSON = Entity("Person", "olga", {"printed_name": "Olga"}, (ROLE,))
AUTHOR = Entity("Person", "dora", {"printed_name": "Dora"})
RELEASE = Entity("Release", "triage@1", {"author": AUTHOR, "risk": "low"})
DEPLOY = Question(PERSON, "deploy", RELEASE, {"environment": "production"})

PERMIT = """
// a comment with a ; and an "unfinished string
@id("operators")
@reason("operators; they \\"deploy\\"")
permit (principal in Role::"operator", action == Action::"deploy", resource);
"""
FORBID = """
@id("not-here")
@advice("deploy it elsewhere")
forbid (principal, action == Action::"deploy", resource)
when { context.environment == "production" && { "a;b": 1 }["a;b"] == 1 };
"""


def test_what_a_policy_permits_is_permitted_and_names_the_policy() -> None:
    verdict = Policies({"a.cedar": PERMIT}).ask(DEPLOY)
    assert verdict.allowed
    assert verdict.ids == ["operators"]
    assert verdict.policies[0].line == 3


def test_what_no_policy_permits_is_refused() -> None:
    verdict = Policies({}).ask(DEPLOY)
    assert (verdict.allowed, verdict.ids) == (False, [])
    assert verdict.why == "no policy permits it"


def test_one_forbid_outweighs_every_permit() -> None:
    verdict = Policies({"a.cedar": PERMIT, "b.cedar": FORBID}).ask(DEPLOY)
    assert (verdict.allowed, verdict.ids) == (False, ["not-here"])
    assert verdict.advice == "deploy it elsewhere"
    other = DEPLOY._replace(context={"environment": "preprod"})
    assert Policies({"a.cedar": PERMIT, "b.cedar": FORBID}).ask(other).allowed


def test_a_forbid_that_can_not_be_evaluated_refuses() -> None:
    """Cedar alone would leave it out and say yes."""
    overflows = """
    @id("overflows")
    forbid (principal, action == Action::"deploy", resource)
    when { 9223372036854775807 + 1 > 0 };
    """
    verdict = Policies({"a.cedar": PERMIT, "b.cedar": overflows}).ask(DEPLOY)
    assert (verdict.allowed, verdict.ids) == (False, ["overflows"])
    assert "policy 'overflows' (b.cedar, line 2): integer overflow" in verdict.why
    both = Policies({"a.cedar": PERMIT, "b.cedar": overflows, "c.cedar": FORBID}).ask(DEPLOY)
    assert (both.allowed, both.ids) == (False, ["overflows", "not-here"])


@pytest.mark.parametrize(
    "question",
    [
        DEPLOY._replace(context={}),
        DEPLOY._replace(context={"environment": 7}),
        DEPLOY._replace(action="fly"),
        DEPLOY._replace(resource=Entity("Release", "triage@1")),
        DEPLOY._replace(resource=Entity("Spaceship", "x")),
        DEPLOY._replace(principal=RELEASE),
    ],
)
def test_a_question_that_does_not_fit_the_schema_is_refused(question: Question) -> None:
    verdict = Policies({"a.cedar": PERMIT}).ask(question)
    assert not verdict.allowed
    assert verdict.errors


def test_ids_of_people_and_things_may_hold_anything() -> None:
    for name in ('"); permit (principal, action, resource);', "a\nb", "\\", "'", "é😀"):
        person = PERSON._replace(id=name)
        assert Policies({"a.cedar": PERMIT}).ask(DEPLOY._replace(principal=person)).allowed
        nobody = person._replace(parents=())
        assert not Policies({"a.cedar": PERMIT}).ask(DEPLOY._replace(principal=nobody)).allowed


MISTAKES = {
    "syntax": ('permit (principal, action == Action::"deploy", resource)', "unexpected"),
    "unknown action": ('@id("x") permit (principal, action == Action::"fly", resource);', "fly"),
    "unknown attribute": (
        '@id("x") permit (principal, action == Action::"deploy", resource)'
        " when { resource.colour == 1 };",
        "colour",
    ),
    "wrong type": (
        '@id("x") permit (principal, action == Action::"deploy", resource)'
        " when { context.environment == 1 && context.environment > 2 };",
        "type",
    ),
    "unknown type": ('@id("x") permit (principal is Robot, action, resource);', "Robot"),
    "no id": ('permit (principal, action == Action::"deploy", resource);', "no @id"),
    "same id": (PERMIT.split("\n", 2)[2], "is that of a.cedar, line 3"),
    "a template, which would be passed over": (
        '@id("nobody") forbid (principal == ?principal, action, resource);',
        "it is a template",
    ),
    "no policy": ("hello", "unexpected"),
    "open comment": ('@id("x" permit', "unexpected"),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_file_and_line(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        Policies({"a.cedar": PERMIT, "b.cedar": f"// one\n\n// two\n{text}\n"})
    assert str(error.value).startswith("b.cedar, line 4: not a valid policy")
    assert said in str(error.value)


def test_policies_are_told_apart_whatever_stands_in_them() -> None:
    found = split("f", PERMIT + FORBID)
    assert [(policy.id, policy.effect, policy.line) for policy in found] == [
        ("operators", "permit", 3),
        ("not-here", "forbid", 7),
    ]
    assert split("f", "// nothing; at all\n") == []


PERMITTED = '(\n  principal in Role::"operator",\n  action == Action::"deploy",\n  resource\n)'
HIGH = ' when { resource.risk == "high" }'


@pytest.mark.parametrize(
    ("permit", "forbid"),
    [
        (PERMITTED, '(principal in Role::"operator",action==Action::"deploy",resource)'),
        (PERMITTED + HIGH, f'{" ".join(PERMITTED.split())} when{{resource.risk=="high"}}'),
    ],
)
def test_a_contradiction_is_found_however_both_are_laid_out(permit: str, forbid: str) -> None:
    texts = f'// one\n@id("p") permit {permit};', f'@id("f")\nforbid {forbid};'
    both = Policies(dict(zip(("a.cedar", "b.cedar"), texts, strict=True)))
    with pytest.raises(ConfigurationError, match=r"a.cedar, line 2 \('p'\).*always wins") as error:
        both.check_contradictions()
    assert str(error.value).startswith("b.cedar, line 1: not a valid policy")


def test_a_forbid_of_more_or_of_less_contradicts_nothing() -> None:
    policies = [
        f"permit {PERMITTED}",
        f"forbid {PERMITTED}{HIGH}",
        'forbid (principal, action == Action::"deploy", resource)',
    ]
    said = "".join(f'@id("{n}") {policy};\n' for n, policy in enumerate(policies))
    Policies({"a.cedar": said}).check_contradictions()
