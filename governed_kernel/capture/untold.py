"""Things of plain Python that go where their statement can't follow them: it tells in the end.

``frame.select(a=pl.lit(int(other["w"].sum())))``: what goes into the expression is a number like
any other, of which no observed call has told. It gets a name here; what it owes to is inferred
when its statement has ended, from what was there before it (see `capture.variables`).
"""

from __future__ import annotations

import sys
import types
from typing import Any

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.steps import Work

__all__ = ["untold", "untold_value"]

_MANY = 500
_FURTHEST = 12
"""Frames of a library that may lie between a call and the user's code."""


def untold_value(observation: Observation, value: Any) -> Node | None:
    """A name for a number that may have been computed; None for a constant."""
    if not observation.doings or observation.variables is None:
        return None  # no notebook
    doings, variables = observation.doings[-1], observation.variables
    if not doings.computed:
        return None
    if (
        variables.text.writes_out(value)
        or variables.mentions(value)
        or _is_constant(observation, value)
    ):
        return None
    # Between two steps nothing more can have been computed, so one name does.
    place = len(doings.works)
    if doings.untold is None or doings.untold[0] != place:
        node = Node(observation.new_entity(), "value", (VALUE,))
        doings.works.append(Work((), node, (), (VALUE,), place, variables.inside(value)))
        doings.untold = place + 1, node
    return doings.untold[1]


def untold(observation: Observation, thing: Any, beside: tuple[Node, ...] = ()) -> Node | None:
    """A name for a list, dictionary or array that nobody knows; None where it holds constants.

    Of things that go in `beside` it, only columns that the statement names may be in it.
    """
    variables = observation.variables
    if not observation.doings or variables is None:
        return None
    if variables.text.writes_out(thing) or variables.holds(thing):
        return None
    doings = observation.doings[-1]
    if len(doings.works) >= _MANY:  # a loop: what it does more often is put together
        names = (work.output for work in reversed(doings.works) if work.place is not None)
        return next((node for node in names if node.kind != "value"), None)
    node = Node(observation.new_entity(), type(thing).__name__, ())
    place = len(doings.works)
    doings.works.append(Work(beside, node, ("*",), (), place, variables.inside(thing)))
    return node


def _is_constant(observation: Observation, value: Any) -> bool:
    """Whether a value is written out in the code of the user's that is under way."""
    frame: types.FrameType | None = sys._getframe(2)
    for _ in range(_FURTHEST):
        if frame is None:
            return False
        if observation.is_user_file(frame.f_code.co_filename):
            return any(
                type(each) is type(value) and each == value for each in frame.f_code.co_consts
            )
        frame = frame.f_back
    return False
