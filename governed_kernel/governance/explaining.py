"""Why something is refused, and what would change that: the same question, one thing different."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from governed_kernel.errors import UnknownName, UsageError
from governed_kernel.governance import authorization, masking, names, permission
from governed_kernel.governance.cedar import Entity, Policies, Question, Verdict
from governed_kernel.governance.counting import Purpose
from governed_kernel.governance.register import Register
from governed_kernel.governance.verification import NEEDED_ROLES
from governed_kernel.lineage.attestations import (
    Deployment,
    PersonAdded,
    Predicate,
    Promotion,
    Recall,
    RecallAnswer,
    Rejection,
    Revocation,
    RiskAcceptance,
)
from governed_kernel.workspace import Workspace

__all__ = ["Explanation", "ask", "explain", "floor", "masked"]

_RUNS = (("research", ""), ("release", "release"), ("release", "rerun"), ("release", "validation"))
_SIGNED: dict[str, type[Predicate]] = {
    "promote": Promotion,
    "reject": Rejection,
    "revoke": Revocation,
    "accept-risk": RiskAcceptance,
    "answer-recall": RecallAnswer,
    "deploy": Deployment,
    "manage-people": PersonAdded,
    "recall": Recall,
}
"""What somebody signs to do it, and so with one of which roles."""


@dataclass(frozen=True)
class Explanation:
    """An answer and its neighbours.

    Attributes
    ----------
    verdict : Verdict
        What the policies say.
    floor : list of tuple of str
        Id and reason of each thing that refuses it whatever they say.
    changes : list of str
        Single changes after which it would be allowed; empty when it is.
    """

    question: Question
    verdict: Verdict
    floor: list[tuple[str, str]]
    changes: list[str]


def ask(
    register: Register,
    action: str,
    resource: str,
    person: str,
    *,
    purpose: str = "",
    mode: str = "research",
    run_kind: str = "",
    environment: str = "production",
) -> Question:
    """The question in the words of the command line.

    Raises
    ------
    UsageError, UnknownName
        No such action, dataset, release or purpose.
    """
    who = authorization.person_of(register, person)
    if action == "read":
        thing = authorization.dataset_entity(register, register.version(resource))
        wanted = names.purpose(purpose or "explore")
        return Question(who, action, thing, {"purpose": wanted, "mode": mode, "run_kind": run_kind})
    if action in authorization.OF_WORKSPACE:
        return Question(who, action, authorization.WORKSPACE)
    if action not in authorization.ACTIONS:
        raise UsageError(
            f"no action is called {action!r}",
            why=f"actions are {', '.join(authorization.ACTIONS)}",
            next="'governed policy schema' says what each is asked about",
        )
    context = authorization.context_of(
        action, purpose=purpose, run_kind=run_kind, environment=environment
    )
    named = resource if action == "promote" else _promoted(register, resource)
    return Question(who, action, authorization.release_of(register, named), context)


def _promoted(register: Register, name: str) -> str:
    """The release of that name; a bare name means its newest version."""
    versions = [each for each in register.promotions if name in (each, each.partition("@")[0])]
    if versions:
        return versions[-1]
    raise UnknownName(
        f"there is no release {name}",
        why=f"known are {', '.join(register.promotions) or 'none yet'}",
        next="'governed release list' shows them",
    )


def floor(register: Register, question: Question) -> list[tuple[str, str]]:
    """Id and reason of each thing that refuses this whatever policies say.

    Roles, class and risk are those of the question, which may not be those on record.
    """
    person, context = question.principal.id, question.context
    if question.action == "read":
        version = register.version(question.resource.id)
        mode = str(context["mode"])
        found = permission.floor(
            register, version, str(context["purpose"]), mode, str(context["run_kind"])
        )
        if mode == "research":
            data_class = question.resource.attributes["class"].id
            found += permission.not_a_reader(
                register.workspace.settings,
                question.resource.id,
                data_class,
                person,
                _roles(question),
            )
        return found
    if question.action not in (*_SIGNED, "approve"):
        return []  # nobody signs it, so policies alone decide
    if person not in register.people:
        return [("known-person", f"nobody here is called {person!r}")]
    return [*_missing_role(register, question), *_own_work(question)]


def _roles(question: Question) -> list[str]:
    return [role.id for role in question.principal.parents]


def _missing_role(register: Register, question: Question) -> Iterator[tuple[str, str]]:
    needed: tuple[str, ...]
    if question.action == "approve":
        purpose: Purpose = "deployment" if question.context["purpose"] == "deployment" else "run"
        needed = register.rule_of(purpose, question.resource.attributes["risk"]).roles
    else:
        needed = NEEDED_ROLES[_SIGNED[question.action]]
    held = _roles(question)
    if not set(needed) & set(held):
        has = f"{question.principal.id} has {', '.join(held) or 'none'}"
        yield "needed-roles", f"it takes the role {' or '.join(needed)}; {has}"


def _own_work(question: Question) -> Iterator[tuple[str, str]]:
    if question.action in ("approve", "accept-risk", "answer-recall"):
        author = question.resource.attributes["author"]
        if author.id == question.principal.id:
            yield "own-work", f"{author.id} is the author of {question.resource.id}"


def explain(register: Register, policies: Policies, question: Question) -> Explanation:
    """Ask, and where the answer is no look for single changes that make it yes."""
    verdict, against = policies.ask(question), floor(register, question)
    changes: list[str] = []
    if against or not verdict.allowed:
        changes = [
            said
            for said, other in _neighbours(register, question)
            if policies.ask(other).allowed and not floor(register, other)
        ]
    return Explanation(question, verdict, against, changes)


def masked(register: Register, question: Question) -> dict[str, str]:
    """Columns, as the class of what is read in research names them, that are masked, and how."""
    if question.action != "read" or question.context["mode"] != "research":
        return {}
    version = register.version(question.resource.id)
    if not masking.is_masked_for(register, version, question.principal.id):
        return {}
    return dict(register.workspace.settings.classes[version.data_class].masked)


def _neighbours(register: Register, question: Question) -> Iterator[tuple[str, Question]]:
    """The questions that differ in one thing, each with what differs."""
    workspace, who = register.workspace, question.principal
    held = _roles(question)
    had, by = ("had the role", "grant") if who.id in register.people else ("were added as", "add")
    for role in names.ROLES:
        if role not in held:
            more = who._replace(parents=(*who.parents, Entity("Role", role)))
            said = f"{who.id} {had} {role} ('governed people {by} {who.id} --role {role}')"
            yield said, _with_person(question, more)
    if question.resource.type == "Dataset":
        yield from _other_reads(workspace, question)
    elif question.resource.type == "Release":
        yield from _other_releases(workspace, question)


def _with_person(question: Question, person: Entity) -> Question:
    """The same asked by a person with other roles, who is the author if they were."""
    resource = question.resource
    author = resource.attributes.get("author")
    if isinstance(author, Entity) and author.id == person.id:
        resource = resource._replace(attributes={**resource.attributes, "author": person})
    return question._replace(principal=person, resource=resource)


def _other_reads(workspace: Workspace, question: Question) -> Iterator[tuple[str, Question]]:
    context, data = dict(question.context), question.resource
    for purpose in names.PURPOSES:
        if purpose != context["purpose"]:
            other = {**context, "purpose": purpose}
            yield f"it were read to {purpose}", question._replace(context=other)
    for mode, kind in _RUNS:
        if (mode, kind) != (context["mode"], context["run_kind"]):
            where = f"a {kind} run" if kind else "research"
            other = {**context, "mode": mode, "run_kind": kind}
            yield f"it were read in {where}", question._replace(context=other)
    purposes = sorted({*data.attributes["purposes"], context["purpose"]})
    if purposes != data.attributes["purposes"]:
        other_data = data._replace(attributes={**data.attributes, "purposes": purposes})
        said = f"{data.id} were registered to {context['purpose']} as well"
        yield said, question._replace(resource=other_data)
    for name in workspace.settings.classes:
        if name != data.attributes["class"].id:
            of = authorization.class_entity(workspace.settings, name)
            other_data = data._replace(attributes={**data.attributes, "class": of})
            yield f"{data.id} were of class {name}", question._replace(resource=other_data)


def _other_releases(workspace: Workspace, question: Question) -> Iterator[tuple[str, Question]]:
    release = question.resource
    if release.attributes["author"].id == question.principal.id:
        other = authorization.person_entity("somebody-else", [])
        attributes = {**release.attributes, "author": other}
        said = f"somebody else had written {release.id}"
        yield said, question._replace(resource=release._replace(attributes=attributes))
    for risk in workspace.settings.risk_classes:
        if risk != release.attributes["risk"]:
            attributes = {**release.attributes, "risk": risk}
            said = f"{release.id} were of {risk} risk"
            yield said, question._replace(resource=release._replace(attributes=attributes))
    if question.action == "deploy":
        for environment in ("preprod", "production"):
            if environment != question.context["environment"]:
                yield (
                    f"it were deployed to {environment}",
                    question._replace(context={"environment": environment}),
                )
