"""Things of plain Python that go where their statement can't follow them: it tells in the end.

``frame.select(a=pl.lit(int(other["w"].sum())))``: what goes into the expression is a number like
any other, of which no observed call has told. It gets a name here; what it owes to is inferred
when its statement has ended, from what was there before it (see `capture.variables`).
"""

from __future__ import annotations

import inspect
import sys
import types
from typing import Any

from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.registry import Node, identity
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.works import Work

__all__ = ["untold", "untold_value"]

_MANY = 500
_FURTHEST = 40
"""Frames of a library that may lie between a call and the user's code."""


def untold_value(observation: Observation, value: Any) -> Node | None:
    """A name for a number that may have been computed; None for a constant."""
    if not observation.doings or observation.variables is None:
        return None  # no notebook
    doings, variables = observation.doings[-1], observation.variables
    if not (doings.computed or doings.works or doings.read):
        return None
    known: tuple[Any, Node | None] | None = doings.asked.get(identity(value))
    if known is not None and known[0] is value:
        return known[1]
    frame = _users(observation)
    is_told = variables.text.writes_out(value) or variables.mentions(value)
    is_told = is_told or (frame is not None and _is_constant(frame, value))
    is_local = frame is not None and _is_local(frame, value)
    inside = variables.inside(value) if is_local or not is_told else None
    node: Node | None = None
    if not is_told or (inside is not None and inside.sources):
        node = _named_value(observation, doings, inside)
    doings.asked[identity(value)] = value, node
    return node


def _named_value(observation: Observation, doings: Doings, inside: Any) -> Node:
    place = len(doings.works)
    # Between two steps nothing more can have been computed, so one name does at the top level.
    if inside is None and doings.untold is not None and doings.untold[0] == place:
        named: Node = doings.untold[1]
        return named
    if place >= _MANY and (node := _latest(doings, single=True)) is not None:
        return node
    node = Node(observation.new_entity(), "value", (VALUE,))
    doings.works.append(Work((), node, (), (VALUE,), place, inside))
    doings.untold = place + 1, node
    return node


def _latest(doings: Doings, *, single: bool) -> Node | None:
    """What a loop does more often is put together."""
    names = (work.output for work in reversed(doings.works) if work.place is not None)
    return next((node for node in names if (node.kind == "value") is single), None)


def untold(observation: Observation, thing: Any, beside: tuple[Node, ...] = ()) -> Node | None:
    """A name for a list, dictionary or array that nobody knows; None where it holds constants.

    Of things that go in `beside` it, only columns that the statement names may be in it.
    """
    variables = observation.variables
    if not observation.doings or variables is None:
        return None
    doings = observation.doings[-1]
    known: tuple[Any, Node | None] | None = doings.asked.get(identity(thing))
    if known is not None and known[0] is thing:
        return known[1]
    node = None
    if not (variables.text.writes_out(thing) or variables.holds(thing)):
        node = _named(observation, doings, thing, beside)
    doings.asked[identity(thing)] = thing, node
    return node


def _named(
    observation: Observation, doings: Doings, thing: Any, beside: tuple[Node, ...]
) -> Node | None:
    if len(doings.works) >= _MANY:
        return _latest(doings, single=False)
    node = Node(observation.new_entity(), type(thing).__name__, ())
    place = len(doings.works)
    inside = observation.variables.inside(thing)
    doings.works.append(Work(beside, node, ("*",), (), place, inside))
    return node


def _users(observation: Observation) -> types.FrameType | None:
    """The user's code that is under way, innermost."""
    frame: types.FrameType | None = sys._getframe(2)
    for _ in range(_FURTHEST):
        if frame is None or observation.is_user_file(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


def _is_constant(frame: types.FrameType, value: Any) -> bool:
    """Whether a value is written out in the code of a frame."""
    return any(type(each) is type(value) and each == value for each in frame.f_code.co_consts)


def _is_local(frame: types.FrameType, value: Any) -> bool:
    """Whether a function's own name stands for a value, which may read like a constant."""
    is_function = bool(frame.f_code.co_flags & inspect.CO_NEWLOCALS)
    return is_function and any(each is value for each in frame.f_locals.values())
