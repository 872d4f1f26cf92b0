"""Summaries of whole columns, or of a row's values: one number, or a table of them."""

from __future__ import annotations

import pandas as pd

from governed_kernel.capture.adapters.pandas.alignment import meet
from governed_kernel.capture.adapters.pandas.repeats import repeated
from governed_kernel.capture.adapters.pandas.subjects import (
    Reduced,
    Work,
    column_labels,
    labels_in,
    labels_of,
    look,
    own_values,
    value_column,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.scalars import VALUE
from governed_kernel.lineage.events import Relation

__all__ = ["arm"]


def reduce(observation: Observation, observed: Observed) -> None:
    """``frame.mean()``, ``series.describe()`` …: one value for a column, or for a row."""
    work = Work(observation, observed)
    node, output, subject = work.subject(), look(observed.result), observed.subject
    if node is None:
        return
    work.take(node)
    if output is not None:
        made = (
            column_labels(observed.result)
            if isinstance(observed.result, pd.DataFrame)
            else output[1][-1:]
        )
        across = observed["axis"] in (1, "columns")  # of one row's values
        values = _summarised(node, observed, across=across)
        word: Relation = "TRANSFORMATION" if across else "AGGREGATION"
        if isinstance(observed.result, pd.DataFrame) and set(made) <= set(values):
            work.same(node, made, word)
        elif observed.target.name != "memory_usage" or observed["deep"]:
            work.product(made, node, values, word)  # else it is told by types and numbers of rows
        if (other := work.of(observed["other"])) is not None:  # of `corrwith`
            work.product(made, other, own_values(other, observed["other"]), word)
            meet(work, [(subject, node), (observed["other"], other)])
        if across:
            work.same(node, output[1][: len(output[1]) - len(made)])
    else:
        work.product((VALUE,), node, own_values(node, subject), "AGGREGATION")
    made_of = work.close()
    is_series = isinstance(observed.result, pd.Series) and isinstance(subject, pd.DataFrame)
    if is_series and not across and work.is_told:
        observation.registry.put(observed.result, made_of._replace(extra=Reduced((node,))))


def _summarised(node: Node, observed: Observed, *, across: bool) -> tuple[str, ...]:
    """The columns that a table or series of summaries is made of; others may be left out.

    Summaries of whole columns that make a series are labelled by the columns' names.
    """
    subject, result = observed.subject, observed.result
    values = own_values(node, subject)
    if not isinstance(subject, pd.DataFrame) or not isinstance(result, pd.Series):
        return values
    if across:
        if observed.arguments.get("numeric_only") is not True:
            return values
        pairs = zip(values, subject.dtypes, strict=True)
        return tuple([name for name, kind in pairs if pd.api.types.is_numeric_dtype(kind)])
    left = frozenset(labels_in(result.index))
    return tuple([column for column in values if column in left]) if left else ()


def correlate(observation: Observation, observed: Observed) -> None:
    """``corr`` and ``cov``: every column with every column."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None:
        return
    made = output[1] if output is not None else (VALUE,)
    values = own_values(node, observed.subject)
    if isinstance(observed.result, pd.DataFrame):  # texts may be left out
        values = tuple([column for column in values if column in made])
    work.product(made, node, values, "AGGREGATION")
    if (other := work.of(observed["other"])) is not None:
        work.product(made, other, own_values(other, observed["other"]), "AGGREGATION")
        meet(work, [(observed.subject, node), (observed["other"], other)])
    work.close()


def count_values(observation: Observation, observed: Observed) -> None:
    """``value_counts``: the values become the index, and decide what is counted."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    values = own_values(node, observed.subject)
    keys = labels_of(observed["subset"]) or values
    if isinstance(observed.subject, pd.Series):
        work.pairs(node, [(level, value_column(node)) for level in output[1][:-1]])
    else:
        work.same(node, output[1][:-1])
    work.decides(node, keys, "GROUP_BY")
    work.close()


def arm(observation: Observation) -> None:
    """Observe summaries."""
    for owner in (pd.DataFrame, pd.Series):
        observe(observation, "pandas", owner, "value_counts", count_values, quick=repeated)
        for name in ("corr", "cov"):
            observe(observation, "pandas", owner, name, correlate, quick=repeated)
        for name in _REDUCE:
            observe(observation, "pandas", owner, name, reduce, quick=repeated)


_REDUCE = [
    "sum",
    "mean",
    "median",
    "min",
    "max",
    "std",
    "var",
    "sem",
    "count",
    "nunique",
    "prod",
    "product",
    "quantile",
    "skew",
    "kurt",
    "kurtosis",
    "any",
    "all",
    "idxmin",
    "idxmax",
    "describe",
    "agg",
    "aggregate",
    "mode",
    "memory_usage",
    "corrwith",
    "argmax",
    "argmin",
    "autocorr",
    "item",
]
