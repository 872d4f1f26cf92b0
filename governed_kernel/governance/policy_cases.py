"""Cases that say what policies must answer: ``policies/cases.toml``, asked by command and in CI."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from governed_kernel import toml
from governed_kernel.errors import ConfigurationError
from governed_kernel.files import read_regular
from governed_kernel.governance.authorization import (
    ACTIONS,
    OF_WORKSPACE,
    WORKSPACE,
    class_entity,
    context_of,
    person_entity,
    release_entity,
)
from governed_kernel.governance.cedar import Entity, Policies, Question, Verdict
from governed_kernel.governance.names import PURPOSES, ROLES
from governed_kernel.workspace import Workspace

__all__ = ["Case", "Outcome", "read_cases", "run_cases"]


class Case(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"of": "class"}
):
    """One question and its answer; what a case leaves out is as here.

    Attributes
    ----------
    name : str
        What must hold, as a sentence.
    roles : tuple of str
        Of whoever asks.
    of : str
        The data's class (``class`` in the file).
    purposes : tuple of str
        What the data was registered for.
    purpose : str
        What it is read for; for an approval ``run`` or ``deployment``.
    is_author : bool
        Whether the release was written by whoever asks.
    expect : str
        ``allow`` or ``deny``.
    policies : tuple of str
        Ids that must be among those that decided.
    """

    name: str
    action: str
    expect: Literal["allow", "deny"]
    person: str = "somebody"
    roles: tuple[str, ...] = ()
    dataset: str = "data"
    of: str = "internal"
    purposes: tuple[str, ...] = ("explore", "train", "evaluate", "validate")
    kind: Literal["data", "model"] = "data"
    state: str = "approved"
    owner: str = "its owner"
    legal_basis: str = ""
    holdout: bool = False
    contains_holdout: bool = False
    expired: bool = False
    purpose: str = "explore"
    mode: Literal["research", "release"] = "research"
    run_kind: str = ""
    is_author: bool = False
    risk: str = "unrated"
    environment: str = "production"
    policies: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """The answer that is expected, for people."""
        return f"{self.expect}, by {', '.join(self.policies)}" if self.policies else self.expect


class Outcome(msgspec.Struct, frozen=True):
    """What became of a case."""

    case: Case
    verdict: Verdict
    passed: bool
    said: str
    """The answer and who gave it, for people."""


def read_cases(path: Path) -> list[Case]:
    """The cases of a file; none where there is no file.

    Raises
    ------
    ConfigurationError
        It is not TOML, or a case says something that has no meaning.
    """
    try:
        document = toml.parse(read_regular(path).decode())
        found = document.pop("case", [])
        if document or not isinstance(found, list):
            raise ValueError(f"each case is a [[case]]; {', '.join(document) or 'case'} is none")
        cases = [_case(number, said) for number, said in enumerate(found, 1)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise ConfigurationError(
            f"{path} holds no valid cases",
            why=str(error),
            next=f"mend it; actions are {', '.join(ACTIONS)}; 'expect' is allow or deny",
        ) from error
    return cases


def _case(number: int, said: object) -> Case:
    try:
        case = msgspec.convert(said, Case)
    except msgspec.ValidationError as error:
        raise ValueError(f"case {number}: {error}") from error
    for kind, word, words in (
        *(("role", role, ROLES) for role in case.roles),
        *(("purpose", purpose, PURPOSES) for purpose in case.purposes),
        ("purpose", case.purpose, (*PURPOSES, "run", "deployment")),
    ):
        if word not in words:
            said = f"no {kind} is called {word!r}: there are {', '.join(words)}"
            raise ValueError(f"case {number} ({case.name!r}): {said}")
    if case.action not in ACTIONS:
        raise ValueError(f"case {case.name!r}: no action is called {case.action!r}")
    return case


def run_cases(workspace: Workspace, policies: Policies, cases: list[Case]) -> list[Outcome]:
    """Ask every case.

    Raises
    ------
    ConfigurationError
        A case is of a class that ``governed.toml`` has not: it would be denied, whatever is asked.
    """
    for case in cases:
        if case.action == "read" and case.of not in workspace.settings.classes:
            raise ConfigurationError(
                f"the case {case.name!r} is of no data class",
                why=f"governed.toml has no class {case.of!r}",
                next=f"name one of {', '.join(workspace.settings.classes) or 'none'}",
            )
    return [_outcome(case, policies.ask(question(workspace, case))) for case in cases]


def question(workspace: Workspace, case: Case) -> Question:
    """The question that a case asks."""
    person = person_entity(case.person, list(case.roles))
    if case.action == "read":
        context = {"purpose": case.purpose, "mode": case.mode, "run_kind": case.run_kind}
        return Question(person, "read", _dataset(workspace, case), context)
    if case.action in OF_WORKSPACE:
        return Question(person, case.action, WORKSPACE)
    author = person if case.is_author else person_entity("somebody-else", [])
    release = release_entity("release@1", author, case.risk)
    context = context_of(
        case.action,
        purpose=case.purpose if case.purpose != "explore" else "",
        run_kind=case.run_kind,
        environment=case.environment,
    )
    return Question(person, case.action, release, context)


def _dataset(workspace: Workspace, case: Case) -> Entity:
    attributes = {
        "name": case.dataset,
        "class": class_entity(workspace.settings, case.of),
        "purposes": sorted(case.purposes),
        "kind": case.kind,
        "state": case.state,
        "owner": case.owner,
        "legal_basis": case.legal_basis,
        "holdout": case.holdout,
        "contains_holdout": case.contains_holdout,
        "expired": case.expired,
    }
    return Entity("Dataset", f"{case.dataset}@1", attributes)


def _outcome(case: Case, verdict: Verdict) -> Outcome:
    answer = "allow" if verdict.allowed else "deny"
    said = f"{answer}, by {', '.join(verdict.ids) or 'no policy'}"
    if verdict.errors:
        said += f"; {'; '.join(verdict.errors)}"
    passed = answer == case.expect and set(case.policies) <= set(verdict.ids)
    return Outcome(case, verdict, passed, said)
