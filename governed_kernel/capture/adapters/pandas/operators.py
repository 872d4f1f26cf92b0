"""Operators and whatever works value by value: each column of the result owes to its own column."""

from __future__ import annotations

import numpy as np
import pandas as pd

from governed_kernel.capture.adapters.pandas.alignment import meet
from governed_kernel.capture.adapters.pandas.arguments import (
    BINARY,
    arguments_into,
    join_labels,
    some_columns,
    values_into,
)
from governed_kernel.capture.adapters.pandas.indexes import of_places
from governed_kernel.capture.adapters.pandas.repeats import arithmetic, repeated
from governed_kernel.capture.adapters.pandas.subjects import (
    PLAIN,
    Reduced,
    Work,
    array_columns,
    column_labels,
    decisive,
    given,
    labels_of,
    levels,
    look,
    own_values,
    remember,
    size,
    value_column,
)
from governed_kernel.capture.enclosed import owe_to_enclosed
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.parts import parts_of
from governed_kernel.capture.registry import Node
from governed_kernel.capture.relations import of_method
from governed_kernel.capture.untold import untold_value
from governed_kernel.lineage.events import Relation
from governed_kernel.lineage.relations import STRENGTHS

__all__ = ["arm", "word_of"]

UNARY = [
    "__neg__",
    "__pos__",
    "__invert__",
    "__abs__",
    "__round__",
    "abs",
    "round",
    "clip",
    "fillna",
    "ffill",
    "bfill",
    "pad",
    "backfill",
    "replace",
    "interpolate",
    "astype",
    "isna",
    "isnull",
    "notna",
    "notnull",
    "rank",
    "argsort",
    "shift",
    "diff",
    "pct_change",
    "cumsum",
    "cumprod",
    "cummax",
    "cummin",
    "duplicated",
    "transform",
    "isin",
    "between",
    "convert_dtypes",
    "to_period",
    "to_timestamp",
    "searchsorted",
]


def elementwise(observation: Observation, observed: Observed) -> None:
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None:
        of_places(work, observed.subject)
        return
    if isinstance(observed.result, np.ndarray):
        _into_array(work, node, observed)
    elif output is not None:
        if observed.target.name in _PRODUCTS and output[0] == "frame":
            # Each column is a sum over all of the left side's.
            left = own_values(node, observed.subject)
            work.product(column_labels(observed.result), node, left)
        elif observed.target.name in _BY_COLUMN and isinstance(observed.subject, pd.DataFrame):
            some_columns(work, node, observed, output)
        elif observed.target.name == "duplicated" and labels_of(observed["subset"]):
            work.product(output[1][-1:], node, labels_of(observed["subset"]))
            work.same(node, output[1][:-1])
        else:
            values_into(work, node, observed.subject, output, word_of(observed))
        arguments_into(work, observed, output)
        join_labels(work, node, observed.call.arguments[1:], output)
        made = column_labels(work.output()) if output[0] == "frame" else output[1][-1:]
        owe_to_enclosed(work, observed.call.arguments[1:], made)
    else:
        work.take(node)
    made_of = work.close()
    if isinstance(node.extra, Reduced) and observed.target.name in _BY_LABEL:
        _stays_reduced(work, made_of)


_PRODUCTS = ("__matmul__", "dot")
_BY_LABEL = frozenset(BINARY) - {*_PRODUCTS, "__rmatmul__", "combine"} | {
    *("__neg__", "__pos__", "__invert__", "__abs__", "__round__", "abs", "round", "clip"),
    *("fillna", "replace", "astype"),
}


def _into_array(work: Work, node: Node, observed: Observed) -> None:
    """``series.searchsorted(values)``: an array of what went in, whichever place it has there."""
    made = array_columns(observed.result)
    work.product(made, node, own_values(node, observed.subject) or ("*",))
    for thing in parts_of(observed.call.arguments[1:]):
        if (found := work.of(thing)) is not None:
            values = found.columns if found.kind in PLAIN else own_values(found, thing)
            work.product(made, found, values or ("*",))
        elif isinstance(thing, np.ndarray):
            work.open(made)


_BY_COLUMN = ("fillna", "astype", "replace", "round", "clip")


def look_up(observation: Observation, observed: Observed) -> None:
    """``series.map(other)``: with a series it is a join by the other's index."""
    other = next((t for t in observed.call.arguments[1:] if isinstance(t, pd.Series)), None)
    output = look(observed.result)
    if other is None or output is None or not isinstance(observed.subject, pd.Series):
        elementwise(observation, observed)
        return
    work = Work(observation, observed)
    node, table = work.subject(), work.of(other)
    if node is None or table is None:
        return
    made = output[1][-1:]
    work.product(made, table, (value_column(table),), "IDENTITY")
    work.product(made, node, (value_column(node),), "JOIN")
    work.product(made, table, levels(other.index), "JOIN")
    work.same(node, output[1][:-1])
    work.close()


def cases(observation: Observation, observed: Observed) -> None:
    """``series.case_when([(condition, value), …])``."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    values_into(work, node, observed.subject, output, "IDENTITY")
    for condition, value in observed["caselist"]:
        for thing, relation in ((value, "IDENTITY"), (condition, "CONDITIONAL")):
            if (found := work.of(thing)) is not None:
                values_into(work, found, thing, output, relation)  # type: ignore[arg-type]
            elif callable(thing):
                work.product(output[1][-1:], node, node.columns, "TRANSFORMATION", "conservative")
                owe_to_enclosed(work, (thing,), output[1][-1:])
    work.close()


def word_of(observed: Observed) -> Relation:
    """How a value for each row owes to its column, by the method or what it was told to do."""
    name = observed.target.name
    if name != "transform":
        return of_method(name)
    told = observed["func"] or observed["arg"]  # as resampling calls it
    if callable(told) and not str(getattr(told, "__module__", None)).startswith("numpy"):
        return "TRANSFORMATION"
    return of_method(getattr(told, "__name__", str(told)))


def _stays_reduced(work: Work, made: Node) -> None:
    """What is computed of summaries alone, label by label, is one as well."""
    result, kept = work.observed.result, [node.extra for node in work.inputs.values()]
    if isinstance(result, pd.Series) and all(isinstance(each, Reduced) for each in kept):
        frames = tuple(dict.fromkeys(frame for each in kept for frame in each.frames))
        relation: Relation = max((each.relation for each in kept), key=STRENGTHS.index)
        how: Relation = "TRANSFORMATION" if relation == "IDENTITY" else relation
        work.observation.registry.put(result, made._replace(extra=Reduced(frames, how)))


def choose(observation: Observation, observed: Observed) -> None:
    """``where`` and ``mask``: values stay or are replaced, and the condition decides which."""
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None or output is None:
        return
    values_into(work, node, observed.subject, output, "IDENTITY")
    other, condition = work.of(observed["other"]), work.of(observed["cond"])
    if other is None and isinstance(observed["other"], str):
        other = untold_value(observation, observed["other"])
    if other is not None:
        values_into(work, other, observed["other"], output, "IDENTITY")
    if condition is not None:
        values_into(work, condition, observed["cond"], output, "CONDITIONAL")
    elif (known := decisive(work, observed["cond"], (node,))) is not None:
        for by, columns in known:
            work.product(output[1][-1:], by, columns, "CONDITIONAL")
    elif not np.isscalar(observed["cond"]):
        work.product(output[1][-1:], node, node.columns, "CONDITIONAL", "conservative")
        owe_to_enclosed(work, (observed["cond"],), output[1][-1:], "CONDITIONAL")
    owe_to_enclosed(work, (observed["other"],), output[1][-1:])
    join_labels(work, node, (observed["other"], observed["cond"]), output)
    work.close()


def ufunc(observation: Observation, observed: Observed) -> None:
    """``np.log(series)``: numpy hands its functions over to pandas."""
    _, function, method, *rest = observed.call.arguments
    inputs = rest[0] if rest and isinstance(rest[0], tuple) else tuple(rest)
    output = look(observed.result)
    observed.operation = f"numpy.{function.__name__}"
    if output is None or method != "__call__":
        return
    work = Work(observation, observed)
    for thing in inputs:
        if (node := work.of(thing)) is not None:
            values_into(work, node, thing, output)
    labelled = [thing for thing in inputs if isinstance(thing, (pd.DataFrame, pd.Series))]
    if len(labelled) > 1 and len({type(thing) for thing in labelled}) == 1:
        meet(work, [(thing, found) for thing in labelled if (found := work.of(thing)) is not None])
    _stays_reduced(work, work.close())


def apply(observation: Observation, observed: Observed) -> None:
    """``apply``: what the function reads of a row nobody can tell, so it may be every column."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None:
        return
    if output is None:
        work.take(node)
    elif isinstance(observed.subject, pd.Series):
        made = output[1] if output[0] == "frame" else output[1][-1:]
        work.product(made, node, (value_column(node),))
        work.same(node, output[1][: len(output[1]) - len(made)])
    else:
        rows = observed["axis"] in (1, "columns")
        if not rows and output[0] == "frame":
            work.same(node, output[1], "TRANSFORMATION")
        else:
            made = output[1][-1:] if output[0] == "series" else column_labels(observed.result)
            inputs = column_labels(observed.subject)
            relation: Relation = "TRANSFORMATION" if rows else "AGGREGATION"
            work.product(made, node, inputs, relation, "conservative" if rows else "observed")
            if rows:
                work.same(node, output[1][: len(output[1]) - len(made)])
    if output is not None:
        made = column_labels(observed.result) if output[0] == "frame" else output[1][-1:]
        given = observed.call.arguments[1:]
        owe_to_enclosed(work, given, made)
        for thing in parts_of(given, with_lists=True):
            other = work.of(thing) or observation.registry.get(thing)  # a list may be known as one
            if other is not None:  # ``args=``, for the function to use
                work.product(made, other, other.columns or ("*",), "TRANSFORMATION", "conservative")
    work.close()


def convert(observation: Observation, observed: Observed) -> None:
    """Functions of pandas from one series to one: ``pd.cut``, ``pd.to_datetime`` …"""
    thing = observed.subject
    result = observed.result[0] if isinstance(observed.result, tuple) else observed.result
    output = look(result)
    work = Work(observation, observed)
    node = work.of(thing)
    if node is None or output is None:
        return
    made = column_labels(result) if isinstance(result, pd.DataFrame) else output[1][-1:]
    if isinstance(thing, pd.DataFrame) and isinstance(result, pd.DataFrame):
        work.same(node, made, "TRANSFORMATION")
    else:
        work.product(made, node, own_values(node, thing))
    for argument in observed.call.arguments[1:]:
        for other, columns in given(work, argument, (node,)):
            work.product(made, other, columns or ("*",))
    work.same(node, output[1][: len(output[1]) - len(made)])
    work.finish(result, *output)
    if result is not observed.result and isinstance(observed.result[1], np.ndarray):
        edges = Work(observation, observed)
        edges.product(("0",), node, own_values(node, thing), "AGGREGATION")
        edges.finish(observed.result[1], "array", ("0",))


def factorize(observation: Observation, observed: Observed) -> None:
    """``pd.factorize(series)``: a number for each value, and the values."""
    subject = observed.subject
    for part in observed.result:
        work = Work(observation, observed)
        node = work.of(subject)
        if node is None:
            return
        output = look(part) or ("array", ("0",))
        how: Relation = "IDENTITY" if part is observed.result[1] else "TRANSFORMATION"
        work.product(output[1][-1:], node, own_values(node, subject) or ("*",), how)
        work.finish(part, *output, variant=how, rows_out=size(part))


def arm(observation: Observation) -> None:
    """Observe operators and value-wise methods."""
    for owner in (pd.DataFrame, pd.Series):
        for name in BINARY:
            inplace = name.startswith("__i") and name != "__invert__"
            before = remember if inplace else None
            observe(
                observation, "pandas", owner, name, elementwise, before=before, quick=arithmetic
            )
        for name in UNARY:
            changes = name in ("fillna", "ffill", "bfill", "replace", "clip", "interpolate")
            before = remember if changes else None
            observe(observation, "pandas", owner, name, elementwise, before=before, quick=repeated)
        observe(observation, "pandas", owner, "map", look_up)
        observe(observation, "pandas", owner, "case_when", cases)
        for name in ("where", "mask"):
            observe(observation, "pandas", owner, name, choose, before=remember)
        observe(observation, "pandas", owner, "apply", apply)
        observe(observation, "pandas", owner, "factorize", factorize)
        observe(observation, "pandas", owner, "__array_ufunc__", ufunc)
    for name in ("cut", "qcut", "to_datetime", "to_numeric", "to_timedelta", "isna", "notna"):
        observe(observation, "pandas", pd, name, convert)
    observe(observation, "pandas", pd, "factorize", factorize)
