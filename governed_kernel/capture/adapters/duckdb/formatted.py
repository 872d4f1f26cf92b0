"""Which parts of a statement's text were put into it: ``f"… where a > {limit} and b > 3"``.

A computed number may equal one that the text itself says. So where the text is a formatted one of
the code that is under way, what stands between its own parts was put in, and nothing else was.
"""

from __future__ import annotations

import ast
import functools
import re
import types
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node, is_shared
from governed_kernel.capture.untold import code_at, named_value

__all__ = ["Part", "parts_put_in"]

_SHORTEST = 4
_NUMBERS = (int, float, Decimal, date)


class Part(NamedTuple):
    """A part of a text that was put in.

    Attributes
    ----------
    start, stop : int
    node : Node, optional
        What is known of it.
    is_constant : bool
        Whether it owes to nothing.
    """

    start: int
    stop: int
    node: Node | None = None
    is_constant: bool = False


class _Formatted(NamedTuple):
    pattern: re.Pattern[str]
    names: tuple[str, ...]
    """Of the variables that are put in; empty for another expression."""


def parts_put_in(observation: Observation, text: str) -> list[Part] | None:
    """What was put into a text; None where no formatted one of the code that is under way is it."""
    found = code_at(observation)
    if found is None:
        return None
    frame, within = found
    for formatted in _formatted(within):
        if match := formatted.pattern.fullmatch(text):
            return [
                _part(observation, frame, name, *match.span(place))
                for place, name in enumerate(formatted.names, 1)
            ]
    return None


def _part(
    observation: Observation, frame: types.FrameType, name: str, start: int, stop: int
) -> Part:
    value = frame.f_locals.get(name, frame.f_globals.get(name)) if name else None
    if not isinstance(value, _NUMBERS) or isinstance(value, bool):
        return Part(start, stop)
    inside = observation.variables.inside(value, frozenset((name,)))
    if inside is None or name not in frame.f_locals:
        node = observation.registry.named(frame.f_globals, name) or observation.scalars.get(value)
        # of what has one object for many uses, the name tells
        is_constant = node is None and inside is None and is_shared(value)
        return Part(start, stop, node, is_constant)
    if inside.sources or inside.reads:
        return Part(start, stop, named_value(observation, inside))
    return Part(start, stop, is_constant=inside.is_all)


@functools.lru_cache(maxsize=500)
def _formatted(within: ast.stmt) -> tuple[_Formatted, ...]:
    """The formatted texts of a statement or function, which are told from others by their parts."""
    return tuple(
        _Formatted(re.compile("".join(_pattern(node)), re.DOTALL), tuple(_names(node)))
        for node in ast.walk(within)
        if isinstance(node, ast.JoinedStr)
        and any(len(str(each.value)) >= _SHORTEST for each in _constants(node))
    )


def _constants(node: ast.JoinedStr) -> Iterator[ast.Constant]:
    return (each for each in node.values if isinstance(each, ast.Constant))


def _pattern(node: ast.JoinedStr) -> Iterator[str]:
    for each in node.values:
        yield re.escape(str(each.value)) if isinstance(each, ast.Constant) else "(.*?)"


def _names(node: ast.JoinedStr) -> Iterator[str]:
    for each in node.values:
        if isinstance(each, ast.FormattedValue):
            yield each.value.id if isinstance(each.value, ast.Name) else ""
