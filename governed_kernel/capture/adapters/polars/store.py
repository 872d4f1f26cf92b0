"""polars' store of expressions, as its plans show it: one numbered list, inputs before outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["AND", "HIDDEN", "ExpressionStore", "named_by"]

HIDDEN = (NotImplementedError, RuntimeError, ValueError)
"""What polars raises where it does not show something."""
AND = ("Operator.And", "Operator.LogicalAnd")


class ExpressionStore:
    """The expressions of one plan.

    Parameters
    ----------
    traverser : NodeTraverser
        polars' view of the plan.
    roots : callable
        Gives all expressions of the plan that are no part of another.
    """

    def __init__(self, traverser: Any, roots: Callable[[], Iterable[int]]) -> None:
        self.view: Callable[[int], Any] = traverser.view_expression
        """Shows an expression; raises one of `HIDDEN` for what polars does not show."""
        self._roots = roots
        self._known: set[int] = set()

    def conditions(self, node: int) -> list[int]:
        """The parts of a condition that must all hold."""
        try:
            view = self.view(node)
        except HIDDEN:
            return [node]
        if type(view).__name__ == "BinaryExpr" and repr(view.op) in AND:
            return self.conditions(view.left) + self.conditions(view.right)
        return [node]

    def columns(self, node: int) -> set[str]:
        """The names of the columns that an expression speaks of."""
        names: set[str] = set()
        todo = [node]
        while todo:
            place = todo.pop()
            try:
                view = self.view(place)
            except HIDDEN:
                names |= named_by(self.below(place))
                continue
            names |= named_by([view])
            todo += _parts(view)
        return names

    def below(self, node: int) -> list[Any]:
        """The expressions that lie before this one and are no part of any other."""
        if not self._known:
            for root in self._roots():
                self._reach(root)
        found = []
        place = node - 1
        while place >= 0 and place not in self._known:
            with contextlib.suppress(*HIDDEN):
                found.append(self.view(place))
            place -= 1
        return found

    def _reach(self, node: int) -> None:
        todo = [node]
        while todo:
            place = todo.pop()
            if place in self._known:
                continue
            self._known.add(place)
            try:
                view = self.view(place)
            except HIDDEN:
                continue
            todo += _parts(view)


def named_by(views: Iterable[Any]) -> set[str]:
    """The columns among expressions."""
    return {str(view.name) for view in views if type(view).__name__ == "Column"}


_PARTS = (
    *("expr", "left", "right", "input", "arguments", "function", "partition_by", "order_by"),
    *("index_column", "predicate", "truthy", "falsy", "by", "idx", "offset", "length"),
    "evaluation",
)


def _parts(view: Any) -> list[int]:
    found: list[int] = []
    if type(view).__name__ in ("Column", "Literal", "Len"):
        return found
    rolling = type(view).__name__ == "Rolling"
    for name in _PARTS:
        part = getattr(view, name, None)
        if part is None or (rolling and name == "offset"):
            continue
        for each in part if isinstance(part, (list, tuple)) else (part,):
            place = getattr(each, "node", each)
            if type(place) is int:
                found.append(place)
    return found
