"""Indexes: labels of rows, known since the frame was made that has them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from governed_kernel.capture.adapters.pandas.subjects import (
    PLAIN,
    UNNAMED,
    Work,
    decisive,
    is_places,
    levels,
    look,
    own_values,
    text,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.relations import of_arguments
from governed_kernel.lineage.events import Relation

__all__ = ["arm", "know_labels"]

_SAME = (
    *("get_level_values", "unique", "drop_duplicates", "union", "intersection", "difference"),
    *("to_series", "to_frame", "sort_values", "rename", "to_flat_index", "droplevel", "append"),
    *("to_numpy", "array", "to_list"),
)
_CHANGED = ("map", "isin", "astype", "where", "duplicated", "strftime")


def labels(observation: Observation, observed: Observed) -> None:
    """``frame.index.unique()``, ``frame.index.isin(…)``."""
    work, result = Work(observation, observed), observed.result
    subject = observed.subject
    output, node = look(result), work.of(subject)
    if node is None:
        return
    made = output[1] if output is not None else ("0",)
    relation: Relation = "IDENTITY" if observed.target.name in _SAME else "TRANSFORMATION"
    inputs = own_values(node, subject)
    if observed.target.name == "get_level_values":
        level = observed["level"]
        names = levels(subject)
        named = (text(level),) if text(level) in names else names
        inputs = named[level : level + 1] if isinstance(level, int) and named else named
    if len(made) == len(inputs) and relation == "IDENTITY":
        work.pairs(node, zip(made, inputs, strict=True), relation)
    else:
        work.product(made, node, inputs or ("*",), relation)
    given = relation if relation == "IDENTITY" else of_arguments(observed.target.name)
    for thing in observed.call.arguments[1:]:
        other = work.of(thing)
        if other is not None:
            values = other.columns if other.kind in PLAIN else own_values(other, thing)
            work.product(made, other, values or ("*",), given)
    work.close()


def know_labels(observation: Observation, observed: Observed, thing: Any, given: Any) -> None:
    """``frame.index = given``: labels without a name, which ``reset_index`` makes a column."""
    index, own = thing.index, observation.registry.get(thing)
    known = observation.registry.get(index)
    if levels(index) or is_places(index):
        return
    if known is not None and (own is None or known.entity != own.entity):
        return
    made = Work(observation, observed)
    for by, columns in decisive(made, given) or ():
        made.product((UNNAMED,), by, columns, "IDENTITY")
    if made.inputs:
        made.finish(index, "index", (UNNAMED,))


def arm(observation: Observation) -> None:
    """Observe the methods of indexes that lead to other data."""
    for owner in (pd.Index, pd.MultiIndex):
        for name in (*_SAME, *_CHANGED):
            if name in vars(owner):
                observe(observation, "pandas", owner, name, labels)
