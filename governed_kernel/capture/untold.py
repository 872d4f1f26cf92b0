"""Things of plain Python that go where their statement can't follow them: it tells in the end.

``frame.select(a=pl.lit(int(other["w"].sum())))``: what goes into the expression is a number like
any other, of which no observed call has told. It gets a name here; what it owes to is inferred
when its statement has ended, from what was there before it (see `capture.variables`).
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import types
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from governed_kernel.capture.bringing import CODE
from governed_kernel.capture.definitions import definition_of
from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.operands import Operands, operands_at
from governed_kernel.capture.registry import Node, identity
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.works import Work

__all__ = [
    "code_at",
    "is_literal",
    "is_within",
    "named_value",
    "takes_literal",
    "untold",
    "untold_value",
]

_MANY = 500
_NO_NAME = frozenset(("",))
"""Of what is written out: in a function, only what decides that its statement is run counts."""
_FURTHEST = 40
"""Frames of a library that may lie between a call and the user's code."""


def untold_value(observation: Observation, value: Any) -> Node | None:
    """A name for a number that may have been computed; None for a constant."""
    if not observation.doings or observation.variables is None:
        return None  # no notebook
    doings = observation.doings[-1]
    if not (doings.computed or doings.works or doings.read):
        return None
    known: tuple[Any, Node | None] | None = doings.asked.get(identity(value))
    if known is not None and known[0] is value:
        return known[1]
    is_told, inside = _judged(observation, value)
    node = None if is_told else named_value(observation, inside)
    doings.asked[identity(value)] = value, node
    return node


def is_literal(observation: Observation, value: Any) -> bool | None:
    """Whether the operation that is under way takes a value as its text writes it out.

    None where the text does not tell: a name may stand for it.
    """
    found = _under_way(observation)
    if found is None:
        return None
    frame, taken = found
    if _names_of(value, taken.names, frame.f_locals, frame.f_globals):
        return None
    is_computed = observation.scalars.has_equal(value)
    if value in taken.literals:
        if taken.computed and is_computed:
            return False
        inside = observation.variables.inside(value, _NO_NAME)
        return inside is None or not (inside.sources or inside.reads)
    made = any(value not in each for each in taken.computed)
    return False if made or (taken.computed and is_computed) else None


def _judged(observation: Observation, value: Any) -> tuple[bool, Any]:
    """Whether texts tell that a value is a constant, and what they tell of it if a function's do.

    Where the operation is not known that takes it, any text may have told it.
    """
    variables, frame = observation.variables, _users(observation)
    if variables.keeps(value) and not observation.scalars.has_equal(value):
        return True, None
    is_said = variables.text.writes_out(value)
    is_said = is_said or (frame is not None and _is_constant(frame, value))
    is_told = is_said or variables.mentions(value)
    found = _under_way(observation)
    if frame is None or found is None:
        is_own = frame is not None and any(each is value for each in _locals_of(frame).values())
        inside = variables.inside(value) if is_own or not is_told else None
        return is_told and (inside is None or not inside.sources), inside
    taken = found[1]
    own = _names_of(value, taken.names, _locals_of(frame))
    is_computed = observation.scalars.has_equal(value)
    if own:
        inside = variables.inside(value, own)
        if inside is None or inside.sources or inside.reads:
            return inside is None, inside
        return inside.is_all or is_said, inside
    names = _names_of(value, taken.names, frame.f_globals)
    if names:
        is_told = is_told and not variables.owes(names)
    elif value in taken.literals:
        is_told = not (taken.computed and is_computed)
    else:
        is_told = is_told and all(value in each for each in taken.computed) and not is_computed
        names = frozenset(filter(partial(_may_give, observation, frame), taken.names))
    return is_told, None if is_told else variables.inside(value, names)


def _may_give(observation: Observation, frame: types.FrameType, name: str) -> bool:
    """Whether a number that an operand computes may come of a name: of no frame, since that is
    seen, and of no code of a library.
    """
    thing = frame.f_locals.get(name, frame.f_globals.get(name))
    if isinstance(thing, types.FunctionType):
        return observation.is_user_file(thing.__code__.co_filename)
    if isinstance(thing, types.BuiltinFunctionType | types.MethodType):
        return not isinstance(thing.__self__, types.ModuleType | type)
    node = observation.registry.get(thing)
    return not isinstance(thing, CODE) and (node is None or node.kind != "frame")


def _under_way(observation: Observation) -> tuple[types.FrameType, Operands] | None:
    """The user's code that is under way, and what the operation takes that it is at."""
    found = code_at(observation)
    if found is None:
        return None
    frame, within = found
    taken = operands_at(within, frame.f_code, frame.f_lasti)
    return None if taken is None else (frame, taken)


def _text_of(observation: Observation, frame: types.FrameType) -> ast.stmt | None:
    """The function that a frame is of, or else the notebook's statement."""
    if frame.f_code.co_flags & inspect.CO_NEWLOCALS:
        if frame.f_code.co_filename not in linecache.cache:
            observation.read_text(frame.f_code.co_filename)
        return definition_of(frame.f_code)
    statement: ast.stmt | None = observation.variables.text.statement
    return statement


def code_at(observation: Observation) -> tuple[types.FrameType, ast.stmt] | None:
    """The user's code that is under way, and the function or statement that it is of."""
    frame = _users(observation)
    if frame is None or observation.variables is None or not observation.doings:
        return None
    within = _text_of(observation, frame)
    return None if within is None else (frame, within)


def named_value(observation: Observation, inside: Any) -> Node:
    """A name for a number that was computed; `inside` is what a function's text tells of it."""
    doings = observation.doings[-1]
    place = len(doings.works)
    # Between two steps nothing more can have been computed, so one name does at the top level.
    taken = _taken_by_statement(observation) if inside is None else None
    if inside is None and doings.untold is not None and doings.untold[:2] == (place, taken):
        named: Node = doings.untold[2]
        return named
    if place >= _MANY and (node := _latest(doings, taken, single=True)) is not None:
        return node
    node = Node(observation.new_entity(), "value", (VALUE,))
    doings.works.append(Work((), node, (), (VALUE,), place, inside, taken))
    doings.untold = place + 1, taken, node
    return node


def _taken_by_statement(observation: Observation) -> Operands | None:
    """What the operation takes that is under way, if it stands in the notebook's own statement."""
    found = _under_way(observation)
    if found is None or found[0].f_code.co_flags & inspect.CO_NEWLOCALS:
        return None
    return found[1]


def _latest(doings: Doings, taken: Operands | None, *, single: bool) -> Node | None:
    """What a loop does more often is put together."""
    alike = (
        work.output
        for work in reversed(doings.works)
        if work.place is not None and work.taken == taken
    )
    return next((node for node in alike if (node.kind == "value") is single), None)


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
    inside = observation.variables.inside(thing)
    taken = _taken_by_statement(observation) if inside is None else None
    place = len(doings.works)
    if place >= _MANY and (known := _latest(doings, taken, single=False)) is not None:
        return known
    node = Node(observation.new_entity(), type(thing).__name__, ())
    doings.works.append(Work(beside, node, ("*",), (), place, inside, taken))
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


def takes_literal(observation: Observation, value: Any) -> bool:
    """Whether the operation takes a literal of that value, and no name that stands for it."""
    found = _under_way(observation)
    if found is None or value not in found[1].literals:
        return False
    frame, taken = found
    return not _names_of(value, taken.names, frame.f_locals, frame.f_globals)


def is_within(observation: Observation) -> bool:
    """Whether a function of the user's is under way."""
    frame = _users(observation)
    return frame is not None and bool(frame.f_code.co_flags & inspect.CO_NEWLOCALS)


def _locals_of(frame: types.FrameType) -> Mapping[str, Any]:
    """The names of a function's own."""
    return frame.f_locals if frame.f_code.co_flags & inspect.CO_NEWLOCALS else {}


def _names_of(value: Any, names: Iterable[str], *variables: Mapping[str, Any]) -> frozenset[str]:
    """Those of some names that stand for a value."""
    return frozenset(
        name for name in names if any(each.get(name, variables) is value for each in variables)
    )
