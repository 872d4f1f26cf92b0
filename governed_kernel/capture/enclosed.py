"""What a user's function has within reach beside its arguments: it may use all of that.

``frame["a"].map(lambda a: a / total)`` owes to ``total`` as well, if that comes from data. What a
function does with it nobody can tell, so each column of it may go in: *conservative*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from governed_kernel.capture.functions import CONTAINS, enclosed, held_by, speaks_of
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.parts import parts_of
from governed_kernel.capture.registry import Node, identity, is_shared
from governed_kernel.capture.untold import untold, untold_value
from governed_kernel.lineage.events import Relation
from governed_kernel.lineage.relations import combined

if TYPE_CHECKING:
    from governed_kernel.capture.steps import Step

__all__ = ["functions_in", "nodes_within", "owe_to_enclosed"]

_MOST = 50
_DEEPEST = 2
_NUMBERS = (int, float, complex, Decimal)
_OF_ROWS = ("FILTER", "GROUP_BY", "SORT")
_CONTAINERS = ("dict", "list", "set", "tuple", "ndarray")


def functions_in(things: Iterable[Any]) -> Iterator[Any]:
    """The user's functions among arguments, also in lists and dictionaries of them."""
    for thing in parts_of(things):
        if callable(thing) and not isinstance(thing, type):
            yield thing


def nodes_within(observation: Observation, function: Any) -> list[Node]:
    """What a function has within reach: what is known, and names for what its statement tells."""
    variables = observation.variables
    namespace = variables.namespace if variables is not None else {}
    found: dict[str, Node] = {}
    for thing in held_by(function, namespace, observation.is_user_file):
        nodes = list(_known(observation, thing, _DEEPEST))
        is_own = is_shared(thing) and any(thing is each for each in enclosed(function))
        if not nodes and variables is not None and (is_own or not variables.holds(thing)):
            nodes = list(_untold(observation, thing))
        found.update((node.entity, node) for node in nodes)
    return list(found.values())


def _untold(observation: Observation, thing: Any) -> Iterator[Node]:
    node = None
    if isinstance(thing, _NUMBERS) and not isinstance(thing, bool):
        node = untold_value(observation, thing)
    elif type(thing).__name__ in _CONTAINERS and _has_parts(thing):
        node = untold(observation, thing)
    if node is not None:
        yield node


def _known(observation: Observation, thing: Any, deep: int) -> Iterator[Node]:
    node = observation.scalars.get(thing)
    if node is not None:
        yield node
    elif deep and isinstance(thing, dict):
        for part in list(thing.values())[:_MOST]:
            yield from _known(observation, part, deep - 1)
    elif deep and isinstance(thing, (list, tuple)):
        for part in thing[:_MOST]:
            yield from _known(observation, part, deep - 1)


def owe_to_enclosed(
    step: Step,
    things: Iterable[Any],
    columns: tuple[str, ...],
    relation: Relation = "TRANSFORMATION",
) -> None:
    """Let `columns` owe to whatever the functions among `things` have within reach.

    Parameters
    ----------
    things : iterable
        Arguments of a call.
    columns : tuple of str
        Of the output, whose values functions make; with an indirect relation, all of its rows.
    """
    observation = step.observation
    for function in functions_in(things):
        step.reached.add(identity(function))
        nodes = nodes_within(observation, function)
        word = relation
        if nodes and _asks_membership(observation, function):
            word = combined("TRANSFORMATION AND MEMBERSHIP", relation)
        for node in nodes:
            if relation in _OF_ROWS:
                step.decides(node, node.columns or ("*",), relation, "conservative")
            else:
                step.product(columns, node, node.columns or ("*",), word, "conservative")


def _has_parts(thing: Any) -> bool:
    return bool(thing.size if hasattr(thing, "size") else len(thing))


def _asks_membership(observation: Observation, function: Any) -> bool:
    """Whether a function may ask of what it has within reach if its arguments are in it."""
    named = getattr(function, "__name__", "") == CONTAINS  # ``known.__contains__`` itself
    return named or speaks_of(function, CONTAINS, observation.is_user_file)
