"""What a value owes to, in names: the references that a statement's expressions are read as."""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple, TypeAlias

__all__ = [
    "DIVIDED",
    "LENGTH",
    "NONE",
    "NOTHING",
    "Made",
    "Reference",
    "References",
    "closed",
    "extended",
    "is_whole",
    "opened",
]


class Reference(NamedTuple):
    """A name as it is before the statement, and the constant steps that lead on from it.

    ``frame["a"]`` and ``frame.a`` are ``Reference("frame", ("a",))``.
    """

    name: str
    path: tuple[str | int, ...] = ()


References: TypeAlias = frozenset[Reference]
NONE: References = frozenset()
LENGTH = "len()"
"""The step to how long a thing is."""
DIVIDED = ("split(X)", "split(y)")
"""The steps to how something divides the rows of a thing, by its place among what that is given:
``KFold(5).split(X, y)``."""
_DEEPEST = 6


class Made(NamedTuple):
    """What a value owes to: what it is made from, and what decided about it."""

    direct: References = NONE
    indirect: References = NONE

    def __or__(self, other: Made) -> Made:
        return Made(self.direct | other.direct, self.indirect | other.indirect)

    @property
    def all(self) -> References:
        """Both."""
        return self.direct | self.indirect


NOTHING = Made()


def extended(made: Made, key: str | int) -> Made:
    """One more constant step."""
    direct = frozenset(
        reference._replace(path=(*reference.path, key))
        if len(reference.path) < _DEEPEST and (not reference.path or reference.path[-1] != "*")
        else reference
        for reference in made.direct
    )
    return Made(direct, made.indirect)


def opened(reference: Reference) -> Reference:
    """What was referred to before its further steps led into something else."""
    if "*" not in reference.path:
        return reference
    return reference._replace(path=reference.path[: reference.path.index("*")])


def closed(made: Made) -> Made:
    """Further steps lead into something else than what is referred to."""
    if all(reference.path[-1:] == ("*",) for reference in made.direct):
        return made
    direct = frozenset(
        reference
        if reference.path[-1:] == ("*",)
        else reference._replace(path=(*reference.path, "*"))
        for reference in made.direct
    )
    return Made(direct, made.indirect)


def is_whole(reference: Reference, columns: Container[object]) -> bool:
    """Whether a table with these columns is meant as a whole, or what is called on all of it."""
    path = reference.path
    if len(path) == 2 and path[1] == "*":
        return path[0] not in columns and path[0] not in _VALUES
    return path in ((), ("*",))


_VALUES = ("values", "array", "iloc", "loc", "iat", "at", "index")
