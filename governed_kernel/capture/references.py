"""What a value owes to, in names: the references that a statement's expressions are read as."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = ["LENGTH", "NONE", "NOTHING", "Made", "Reference", "References", "closed", "extended"]


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
