"""Which parts of a statement's text were put into it: ``f"… where a > {limit} and b > 3"``.

A computed number may equal one that the text itself says. So where the text is a formatted one of
the code that is under way, what stands between its own parts was put in, and nothing else was.
"""

from __future__ import annotations

import ast
import functools
import re
import types
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node, is_shared
from governed_kernel.capture.untold import code_at, named_value, untold_value

__all__ = ["Part", "formatted_with", "parts_put_in"]

_SHORTEST = 4
_NUMBER = re.compile(r"[-+]?\.?\d")
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
    own: tuple[str, ...]
    """Its own parts: before what is put in, between, and behind it."""
    names: tuple[str, ...]
    """Of the variables that are put in; empty for another expression."""


def parts_put_in(observation: Observation, text: str) -> list[Part] | None:
    """What was put into a text; None where no formatted one of the code that is under way is it."""
    found = code_at(observation)
    if found is None:
        return None
    frame, within = found
    for formatted in _formatted(within):
        places = _places_between(formatted.own, text)
        if places is not None:
            return [
                _part(observation, frame, name, text, *place)
                for name, place in zip(formatted.names, places, strict=True)
            ]
    return None


def formatted_with(observation: Observation, text: str) -> list[Node]:
    """What is known of the values that were put into a text: ``frame.query(f"age > {limit}")``.

    A name of a column that was put in is no value.
    """
    parts = parts_put_in(observation, text)
    found = [part.node for part in parts or () if part.node is not None]
    unknown = [part for part in parts or () if part.node is None and not part.is_constant]
    if parts is None or any(_is_value(text, part) for part in unknown):
        node = observation.scalars.get(text) or untold_value(observation, text)
        found += [node] if node is not None else []
    return found


def _is_value(text: str, part: Part) -> bool:
    """Whether what was put in reads as a number, or stands between quotes."""
    around = text[max(part.start - 1, 0) : part.start] + text[part.stop : part.stop + 1]
    return around in ("''", '""') or _NUMBER.match(text[part.start : part.stop]) is not None


def _places_between(own: Sequence[str], text: str) -> list[tuple[int, int]] | None:
    """Where in a text what is no part of its own stands; None where these are not its parts.

    Each part is taken where it comes first, which finds a way wherever there is one: a regular
    expression tries all of them, and for a long list of columns that takes for ever.
    """
    first, *rest = own
    end = len(text) - len(rest[-1]) if rest else 0
    if not text.startswith(first) or not (text.endswith(rest[-1]) if rest else text == first):
        return None
    at, places = len(first), []
    for part in rest[:-1]:
        found = text.find(part, at)
        if found < 0:
            return None
        places.append((at, found))
        at = found + len(part)
    if rest:
        places.append((at, end))
    return places if at <= end or not rest else None


def _part(
    observation: Observation,
    frame: types.FrameType,
    name: str,
    text: str,
    start: int,
    stop: int,
) -> Part:
    value = frame.f_locals.get(name, frame.f_globals.get(name)) if name else None
    # A text between quotes is a value; another one may be any part of a statement.
    is_quoted = isinstance(value, str) and text[start - 1 : start] == text[stop : stop + 1] == "'"
    is_value = is_quoted or (isinstance(value, _NUMBERS) and not isinstance(value, bool))
    if not is_value:
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
        _Formatted(_own_parts(node), tuple(_names(node)))
        for node in ast.walk(within)
        if isinstance(node, ast.JoinedStr)
        and any(len(str(each.value)) >= _SHORTEST for each in _constants(node))
    )


def _constants(node: ast.JoinedStr) -> Iterator[ast.Constant]:
    return (each for each in node.values if isinstance(each, ast.Constant))


def _own_parts(node: ast.JoinedStr) -> tuple[str, ...]:
    parts = [""]
    for each in node.values:
        if isinstance(each, ast.Constant):
            parts[-1] += str(each.value)
        else:
            parts.append("")
    return tuple(parts)


def _names(node: ast.JoinedStr) -> Iterator[str]:
    for each in node.values:
        if isinstance(each, ast.FormattedValue):
            yield each.value.id if isinstance(each.value, ast.Name) else ""
