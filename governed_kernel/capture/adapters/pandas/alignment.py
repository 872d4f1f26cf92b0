"""Labels that meet: what pandas computes of several things it puts together by labels of rows.

Nothing is said where the labels are the same ones: two columns of a frame, figures of the same
groups. Nor of labels that only count rows, which are nobody's data.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from governed_kernel.capture.adapters.pandas.subjects import Columns, Work, levels
from governed_kernel.capture.registry import Node

__all__ = ["Labelled", "look_up", "meet"]

Labelled = tuple[Any, Node]
"""A frame or a series, and what is known of it."""


def meet(work: Work, things: Iterable[Labelled]) -> None:
    """``a + b``, ``pd.concat([a, b], axis=1)``: which rows there are the labels of all decide."""
    for node, columns in _meeting(work, things):
        work.decides(node, columns, "JOIN")


def look_up(work: Work, made: Columns, things: Iterable[Labelled]) -> None:
    """``frame["new"] = series``: for each row the value of its label; the rows stay."""
    for node, columns in _meeting(work, things):
        work.product(made, node, columns, "JOIN")


def _meeting(work: Work, things: Iterable[Labelled]) -> list[tuple[Node, Columns]]:
    """The labels by which things meet, unless they have the same ones."""
    first, *others = [each for each in things if isinstance(each[0], (pd.DataFrame, pd.Series))]
    if all(_share_labels(first, other) for other in others):
        return []
    found = [_labels(work, *each) for each in (first, *others)]
    return [(node, columns) for node, columns in found if columns]


def _share_labels(one: Labelled, two: Labelled) -> bool:
    (this, ours), (that, theirs) = one, two
    if this.index.is_(that.index):
        return True
    same_groups = bool(ours.rows) and set(ours.rows) == set(theirs.rows)
    return same_groups and levels(this.index) == levels(that.index)


def _labels(work: Work, thing: Any, node: Node) -> tuple[Node, Columns]:
    named = levels(thing.index)
    if named:
        return node, tuple([name for name in named if name in node.columns])
    labels = work.observation.registry.get(thing.index)
    if labels is None or labels.kind != "index" or labels.entity == node.entity:
        return node, ()
    return labels, labels.columns
