"""What the workspace's policies say of a person, an action and a thing.

Policies can only ask for more than what always holds: locked evaluation sets, ended retention,
needed roles, authors who don't count are refused elsewhere, whatever policies say.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime

from governed_kernel.configuration import Configuration
from governed_kernel.errors import GovernedError, PolicyDenied
from governed_kernel.governance.cedar import Entity, Policies, Question, Verdict
from governed_kernel.governance.register import Register
from governed_kernel.governance.roster import Person
from governed_kernel.governance.rules import read_rules
from governed_kernel.lineage.attestations import (
    Approval,
    Deployment,
    PersonAdded,
    Predicate,
    Promotion,
    Recall,
    RecallAnswer,
    Rejection,
    Revocation,
    RiskAcceptance,
    RoleGranted,
    RoleWithdrawn,
    ServiceKeyReplaced,
)
from governed_kernel.lineage.events import DatasetRegistered

__all__ = [
    "ACTIONS",
    "OF_WORKSPACE",
    "WORKSPACE",
    "check_action",
    "check_run",
    "check_workspace",
    "class_entity",
    "context_of",
    "dataset_entity",
    "denied",
    "is_expired",
    "kept_until",
    "may_read",
    "may_read_somehow",
    "names_datasets",
    "person_entity",
    "person_of",
    "policies_of",
    "question_of",
    "release_entity",
    "release_of",
    "session_person",
]

WORKSPACE = Entity("Workspace", "this")
OF_WORKSPACE = ("manage-people", "register", "recall")
"""The actions that are asked about the workspace itself."""
ACTIONS = (
    *("read", "promote", "approve", "accept-risk", "answer-recall", "reject", "revoke"),
    *("run", "deploy"),
    *OF_WORKSPACE,
)
_known: dict[str, Policies] = {}


def policies_of(register: Register) -> Policies:
    """The policies in force: those that lie in the workspace, if an administrator adopted them.

    Raises
    ------
    NotApproved
        Nobody adopted what lies there.
    ConfigurationError
        One of them is not a valid policy.
    """
    rules = read_rules(register.workspace)
    register.check_policy(digest=rules.digest)
    known = _known.get(rules.digest)
    if known is None:
        _known.clear()
        known = _known[rules.digest] = Policies(rules.policies)
    return known


# --- the things that questions are about ------------------------------------------------------


def person_entity(name: str, roles: list[str], printed_name: str = "") -> Entity:
    """A person with roles."""
    parents = tuple(Entity("Role", role) for role in sorted(set(roles)))
    return Entity("Person", name, {"printed_name": printed_name or name}, parents)


def person_of(register: Register, name: str) -> Entity:
    """Somebody by name; who is not known has no role."""
    known = register.people.get(name)
    return person_entity(name, known.roles if known else [], known.printed_name if known else "")


def class_entity(settings: Configuration, name: str) -> Entity:
    """A data class; one that governed.toml does not have is admitted to nothing."""
    known = settings.classes.get(name)
    return Entity("DataClass", name, {"purposes": sorted(known.purposes) if known else []})


def dataset_entity(register: Register, version: DatasetRegistered, *, named: bool = True) -> Entity:
    """A version of a dataset or base model; not `named`, all that are alike are one."""
    attributes = {
        "name": version.dataset if named else "",
        "class": class_entity(register.workspace.settings, version.data_class),
        "purposes": sorted(set(version.purposes)),
        "kind": version.kind,
        "state": version.state,
        "owner": version.owner,
        "legal_basis": version.legal_basis,
        "holdout": version.sha256 in register.locked,
        "contains_holdout": version.sha256 in register.divided,
        "expired": is_expired(version, register.moment),
    }
    name = f"{version.dataset}@{version.version}" if named else ""
    return Entity("Dataset", name, attributes)


def kept_until(version: DatasetRegistered) -> date | None:
    """The last day on which a version may be kept; None where no end is set."""
    if not version.retention_until:
        return None
    try:
        return date.fromisoformat(version.retention_until)
    except ValueError:  # not written by this program; what can't be read has ended
        return date.min


def is_expired(version: DatasetRegistered, moment: datetime | None = None) -> bool:
    """Whether the retention of a version has ended, by the clock or at a `Register.moment`."""
    last = kept_until(version)
    return last is not None and last < (moment or datetime.now(UTC)).date()


def release_entity(name: str, author: Entity, risk: str) -> Entity:
    """A release."""
    return Entity("Release", name, {"author": author, "risk": risk})


def release_of(register: Register, name: str) -> Entity:
    """A release by name, with its author and risk class."""
    promotion = register.promotions.get(name)
    author = person_of(register, promotion.person if promotion else "")
    return release_entity(name, author, promotion.risk_class if promotion else "unrated")


# --- reading ------------------------------------------------------------------------------------


def session_person() -> str:
    """Who works here, as far as it says: ``GOVERNED_PERSON``, else the system's user."""
    said = os.environ.get("GOVERNED_PERSON", "")
    if said:
        return said
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return str(os.environ.get("USER", ""))


def may_read(
    register: Register,
    version: DatasetRegistered,
    purpose: str,
    *,
    person: str,
    mode: str = "research",
    run_kind: str = "",
    named: bool = True,
) -> Verdict:
    """What the policies say of reading a version for a purpose; without valid ones it is no."""
    context = {"purpose": purpose, "mode": mode, "run_kind": run_kind}
    thing = dataset_entity(register, version, named=named)
    question = Question(person_of(register, person), "read", thing, context)
    try:
        return policies_of(register).ask(question)
    except GovernedError as error:
        return Verdict(False, errors=[f"{error.what}: {error.why}; {error.next}"])


def may_read_somehow(
    register: Register,
    version: DatasetRegistered,
    *,
    person: str,
    mode: str = "research",
    run_kind: str = "",
    named: bool = True,
) -> Verdict:
    """As `may_read` for whichever purpose is permitted; for whoever does not say one."""
    wanted = ("validate",) if run_kind == "validation" else ()
    for purpose in (*wanted, "explore", "train", "evaluate"):
        verdict = may_read(
            register, version, purpose, person=person, mode=mode, run_kind=run_kind, named=named
        )
        if verdict.allowed:
            break
    return verdict


def names_datasets(register: Register) -> bool:
    """Whether a policy in force may speak of one dataset by its name."""
    try:
        return policies_of(register).names_datasets
    except GovernedError:
        return False  # then everything is refused


# --- acting -------------------------------------------------------------------------------------


def context_of(
    action: str, *, purpose: str = "", run_kind: str = "", environment: str = "production"
) -> dict[str, str]:
    """What else policies are told when they are asked about an action on a release."""
    contexts = {
        "approve": {"purpose": purpose or "run"},
        "run": {"run_kind": run_kind or "release"},
        "deploy": {"environment": environment},
    }
    return contexts.get(action, {})


def question_of(register: Register, who: Person, predicate: Predicate) -> Question | None:
    """The question that a signed statement raises; None for what no policy is asked about.

    Adopting policies is not: an administrator must be able to mend them. Nor is whoever revokes a
    key, which must never be made harder.
    """
    person = person_of(register, who.name)
    match predicate:
        case Promotion():
            thing = release_entity(predicate.release, person, predicate.risk_class)
            return Question(person, "promote", thing)
        case Approval():
            thing = release_of(register, predicate.release)
            context = context_of("approve", purpose=predicate.purpose)
            return Question(person, "approve", thing, context)
        case Rejection():
            return Question(person, "reject", release_of(register, predicate.release))
        case Revocation():
            return Question(person, "revoke", release_of(register, predicate.release))
        case Deployment():
            thing = release_of(register, predicate.release)
            context = context_of("deploy", environment=predicate.environment)
            return Question(person, "deploy", thing, context)
        case RiskAcceptance():
            return Question(person, "accept-risk", release_of(register, predicate.release))
        case RecallAnswer():
            return Question(person, "answer-recall", release_of(register, predicate.release))
        case Recall():
            return Question(person, "recall", WORKSPACE)
        case PersonAdded() | RoleGranted() | RoleWithdrawn() | ServiceKeyReplaced():
            return Question(person, "manage-people", WORKSPACE)
        case _:
            return None


_OPTIONS = {"purpose": "--purpose", "run_kind": "--run-kind", "environment": "--env"}
"""What policies are told of an action → how ``governed policy explain`` is told of it."""


def check_action(register: Register, who: Person, predicate: Predicate) -> list[str]:
    """Refuse what policies don't permit; returns the ids of those that permit it.

    Raises
    ------
    PolicyDenied
        No policy permits it, or one forbids it.
    """
    question = question_of(register, who, predicate)
    return [] if question is None else _check(register, question)


def check_run(register: Register, release: str, person: str, kind: str) -> list[str]:
    """Refuse (`PolicyDenied`) a run that policies don't let this person start."""
    context = context_of("run", run_kind=kind)
    thing = release_of(register, release)
    return _check(register, Question(person_of(register, person), "run", thing, context))


def check_workspace(register: Register, person: str, action: str) -> list[str]:
    """Refuse (`PolicyDenied`) what policies don't let this person do to the workspace."""
    return _check(register, Question(person_of(register, person), action, WORKSPACE))


def _check(register: Register, question: Question) -> list[str]:
    verdict = policies_of(register).ask(question)
    if verdict.allowed:
        return verdict.ids
    of = "" if question.resource == WORKSPACE else f" {question.resource.id}"
    usual = context_of(question.action)
    more = "".join(
        f" {_OPTIONS[name]} {value}"
        for name, value in question.context.items()
        if name in _OPTIONS and value != usual.get(name)
    )
    raise denied(
        f"policy does not let {question.principal.id} {question.action}{of}",
        verdict,
        f"{question.action}{of} --as {question.principal.id}{more}",
    )


def denied(what: str, verdict: Verdict, asked: str) -> PolicyDenied:
    """The refusal of `what`, with the policies behind it.

    Parameters
    ----------
    asked : str
        The question, as ``governed policy explain`` takes it.
    """
    error = PolicyDenied(
        what,
        why=f"{verdict.why} ({', '.join(verdict.ids) or 'no policy'})",
        next=verdict.advice or f"'governed policy explain {asked}' says what would change that",
    )
    error.policies = tuple(verdict.ids)
    return error
