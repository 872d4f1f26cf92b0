"""Policies in Cedar: read, checked with line numbers, and asked.

A policy set answers *yes* only when a ``permit`` says so, no ``forbid`` does, and nothing went
wrong on the way: Cedar itself leaves out a policy that fails to evaluate, so a failing ``forbid``
would let pass what it was written against. Every policy bears an ``@id``: decisions name it.

Language: https://docs.cedarpolicy.com.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from governed_kernel.errors import ConfigurationError

if TYPE_CHECKING:  # imported where it is asked: a kernel where nothing is catalogued never does
    import cedarpy

__all__ = ["Entity", "Policies", "Policy", "Question", "Verdict", "mistake", "schema_text"]

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|[{}();]|\n', re.DOTALL)
_ANNOTATION = re.compile(r'@(\w+)\(\s*"((?:\\.|[^"\\])*)"\s*\)')
_EFFECT = re.compile(r"\b(permit|forbid)\s*\(")
_COUNTED = re.compile(r"policy `policy(\d+)`")
"""How the engine names a policy of a set that was given as one text."""
_NAMED = re.compile(r'`(?:Action::")?(\w{2,})"?`')
"""The word that the engine speaks of."""
_ENGINE_NAME = re.compile(r"(?:for policy `[^`]*`, |Policy parse error: )")


@cache
def schema_text() -> str:
    """The schema that every policy and every question must fit."""
    return (Path(__file__).parent / "governed.cedarschema").read_text(encoding="utf-8")


@cache
def _schema() -> cedarpy.Schema:
    import cedarpy

    return cedarpy.Schema.from_str(schema_text())


@dataclass(frozen=True)
class Policy:
    """One policy as it stands in a file.

    Attributes
    ----------
    id : str
        From its ``@id`` annotation.
    effect : str
        ``permit`` or ``forbid``.
    file, line : str, int
        Where it begins.
    reason, advice : str
        From its annotations of these names: why it is there, and what to do when it refuses.
    """

    id: str
    effect: str
    file: str
    line: int
    text: str
    reason: str = ""
    advice: str = ""


class Entity(NamedTuple):
    """Something that a question is about.

    Attributes
    ----------
    type, id : str
        As in ``Dataset::"wdbc@1"``.
    attributes : mapping
        Of plain values and, for what refers to another, of `Entity`.
    parents : tuple of Entity
        What it is in, such as a person's roles.
    """

    type: str
    id: str
    attributes: Mapping[str, Any] = {}
    parents: tuple[Any, ...] = ()

    @property
    def uid(self) -> dict[str, str]:
        """Its name as Cedar's JSON has it."""
        return {"type": self.type, "id": self.id}


class Question(NamedTuple):
    """Whether `principal` may do `action` to `resource`."""

    principal: Entity
    action: str
    resource: Entity
    context: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Verdict:
    """The answer.

    Attributes
    ----------
    policies : list of Policy
        Those that decided: every ``forbid`` that applied, or that could not be evaluated, else
        every ``permit``; none when nothing permits it.
    errors : list of str
        What failed on the way; then the answer is no.
    """

    allowed: bool
    policies: list[Policy] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """Ids of the policies that decided."""
        return [policy.id for policy in self.policies]

    @property
    def why(self) -> str:
        """The reason, for people."""
        if self.errors:
            return f"the policies could not be evaluated: {'; '.join(self.errors)}"
        if not self.policies:
            return "no policy permits it"
        return "; ".join(policy.reason or f"policy {policy.id}" for policy in self.policies)

    @property
    def advice(self) -> str:
        """What the policies that decided advise."""
        return "; ".join(policy.advice for policy in self.policies if policy.advice)


class Policies:
    """The policies of a workspace.

    Parameters
    ----------
    files : mapping of str to str
        Name of each file, as messages give it, and its text.

    Raises
    ------
    ConfigurationError
        A policy does not parse, does not fit the schema, is a template, has no ``@id`` or that of
        another; file and line are named.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        self.policies = [each for name in sorted(files) for each in split(name, files[name])]
        self._by_id: dict[str, Policy] = {}
        for policy in self.policies:
            _check(policy)
            other = self._by_id.setdefault(policy.id, policy)
            if other is not policy:
                raise mistake(
                    policy,
                    f"its id {policy.id!r} is that of {other.file}, line {other.line}",
                    "give each policy an id of its own: decisions name policies by it",
                )
        import cedarpy

        text = "\n".join(policy.text for policy in self.policies)
        self._handle = cedarpy.PolicySet.from_str(text)
        said = json.loads(cedarpy.policies_to_json_str(text))
        for template in said["templates"].values():
            raise mistake(
                self._by_id[template["annotations"]["id"]],
                "it is a template, which nothing here fills in: it would never permit or forbid",
                "name a person, an action or a dataset in the place of ?principal or ?resource",
            )
        self._read: Mapping[str, Any] = said["staticPolicies"]
        self.names_datasets = _names_a_dataset(said)
        """Whether some policy tells one dataset from others like it: by its name, or as itself."""

    def check_contradictions(self) -> None:
        """Refuse a policy that says the opposite of exactly what another one says.

        They are held against each other as the engine has read them, however they are laid out.
        What was adopted before goes on to decide, so this is asked of what is to be adopted.

        Raises
        ------
        ConfigurationError
            With file and line of both.
        """
        known: dict[str, Policy] = {}
        for policy, said in self.as_read():
            same = {part: said[part] for part in ("principal", "action", "resource", "conditions")}
            other = known.setdefault(json.dumps(same, sort_keys=True), policy)
            if other.effect != policy.effect:
                raise mistake(
                    policy,
                    f"it says {policy.effect} of exactly what {other.file}, line {other.line} "
                    f"({other.id!r}), says {other.effect} of, and forbid always wins",
                    "remove one of the two, or give one of them a condition of its own",
                )

    def as_read(self) -> Iterator[tuple[Policy, Mapping[str, Any]]]:
        """Each policy, and what the engine has read of it: Cedar's JSON."""
        for number, policy in enumerate(self.policies):
            yield policy, self._read[f"policy{number}"]

    def __getitem__(self, identifier: str) -> Policy:
        return self._by_id[identifier]

    def ask(self, question: Question) -> Verdict:
        """Put a question; what can't be evaluated is refused."""
        request = {
            "principal": question.principal.uid,
            "action": {"type": "Action", "id": question.action},
            "resource": question.resource.uid,
            "context": dict(question.context),
        }
        import cedarpy

        about = [question.principal, question.resource]
        try:
            answer = cedarpy.is_authorized(request, self._handle, list(_facts(about)), _schema())
        except (ValueError, TypeError) as error:
            return Verdict(False, errors=[str(error)])
        said = answer.diagnostics
        deciding = [self._by_id[name] for name in said.id_annotations_by_reason.values()]
        # NoDecision, and an Allow that some policy's failure may have made possible, are a no.
        errors = [str(error) for error in said.errors]
        if errors:
            deciding = [each for each in deciding if each.effect == "forbid"]
            deciding += {each.id: each for error in errors for each in self._meant(error)}.values()
            errors = [self._told(error) for error in errors]
        deciding.sort(key=lambda policy: (policy.file, policy.line))
        return Verdict(bool(answer.allowed) and not errors, deciding, errors)

    def _meant(self, error: str) -> list[Policy]:
        """The policies that an error speaks of: the engine counts them in the order of the text."""
        return [self.policies[int(number)] for number in _COUNTED.findall(error)]

    def _told(self, error: str) -> str:
        """An error with the policies' own names, and where they are."""
        for policy in self._meant(error):
            named = f"policy {policy.id!r} ({policy.file}, line {policy.line})"
            error = _COUNTED.sub(lambda _, named=named: named, error, count=1)  # type: ignore[misc]
        return error


def _names_a_dataset(said: Any) -> bool:
    """Whether policies, in Cedar's JSON, look at a dataset's name or speak of one as itself."""
    match said:
        case {"type": "Dataset", "id": _} | {"attr": "name"}:
            return True
        case dict():
            return any(map(_names_a_dataset, said.values()))
        case list():
            return any(map(_names_a_dataset, said))
        case _:
            return False


def _facts(about: Iterable[Entity]) -> Iterator[dict[str, Any]]:
    """The entities, and all that they refer to, in Cedar's JSON; each once."""
    waiting, known = list(about), set()
    while waiting:
        entity = waiting.pop()
        if (entity.type, entity.id) in known:
            continue
        known.add((entity.type, entity.id))
        attributes = {}
        for name, value in entity.attributes.items():
            if isinstance(value, Entity):
                waiting.append(value)
                attributes[name] = {"__entity": value.uid}
            else:
                attributes[name] = value
        waiting += entity.parents
        parents = [parent.uid for parent in entity.parents]
        yield {"uid": entity.uid, "attrs": attributes, "parents": parents}


def split(file: str, text: str) -> list[Policy]:
    """The policies of a file, each with the line on which it begins.

    The engine gives no line numbers, so policies are told apart here and checked one by one.
    """
    found, start, depth = [], 0, 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        depth += (sign in "{(") - (sign in "})") if len(sign) == 1 and sign in "{}()" else 0
        if sign == ";" and depth == 0:
            found.append(_policy(file, text, start, token.end()))
            start = token.end()
    rest = _blank(text[start:])
    if rest.strip():
        found.append(_policy(file, text, start, len(text)))
    return found


def _blank(text: str) -> str:
    """Without comments, everything else where it was."""
    return _TOKEN.sub(lambda m: " " * len(m[0]) if m[0].startswith("//") else m[0], text)


def _policy(file: str, text: str, start: int, end: int) -> Policy:
    body = text[start:end]
    code = _blank(body)
    begins = start + len(code) - len(code.lstrip())
    notes = dict(_ANNOTATION.findall(code))
    effect = _EFFECT.search(code)
    return Policy(
        id=notes.get("id", ""),
        effect=effect[1] if effect else "",
        file=file,
        line=text.count("\n", 0, begins) + 1,
        text=text[begins:end],
        reason=notes.get("reason", ""),
        advice=notes.get("advice", ""),
    )


def _check(policy: Policy) -> None:
    import cedarpy

    result = cedarpy.validate_policies(policy.text, _schema())
    if not result.validation_passed:
        said = "; ".join(_ENGINE_NAME.sub("", error.error) for error in result.errors)
        named = _NAMED.search(said)
        raise mistake(policy, said or "it does not fit the schema", word=named[1] if named else "")
    if not policy.id:
        raise mistake(
            policy, "it has no @id", 'write @id("a-short-name") before it: decisions name it'
        )


def mistake(policy: Policy, why: str, remedy: str = "", word: str = "") -> ConfigurationError:
    """What is wrong with a policy, with the line of the word that is, else of its beginning."""
    found = re.search(rf"\b{re.escape(word)}\b", _blank(policy.text)) if word else None
    line = policy.line + policy.text.count("\n", 0, found.start() if found else 0)
    return ConfigurationError(
        f"{policy.file}, line {line}: not a valid policy",
        why=why,
        next=remedy or "mend it; 'governed policy schema' prints what policies may speak of",
    )
