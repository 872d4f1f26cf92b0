"""What goes into expressions from Python: values, lists, dictionaries, and the user's functions.

An expression is polars' own and shows little of what it was made of, so this is noted when it is
made, and found again when its plan is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from polars import functions
from polars.functions import lazy
from polars.lazyframe.group_by import LazyGroupBy

from governed_kernel.capture.adapters.polars.leaves import memories
from governed_kernel.capture.enclosed import functions_in, nodes_within
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.rewriting import Hooks, NotRewritable, outermost_function, rewrite
from governed_kernel.capture.scalars import is_single
from governed_kernel.capture.untold import untold, untold_value
from governed_kernel.errors import RecorderLost

__all__ = ["arm", "watch"]

_SINGLE = (int, float, date, timedelta, Decimal, str)
_LOOKING_UP = ("replace", "replace_strict", "is_in")
_MANY = 10_000
_PARTS = (list, tuple, set, frozenset)


def watch(
    observation: Observation,
    owner: Any,
    name: str,
    seen: Callable[[tuple[Any, ...], Any], None],
    begins: Callable[[tuple[Any, ...]], None] | None = None,
    ends: Callable[[], None] | None = None,
) -> None:
    """Let `seen` see arguments and result of each call, whoever makes it; none is recorded."""
    state = observation.state
    function = outermost_function(owner, name)
    assert function is not None

    def enter(values: tuple[Any, ...]) -> Any:
        if state.busy:
            return None
        if begins is not None:
            try:
                begins(values)
            except RecorderLost:
                raise
            except Exception as error:
                observation.lost(f"polars.{name}", error)
        return values

    def leave(values: Any, result: Any) -> Any:
        if values is not None:
            try:
                seen(values, result)
            except RecorderLost:
                raise
            except Exception as error:
                observation.lost(f"polars.{name}", error)
            if ends is not None:
                ends()
        return result

    def fail(values: Any) -> None:
        if values is not None and ends is not None:
            ends()

    try:
        rewrite(function, Hooks(enter, leave, fail))
    except NotRewritable as error:
        observation.lost(f"polars.{name}", error)


def _watch_values(observation: Observation) -> None:
    """Single values, series, lists and arrays that become part of an expression."""
    memory, registry, state = memories(observation), observation.registry, observation.state

    def enters(values: tuple[Any, ...], _result: Any) -> None:
        value = values[0]
        if isinstance(value, pl.Series):
            node = registry.get(value)
            if node is None and state.call is not None and state.call.target.library == "polars":
                node = memory.same_series(value, state.call.arguments, registry)
            if node is None and memory.going_in:
                node = memory.going_in.pop(0)
            elif node is None and state.call is None and 0 < len(value) <= _MANY:
                # polars has made it of a list just now: ``expression.gather(rows)``
                node = untold(observation, value.to_list())
            memory.literal(value._s, node)
        elif isinstance(value, _SINGLE) or (type(value).__module__ == "numpy" and is_single(value)):
            node = observation.scalars.get(value) or untold_value(observation, value)
            memory.numbers.enters(value, node)
        elif isinstance(value, (list, tuple)):
            if memory.looking_up:
                node = memory.going_in.pop(0) if memory.going_in else None
            else:
                node = _of_parts(observation, value)
            memory.numbers.enters(value, node)
        elif type(value).__name__ == "ndarray" and (node := registry.get(value)) is not None:
            memory.literal_again(node)

    watch(observation, functions, "lit", enters)


def _of_parts(observation: Observation, things: Any) -> Node | None:
    """The node of a list or dictionary; a name, where it is no constant and nobody knows it."""
    if not isinstance(things, (Mapping, *_PARTS)) or not things:
        return None
    return observation.registry.get(things) or untold(observation, things)


def _watch_dictionaries(observation: Observation) -> None:
    """``replace(names)``, ``is_in(values)``: polars makes series of what they are given."""
    memory = memories(observation)

    def begins(values: tuple[Any, ...]) -> None:
        memory.looking_up = True
        memory.going_in.clear()
        for thing in _given(values):
            node = _of_parts(observation, thing)
            if isinstance(thing, Mapping):
                memory.going_in += (node, node)
            elif isinstance(thing, _PARTS):
                memory.going_in.append(node)

    def ends() -> None:
        memory.looking_up = False
        memory.going_in.clear()

    for name in _LOOKING_UP:
        watch(observation, pl.Expr, name, lambda _values, _result: None, begins, ends)


def _given(values: Iterable[Any]) -> Iterator[Any]:
    """The arguments of a method of an expression, also those that a decorator has bundled."""
    for value in values:
        if type(value) is tuple and value and isinstance(value[0], pl.Expr):
            yield from value[1:]
        elif type(value) is dict and value and _ARGUMENTS.issuperset(value):
            yield from value.values()
        elif not isinstance(value, pl.Expr):
            yield value


_ARGUMENTS = frozenset(("old", "new", "other", "default", "return_dtype", "nulls_equal"))


def _watch_functions(observation: Observation) -> None:
    """The user's functions, with what they have within reach."""
    memory = memories(observation)

    def seen(values: tuple[Any, ...], result: Any) -> None:
        for function in functions_in(values):
            if nodes := nodes_within(observation, function):
                roots = None
                if isinstance(result, pl.Expr):
                    roots = frozenset(result.meta.root_names())
                memory.keep_function(function, roots, tuple(nodes))

    for name in ("map_elements", "map_batches", "rolling_map"):
        watch(observation, pl.Expr, name, seen)
    for name in ("map_batches", "map_groups", "fold", "reduce", "cum_fold", "cum_reduce"):
        watch(observation, lazy, name, seen)
    watch(observation, pl.LazyFrame, "map_batches", seen)
    watch(observation, LazyGroupBy, "map_groups", seen)


def arm(observation: Observation) -> None:
    """Watch what goes into expressions."""
    _watch_values(observation)
    _watch_dictionaries(observation)
    _watch_functions(observation)
