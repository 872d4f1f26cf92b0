"""What an observed call was given and no rule has asked about: it may be in all that came of it.

A rule knows which arguments of its call bring in values. What it leaves out (a list in the place
of a condition, weights, a function's closure, another frame) is looked at here, for every library
alike: what somebody knows goes in, and so does what nobody knows and no text writes out.
"""

from __future__ import annotations

import datetime
import decimal
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from governed_kernel.capture.enclosed import owe_to_enclosed
from governed_kernel.capture.registry import Node, identity
from governed_kernel.capture.untold import untold, untold_value
from governed_kernel.lineage.events import Relation

if TYPE_CHECKING:
    from governed_kernel.capture.steps import Step

__all__ = ["owe_to_overlooked"]

_NOTHING = frozenset((type(None), bool, str, bytes, type, types.ModuleType))
_NUMBERS = (int, float, complex, decimal.Decimal, datetime.date, datetime.timedelta)
_PARTED = (list, tuple, set, frozenset)
_CODE = (types.FunctionType, types.MethodType)
_ARRAYS = ("numpy", "pandas", "polars")
_MANY = 50
"""Parts of a list that are looked at one by one."""
_NAMES = 4_000
"""So many names of columns a list may hold."""
_DEEPEST = 3
_CHOOSING = (
    *("__getitem__", "head", "tail", "limit", "slice", "sample", "take", "drop", "truncate"),
    *("reindex", "filter", "query", "nlargest", "nsmallest", "dropna", "drop_duplicates"),
    *("drop_nulls", "unique", "remove", "select", "top_k", "bottom_k", "gather_every"),
)
_MEETING = ("merge", "join", "merge_asof", "join_asof")
_DECIDING: dict[str, Relation] = {
    **dict.fromkeys(_CHOOSING, "FILTER"),
    **dict.fromkeys(("sort_values", "sort_index", "sort"), "SORT"),
    **dict.fromkeys(_MEETING, "JOIN"),
}
"""Methods whose arguments only decide which rows there are, or in which order."""
_NAMING = ("set_axis",)
"""Methods whose arguments are no values of any column: those of an index, or columns' names."""


class _Given(NamedTuple):
    """A step, and what is needed to judge what its call was given.

    Attributes
    ----------
    columns : tuple of str
        Of the step's output.
    labels : frozenset of str
        What columns are called of what went in and of what came out.
    beside : tuple of Node
        What went in, as the rule has told.
    """

    step: Step
    columns: tuple[str, ...]
    labels: frozenset[str]
    beside: tuple[Node, ...]


def owe_to_overlooked(step: Step, columns: tuple[str, ...]) -> None:
    """Let a step's output owe to those arguments of its call that its rule has left out.

    Parameters
    ----------
    step : Step
        Complete but for these.
    columns : tuple of str
        Of its output.
    """
    call: Any = step.observed.call
    arguments = call.arguments if call is not step.observed else ()
    if len(arguments) < 2 or step.observation.variables is None:
        return
    if call.target.name in _NAMING:
        return
    given = None
    for place in range(1, len(arguments)):
        thing = arguments[place]
        if type(thing) in _NOTHING or thing is call.target.defaults[place]:
            continue
        if given is None:
            beside = tuple(step.inputs.values())
            labels = frozenset(columns).union(*[node.columns for node in beside])
            given = _Given(step, columns, labels, beside)
        parts: Any = (thing,)
        if place in call.target.bundles:
            parts = thing.values() if isinstance(thing, dict) else thing
        for part in parts:
            for node in _brought(given, part, _DEEPEST):
                _owe(given, node)


def _owe(given: _Given, node: Node) -> None:
    step, values = given.step, node.columns or ("*",)
    if node.entity in step.inputs:
        return
    relation = _relation(step)
    if relation in ("FILTER", "SORT", "JOIN"):
        step.decides(node, values, relation, "conservative")
    else:
        step.product(given.columns, node, values, relation, "conservative")


def _relation(step: Step) -> Relation:
    return _DECIDING.get(step.observed.target.name, "TRANSFORMATION")


def _brought(given: _Given, thing: Any, deep: int) -> Iterator[Node]:
    """What an argument brings in, by itself or part by part."""
    kind, step = type(thing), given.step
    if kind is slice:
        for bound in (thing.start, thing.stop, thing.step):
            yield from _brought(given, bound, deep)
        return
    if kind is range:
        yield from _of_range(given, thing)
        return
    if kind in _NOTHING or _is_label(given, thing):
        return
    node: Node | None = None
    if identity(thing) in step.reached:
        return
    if isinstance(thing, _CODE):
        owe_to_enclosed(step, (thing,), given.columns, _relation(step))
    elif _is_number(thing):
        node = _of_number(given, thing)
    elif (node := step.observation.registry.get(thing)) is None:
        if isinstance(thing, (dict, *_PARTED)):
            yield from _of_parts(given, thing, deep)
        elif _is_array(thing) and not step.opened:
            node = untold(step.observation, thing, given.beside)
    if node is not None:
        yield node


def _of_number(given: _Given, value: Any) -> Node | None:
    observation = given.step.observation
    return observation.scalars.get(value) or untold_value(observation, value)


def _of_range(given: _Given, thing: range) -> Iterator[Node]:
    """What counted numbers bring in: a name's are known as a whole, others by their ends."""
    node = given.step.observation.scalars.get(thing)
    if node is not None:
        yield node
        return
    for bound, unsaid in ((thing.start, 0), (thing.stop, None), (thing.step, 1)):
        if bound != unsaid and (node := _of_number(given, bound)) is not None:
            yield node


def _of_parts(given: _Given, thing: Any, deep: int) -> Iterator[Node]:
    """What a list or dictionary brings in: each part that is known, or else the whole of it."""
    is_named = isinstance(thing, dict) and given.labels.issuperset(
        key for key in thing if isinstance(key, str)
    )
    parts = list(thing.values() if isinstance(thing, dict) else thing)[:_MANY]
    found: list[Node] = []
    asked = given.step.observation.doings[-1].asked if given.step.observation.doings else {}
    for part in parts if deep else ():
        if is_named or not _is_number(part):
            found += _brought(given, part, deep - 1)
        elif (node := given.step.observation.scalars.get(part)) is not None:
            found.append(node)
        elif (known := asked.get(identity(part))) is not None and known[0] is part and known[1]:
            found.append(known[1])  # the rule of the call has given it a name
    yield from found
    if found or given.step.opened or (is_named and all(isinstance(key, str) for key in thing)):
        return
    if any(_is_value(given, part) for part in parts):
        node = untold(given.step.observation, thing, given.beside)
        if node is not None:
            yield node


def _is_value(given: _Given, part: Any) -> bool:
    if isinstance(part, str):
        return part not in given.labels
    return isinstance(part, (bytes, bool)) or _is_number(part)


def _is_label(given: _Given, thing: Any) -> bool:
    """Whether a thing is made of names of columns alone."""
    if isinstance(thing, tuple) and (
        ".".join(map(str, thing)) in given.labels
        or all(_is_of_level(given, each) for each in thing)
    ):
        return True
    if not isinstance(thing, _PARTED) and not _is_array(thing):
        return False
    if not 0 < len(thing) <= _NAMES or getattr(thing, "dtype", None) not in (None, "object", "str"):
        return len(thing) == 0
    return all(
        part in given.labels
        if isinstance(part, str)
        else isinstance(part, tuple) and ".".join(map(str, part)) in given.labels
        for part in thing
    )


def _is_of_level(given: _Given, thing: Any) -> bool:
    """Whether a thing is all of one level of columns' names, or a name there."""
    if isinstance(thing, slice):
        return thing == slice(None)
    return isinstance(thing, str) and any(thing in each.split(".") for each in given.labels)


def _is_number(thing: Any) -> bool:
    if isinstance(thing, bool):
        return False
    return isinstance(thing, _NUMBERS) or (
        type(thing).__module__ == "numpy" and hasattr(thing, "dtype") and not _is_array(thing)
    )


def _is_array(thing: Any) -> bool:
    """Whether a thing is an array of numpy's, or labels of rows that are not only counted."""
    kind = type(thing)
    return (
        kind.__module__.partition(".")[0] in _ARRAYS
        and (kind.__name__ == "ndarray" or kind.__name__.endswith("Index"))
        and kind.__name__ != "RangeIndex"
        and bool(getattr(thing, "ndim", 0))
    )
