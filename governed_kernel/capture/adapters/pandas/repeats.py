"""What a loop does again: the same call of the same things owes the same to the same.

For a rule to find out what a result owes takes longer than many a small call takes itself. So what
a statement calls time and again is remembered by what went in: the entities of frames and series,
and constants as they are. A result that looks as the earlier one did is then that entity, which is
what the rule would have come to. Whatever else goes in (functions, arrays, values that were
computed) is left to the rule.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from governed_kernel.capture.adapters.pandas.subjects import look
from governed_kernel.capture.memory import memory_of
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Repeats, Target
from governed_kernel.capture.registry import Entry, Node, identity

__all__ = ["arithmetic", "repeated"]

_TIMES = 3
"""From which call in a statement on it is worth while to look."""
_MOST = 1_000
_FEW = 16
_FRUITLESS = 100
_NUMBERS = frozenset([float, np.float64, np.int64])
_CONSTANTS = frozenset(
    [*_NUMBERS, int, bool, str, type, type(None), type(pd.api.extensions.no_default)]
)
_RESULTS = frozenset([pd.Series, pd.DataFrame, *_NUMBERS])


class _Result(NamedTuple):
    """What came of a call."""

    kind: type
    seen: tuple[str, tuple[str, ...]] | None
    node: Node
    labels: Node | None
    """What its index is, where that was made with it."""


class _Repeated:
    """The calls of one function in the statement that is executed."""

    def __init__(self, observation: Observation, target: Target) -> None:
        self._observation = observation
        self._registry = observation.registry
        self._scalars = observation.scalars
        self._target = target
        self._moment = 0
        self._calls = self._fruitless = 0

    def again(self, arguments: tuple[Any, ...], result: Any) -> bool:
        """Whether this call is one of before; then its result is known."""
        moment = self._observation.moment
        if moment != self._moment or not moment:
            self._moment, self._calls, self._fruitless = moment, 1, 0
            return False
        self._calls += 1
        kind = type(result)
        if self._calls < _TIMES or self._fruitless > _FRUITLESS or kind not in _RESULTS:
            return False
        key = self._key(arguments)
        found = memory_of(self._observation).calls.get(key) if key is not None else None
        if found is None or found.kind is not kind or found.seen != look(result):
            self._fruitless += 1
            return False
        self._fruitless -= 1
        if kind in _NUMBERS:
            self._scalars.keep(result, found.node)
            return True
        if found.labels is not None:
            self._registry.put(result.index, found.labels)
        return self._registry.put(result, found.node)

    def learn(self, arguments: tuple[Any, ...], result: Any) -> None:
        """Remember what a rule has found out."""
        kind = type(result)
        if self._calls < _TIMES - 1 or self._fruitless > _FRUITLESS or kind not in _RESULTS:
            return
        key, node = self._key(arguments), self._scalars.get(result)
        calls = memory_of(self._observation).calls
        if key is None or node is None or len(calls) >= _MOST:
            return
        labels = None if kind in _NUMBERS else self._registry.get(result.index)
        if labels is not None and labels.entity != node.entity:
            labels = None
        calls[key] = _Result(kind, look(result), node, labels)

    def _key(self, arguments: tuple[Any, ...]) -> Any:
        """What tells this call from others; None where that can't be told."""
        parts: list[Any] = [self._target]
        if not self._target.is_plain:  # a decorator's: positional and keyword arguments
            positional, named = arguments
            parts.append(len(positional))
            arguments = (*positional, *named, *named.values())
        computed = self._scalars.ids
        for thing in arguments:
            kind = type(thing)
            if kind is pd.Series or kind is pd.DataFrame:
                node = self._registry.get(thing)
                if node is None or look(thing) != (node.kind, node.columns):
                    return None
                parts.append(node.entity)
            elif kind in _CONSTANTS:
                number = self._scalars.get(thing) if identity(thing) in computed else None
                parts += (kind, thing) if number is None else (number.entity,)
            elif kind is list and len(thing) <= _FEW and set(map(type, thing)) == {str}:
                parts.append(tuple(thing))
            elif kind not in (tuple, dict) or thing:  # nothing else is asked whether it is true
                return None
        return tuple(parts)


class _Arithmetic(_Repeated):
    """Operators: a series and a number make one step, whatever the number is."""

    def _key(self, arguments: tuple[Any, ...]) -> Any:
        subject, other = arguments
        if type(other) in _OPERANDS and identity(other) not in self._scalars.ids:
            arguments = (subject, _ANY)
        return super()._key(arguments)


_OPERANDS = frozenset([*_NUMBERS, int, bool, str])
_ANY = ""


def repeated(observation: Observation, target: Target) -> Repeats:
    """The quick way for a function whose result owes to its arguments alone."""
    calls = _Repeated(observation, target)
    return Repeats(calls.again, calls.learn)


def arithmetic(observation: Observation, target: Target) -> Repeats:
    """The quick way for an operator: which number it is makes no difference."""
    if not target.is_plain or len(target.names) != 2:
        return repeated(observation, target)
    calls = _Arithmetic(observation, target)
    registry, scalars, state, series = (
        observation.registry, observation.scalars, observation.state, pd.Series
    )  # fmt: skip
    # The turn before: what was known of the series, in which statement and thread, and the result.
    # One tuple, because threads may be at it at the same time.
    latest: tuple[Entry | None, int, Any, Node | None] = (None, 0, None, None)

    def again(arguments: tuple[Any, ...], result: Any) -> bool:
        # A turn of a loop mostly asks what the turn before has asked.
        nonlocal latest
        subject, other = arguments
        if (
            type(other) not in _OPERANDS
            or type(result) is not series
            or type(subject) is not series
            or result._name is not subject._name
            or result.index is not subject.index
            or (scalars.ids and identity(other) in scalars.ids)
        ):
            return calls.again(arguments, result)
        entry, moment, memory = registry.entry(subject), observation.moment, state.memory
        known, then, there, node = latest
        if entry is known and moment == then and memory is there and node is not None:
            return registry.put(result, node)
        if not calls.again(arguments, result):
            return False
        latest = entry, moment or -1, memory, registry.get(result)
        return True

    return Repeats(again, calls.learn)
