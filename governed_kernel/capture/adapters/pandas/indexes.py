"""Indexes: labels of rows, known since the frame was made that has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from governed_kernel.capture.adapters.pandas.subjects import (
    PLAIN,
    UNNAMED,
    Work,
    array_columns,
    decisive,
    given,
    is_places,
    levels,
    look,
    mask_decides,
    own_values,
    size,
    text,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.relations import of_arguments
from governed_kernel.lineage.events import Evidence, Relation

__all__ = ["arm", "know_labels"]

_SAME = (
    *("get_level_values", "unique", "drop_duplicates", "union", "intersection", "difference"),
    *("to_series", "to_frame", "sort_values", "rename", "to_flat_index", "droplevel", "append"),
    *("to_numpy", "array", "to_list", "values"),
)
_CHANGED = ("map", "isin", "astype", "where", "duplicated", "strftime")
_OF_TIMES = (
    *("year", "quarter", "month", "day", "hour", "minute", "second", "microsecond", "nanosecond"),
    *("dayofweek", "day_of_week", "weekday", "dayofyear", "day_of_year", "days_in_month"),
    *("daysinmonth", "date", "time", "timetz", "week", "weekofyear", "qyear", "start_time"),
    *("end_time", "days", "seconds", "microseconds", "nanoseconds", "components", "is_leap_year"),
    *("is_month_start", "is_month_end", "is_quarter_start", "is_quarter_end", "is_year_start"),
    *("is_year_end", "day_name", "month_name", "normalize", "floor", "ceil", "round", "shift"),
    *("isocalendar", "to_period", "to_timestamp", "to_pydatetime", "to_pytimedelta"),
    *("to_julian_date", "total_seconds", "tz_localize", "tz_convert", "strftime", "asfreq", "snap"),
)
"""What is asked of labels that are times."""


def labels(observation: Observation, observed: Observed) -> None:
    """``frame.index.unique()``, ``frame.index.isin(…)``."""
    work, result = Work(observation, observed), observed.result
    subject = observed.subject
    output, node = look(result), work.of(subject)
    if node is None:
        of_places(work, subject)
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


def of_places(work: Work, subject: Any) -> None:
    """``frame.index < 2``: places of rows are nobody's data, only what they are compared with."""
    result = work.observed.result
    if not isinstance(result, np.ndarray) or not is_places(subject):
        return
    made = array_columns(result)
    work.base = Node("", "index", made)  # of the rows nobody's data is told
    for thing in work.observed.call.arguments[1:]:
        for by, columns in given(work, thing):
            work.product(made, by, columns or ("*",), of_arguments(work.observed.target.name))
    if work.inputs:
        work.finish(result, "array", made)
    else:
        known = Node(work.observation.new_entity(), "array", made)
        work.observation.registry.put(result, known)


def take(observation: Observation, observed: Observed) -> None:
    """``frame.index[frame["a"] > 1]``: some of the labels, chosen as rows are."""
    work, result = Work(observation, observed), observed.result
    subject, key = observed.call.arguments[:2]
    output, node = look(result), work.of(subject)
    if output is None or isinstance(key, (int, slice)):
        if node is not None and output is not None:
            work.same(node, output[1])
            work.close()
        return
    if node is not None:
        work.pairs(node, zip(output[1], node.columns, strict=False))
    mask_decides(work, key, node)
    # Places tell nothing but which were chosen.
    sure: Evidence = "observed" if node is None else "conservative"
    for entity, column, _, evidence in work.rows:
        known = sure if evidence == "observed" else evidence
        work.product(output[1], work.inputs[entity], (column,), "CONDITIONAL", known)
    if work.inputs:
        work.finish(result, *output, rows_in=size(subject), rows_out=size(result))


def know_labels(observation: Observation, observed: Observed, thing: Any, given: Any) -> None:
    """``frame.index = given``: labels without a name, which ``reset_index`` makes a column.

    Those of a dictionary are its keys.
    """
    index, own = thing.index, observation.registry.get(thing)
    known = observation.registry.get(index)
    if levels(index) or is_places(index):
        return
    if known is not None and (own is None or known.entity != own.entity):
        return
    made = Work(observation, observed)
    if isinstance(given, dict) and (whole := observation.registry.get(given)) is not None:
        made.product((UNNAMED,), whole, whole.columns or ("*",), "IDENTITY")
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
        observe(observation, "pandas", owner, "__getitem__", take)
    observe(observation, "pandas", pd.RangeIndex, "__getitem__", take)
    for times in (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex):
        for name in _OF_TIMES:
            if hasattr(times, name):
                observe(observation, "pandas", times, name, labels)
