"""Single values in expressions: which of a plan's numbers was computed, and which is a constant.

A plan shows a number by its value alone, and a computed one may equal one that is written out. So
each use is kept with its turn, which ends with the call of a frame that takes the expressions; a
frame knows the turns of its own calls. Where one plan has both, each may be the computed one.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import polars as pl

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node, Registry
from governed_kernel.lineage.events import Evidence

__all__ = ["ANY_TURN", "Numbers", "Turns", "rows_key"]

Turns: TypeAlias = frozenset[int]

ANY_TURN = -1
"""Among a frame's turns: it was made with an expression of which nobody knows when that was."""
_REMEMBERED = 2_000
_MOST_USES = 100
_MOST_TURNS = 50
_MOST_PARTS = 1_000
_ENDS = 8
_SEVERAL = (list, tuple, set)


class _Use(NamedTuple):
    """A value that went into an expression; of a constant there is no node."""

    turn: int
    node: Node | None


class Numbers:
    """The single values, and lists of them, that went into expressions.

    Parameters
    ----------
    observation : Observation
        Knows the statement that is executed.
    """

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._uses: OrderedDict[Any, deque[_Use]] = OrderedDict()
        self._turn = 0
        self._is_used = False
        """Whether something went into an expression in the present turn."""
        self._expressions = Registry()
        """Expressions that variables hold, with the turns in which they were made."""
        self._statement = self._first = 0
        """The statement that is executed, and the turn in which it began."""
        self._mentioned: Turns = frozenset()
        """The turns of the expressions that it mentions by name."""

    def enters(self, value: Any, node: Node | None) -> None:
        """A value goes into an expression."""
        if self._statement != self._observation.moment:
            self._begin()
        key = _key(value)
        uses = self._uses.get(key)
        if uses is None:
            uses = self._uses[key] = deque(maxlen=_MOST_USES)
            if len(self._uses) > _REMEMBERED:
                self._uses.popitem(last=False)
        use = _Use(self._turn, node)
        if not uses or uses[-1] != use:
            uses.append(use)
        self._is_used = True

    def taken(self, turns: Turns) -> Turns:
        """The turns of a frame that a call has made of one with these: its expressions are in."""
        if self._statement != self._observation.moment:
            self._begin()
        if self._is_used:
            turns |= {self._turn}
            self._turn += 1
            self._is_used = False
        return turns if self._mentioned <= turns else turns | self._mentioned

    def of(self, value: Any, turns: Turns) -> list[tuple[Node, Evidence]]:
        """What a number or list in a plan may be; nothing for a constant.

        Parameters
        ----------
        turns : set of int
            Those of the plan's frame; of one without, what has just gone into expressions counts.
        """
        if not self._uses or isinstance(value, dict):
            return []  # structs are no single values, and can't be looked up
        uses = self._uses.get(_key(value), ())
        if not turns and self._is_used:
            turns = self._mentioned | {self._turn}
        own = [use for use in uses if use.turn in turns] if ANY_TURN not in turns else []
        found = {use.node.entity if use.node else "": use.node for use in own or uses}
        sure: Evidence = "observed" if len(found) == 1 else "conservative"
        return [(node, sure) for node in found.values() if node is not None]

    def _begin(self) -> None:
        """Something of a statement's goes into an expression, or a frame, for the first time."""
        self._statement, variables = self._observation.moment, self._observation.variables
        self._first, self._mentioned = self._turn, frozenset()
        if variables is None or not self._statement:
            return
        found: set[int] = set()
        for thing in variables.things_mentioned():
            for expression in _expressions_in(thing):
                known = self._expressions.get(expression)
                found |= known.extra if known is not None else {ANY_TURN}
        self._mentioned = frozenset(found)
        variables.at_end(self._hold)

    def _hold(self) -> None:
        """The statement has ended: know when the expressions were made that it has bound."""
        first = max(self._first, self._turn - _MOST_TURNS)
        turns = self._mentioned.union(range(first, self._turn + 1))
        for thing in self._observation.variables.things_bound():
            for expression in _expressions_in(thing):
                self._expressions.put(expression, Node("", "expression", (), (), turns))


def _expressions_in(thing: Any) -> Iterator[pl.Expr]:
    if isinstance(thing, pl.Expr):
        yield thing
    elif isinstance(thing, (dict, *_SEVERAL)):
        parts = thing.values() if isinstance(thing, dict) else thing
        yield from (part for part in islice(parts, _MOST_PARTS) if isinstance(part, pl.Expr))


def rows_key(number: Any) -> tuple[str, int]:
    """What a number of rows is kept by: no value of an expression, though it may equal one."""
    return "rows", int(number)


def _key(value: Any) -> Any:
    """What tells single values and lists apart; of a long list, its ends do."""
    if isinstance(value, (list, tuple)):
        return list, len(value), repr(value[:_ENDS]), repr(value[-_ENDS:])
    if type(value).__module__ == "numpy":  # a plan shows what Python has for it
        value = value.item()
    return type(value), value if value == value else repr(value)  # two NaNs are one use
