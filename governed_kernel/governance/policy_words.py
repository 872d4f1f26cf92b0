"""Words of policies that the schema leaves free: roles, classes, purposes, risks, environments.

A word that nothing is ever called makes its condition false for good. Of a ``forbid`` that means
that it never forbids, and no question and no case would tell: so such a policy is not adopted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from governed_kernel.configuration import Configuration
from governed_kernel.governance.cedar import Policies, mistake, schema_text
from governed_kernel.governance.names import PURPOSES, ROLES

__all__ = ["check_words"]

_COMPARED = ("==", "!=", "contains", "containsAll", "containsAny")


def check_words(policies: Policies, settings: Configuration) -> None:
    """Refuse a policy that speaks of what there is not.

    Raises
    ------
    ConfigurationError
        With file, line and the words there are.
    """
    known = _known(settings)
    for policy, said in policies.as_read():
        for kind, word, words in _odd(said, known):
            near = difflib.get_close_matches(word, words, 1)
            meant = f"write {near[0]!r}, or" if near else "write"
            raise mistake(
                policy,
                f"there is no {kind} {word!r}, so this is never so",
                f"{meant} one of {', '.join(words) or 'none'}",
                word,
            )


def _known(settings: Configuration) -> dict[str, tuple[str, ...]]:
    """Type of entity or name of an attribute → what its values can be."""
    return {
        "Role": tuple(ROLES),
        "DataClass": tuple(settings.classes),
        "purposes": tuple(PURPOSES),
        "purpose": (*PURPOSES, "run", "deployment"),
        "mode": ("research", "release"),
        "run_kind": ("", "release", "rerun", "validation"),
        "kind": ("data", "model"),
        "state": ("registered", "approved", "locked", "withdrawn"),
        "risk": (*settings.risk_classes, "unrated"),
        "environment": tuple(settings.deployment.environments),
    }


@cache
def _attributes() -> tuple[str, ...]:
    return tuple(dict.fromkeys(re.findall(r'"(\w+)":', schema_text())))


def _odd(
    said: Any, known: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, str, Collection[str]]]:
    """Kind and word of each thing that there is not, in Cedar's JSON, and which there are."""
    match said:
        case {"type": "Role" | "DataClass" as kind, "id": str(word)}:
            if word not in known[kind]:
                yield {"Role": "role", "DataClass": "data class"}[kind], word, known[kind]
        case {"type": "Dataset", "id": str(word)} if "@" not in word:
            yield "version", word, (f"{word}@1", f'resource.name == "{word}"')
        case {"has": {"attr": str(word)}} if word not in _attributes():
            yield "attribute", word, _attributes()
        case {**operation} if len(operation) == 1 and next(iter(operation)) in _COMPARED:
            sides: Any = next(iter(operation.values()))
            yield from _odd_values(sides["left"], sides["right"], known)
            yield from _odd_values(sides["right"], sides["left"], known)
            yield from _odd([*sides.values()], known)
        case dict():
            yield from _odd([*said.values()], known)
        case list():
            for part in said:
                yield from _odd(part, known)


def _odd_values(
    asked: Any, held: Any, known: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, str, Collection[str]]]:
    """Texts that an attribute is held against, and never is."""
    match asked:
        case {".": {"attr": str(name)}} if name in known:
            values = held.get("Set", [held])
            for value in values:
                word = value.get("Value")
                if isinstance(word, str) and word not in known[name]:
                    yield name.replace("_", " "), word, known[name]
