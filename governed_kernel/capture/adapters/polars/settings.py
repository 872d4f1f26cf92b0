"""Settings of expressions: numbers that a method keeps beside its inputs, as ``round(n)`` does.

A plan shows them by value, with its function. So each is kept with the method's word when it is
given, as the constants of a plan are (`numbers`), and found again when the plan is read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import polars as pl
from polars.expr import expr
from polars.expr.string import ExprStringNameSpace

from governed_kernel.capture.adapters.polars.arguments import watch
from governed_kernel.capture.adapters.polars.leaves import memories
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.rewriting import outermost_function
from governed_kernel.capture.scalars import is_single
from governed_kernel.capture.untold import untold, untold_value
from governed_kernel.lineage.events import Relation

__all__ = ["arm", "settings_of"]

_Key: TypeAlias = tuple[str, str, float]
_Seen: TypeAlias = Callable[[tuple[Any, ...], Any], None]
_WORDS: dict[str, tuple[str, Relation]] = {
    "round": ("round", "TRANSFORMATION"),
    "round_sig_figs": ("round_sig_figs", "TRANSFORMATION"),
    "truncate": ("truncate", "TRANSFORMATION"),
    "gather_every": ("gather_every", "FILTER"),
    "cut": ("cut", "TRANSFORMATION"),
    "qcut": ("qcut", "TRANSFORMATION"),
    "hist": ("hist", "AGGREGATION"),
    "fill_null_with_strategy": ("fill_null", "TRANSFORMATION"),
    "StringFunction.SplitN": ("splitn", "TRANSFORMATION"),
    "StringFunction.SplitExact": ("split_exact", "TRANSFORMATION"),
    "StringFunction.Replace": ("replace", "TRANSFORMATION"),
    "StringFunction.Extract": ("extract", "TRANSFORMATION"),
}
"""What a plan calls functions that keep settings: a method's word, and how these come in."""
_ROLLING, _WEIGHING = "rolling", "ewm"
_PLAIN = ("round", "round_sig_figs", "truncate", "gather_every", "cut", "qcut", "hist", "fill_null")
_OF_TEXTS = ("splitn", "split_exact", "replace", "extract")
_WINDOWS = ("max", "min", "mean", "median", "sum", "std", "var", "quantile", "skew", "kurtosis")
_MOST_PARTS = 50


def settings_of(name: str, details: Sequence[Any]) -> Iterator[tuple[_Key, Relation]]:
    """The numbers that a plan shows beside a function, and how its values owe to them.

    Parameters
    ----------
    name : str
        As the plan calls the function.
    details : sequence
        What it shows besides.
    """
    relation: Relation = "WINDOW"
    if name.startswith("RollingFunction."):
        word = _ROLLING
    elif name.startswith("EwmFunction."):
        word = _WEIGHING
    elif name in _WORDS:
        word, relation = _WORDS[name]
        if word == "qcut" and isinstance(details[0], list):
            yield _key(word, len(details[0]) + 1), relation  # so many parts were asked for
    else:
        return
    for number in _numbers_in(details):
        yield _key(word, number), relation


def _numbers_in(details: Sequence[Any]) -> Iterator[float]:
    for detail in details:
        if isinstance(detail, (list, tuple)):
            yield from _numbers_in(detail)
        elif isinstance(detail, (int, float)) and not isinstance(detail, bool):
            yield detail


def _key(word: str, number: Any) -> _Key:
    return "setting", word, float(number)


def arm(observation: Observation) -> None:
    """Watch the methods that keep settings."""

    def see(owner: Any, name: str, word: str) -> None:
        if hasattr(owner, name):
            function = outermost_function(owner, name)
            assert function is not None
            unsaid = [each.default for each in inspect.signature(function).parameters.values()]
            watch(observation, owner, name, _seen(observation, word, unsaid))

    for name in _PLAIN:
        see(pl.Expr, name, name)
    for name in _OF_TEXTS:
        see(ExprStringNameSpace, name, name)
    for name in _WINDOWS:
        see(pl.Expr, f"rolling_{name}", _ROLLING)
    watch(observation, expr, "_prepare_alpha", _seen_alpha(observation))


def _seen(observation: Observation, word: str, unsaid: list[Any]) -> _Seen:
    numbers = memories(observation).numbers

    def seen(values: tuple[Any, ...], _result: Any) -> None:
        for thing in _given(values, unsaid):
            for number, node in _owed(observation, thing):
                numbers.enters(_key(word, number), node)

    return seen


def _seen_alpha(observation: Observation) -> _Seen:
    """``span=n``, ``half_life=n``: a plan shows the weight that polars computes of it."""
    numbers = memories(observation).numbers

    def seen(values: tuple[Any, ...], alpha: Any) -> None:
        for thing in values:
            for _, node in _owed(observation, thing):
                numbers.enters(_key(_WEIGHING, alpha), node)

    return seen


def _given(values: tuple[Any, ...], unsaid: list[Any]) -> Iterator[Any]:
    """The arguments of a method that were given, also those that a decorator has bundled."""
    if type(values[0]) is tuple:
        yield from values[0][1:]
        for bundle in values[1:]:
            yield from bundle.values() if isinstance(bundle, dict) else ()
        return
    for thing, default in zip(values[1:], unsaid[1:], strict=False):
        if thing is not default:
            yield thing


def _owed(observation: Observation, thing: Any) -> Iterator[tuple[Any, Node | None]]:
    """The numbers of an argument, and what is known of each; nothing of a constant."""
    if _is_number(thing):
        yield thing, observation.scalars.get(thing) or untold_value(observation, thing)
    elif isinstance(thing, (list, tuple)) and all(map(_is_number, thing)):
        parts = thing[:_MOST_PARTS]
        known = [observation.scalars.get(part) for part in parts]
        whole = observation.registry.get(thing)
        if whole is None and not any(known) and thing:
            whole = untold(observation, thing)
        yield from zip(parts, [whole or node for node in known], strict=True)


def _is_number(thing: Any) -> bool:
    return is_single(thing) and not isinstance(thing, (str, complex)) and _is_finite(thing)


def _is_finite(thing: Any) -> bool:
    try:
        float(thing)
    except (TypeError, ValueError):
        return False  # a date, a span of time
    return True
