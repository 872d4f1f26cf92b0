"""Names, order and shape: renaming, sorting, index and columns changing places, pivots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from governed_kernel.capture.adapters.pandas.indexes import know_labels
from governed_kernel.capture.adapters.pandas.subjects import (
    Reduced,
    Work,
    column_labels,
    decisive,
    labels_of,
    levels,
    look,
    own_values,
    raw_pairs,
    remember,
    text,
    value_column,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.lineage.events import Evidence

__all__ = ["arm"]

_ROWS = (0, "index", "rows")
"""What an argument ``axis`` says of the labels of rows."""


def rename(observation: Observation, observed: Observed) -> None:
    """``rename``, ``set_axis``, ``add_prefix`` …: other names, the same order."""
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None or output is None:
        return
    if len(node.columns) == len(output[1]):
        pairs = raw_pairs(node.columns, output[1])
        # Labels of rows that are renamed are other values; a column keeps its own.
        rows = len(levels(work.output().index)) if _renames_rows(observed) else 0
        work.pairs(node, pairs[:rows], "TRANSFORMATION")
        work.pairs(node, pairs[rows:])
    else:
        # An index got a name or lost it: the values are still the last columns.
        made = own_values(Node("", "", output[1]), work.output())
        work.pairs(node, zip(made, node.columns[len(node.columns) - len(made) :], strict=False))
        before = observation.registry.get(observed.subject.index)
        if before is not None and before.entity != node.entity:
            work.product(levels(work.output().index), before, before.columns, "IDENTITY")
    labels = None
    if observed.target.name == "set_axis" and observed["axis"] in _ROWS:
        labels = observed["labels"]
        for by, columns in decisive(work, labels) or ():
            work.product(levels(work.output().index), by, columns, "IDENTITY")
    work.close()
    if labels is not None:
        know_labels(observation, observed, work.output(), labels)


def _renames_rows(observed: Observed) -> bool:
    """``rename(index={…})``, ``add_prefix("n")`` of a series: other labels of rows."""
    given, name = observed.arguments.get, observed.target.name
    is_series = isinstance(observed.subject, pd.Series)
    if name in ("add_prefix", "add_suffix"):
        return given("axis") in _ROWS if given("axis") is not None else is_series
    if name != "rename":
        return False
    labels = given("index")
    if is_series:  # a single label is its name
        return callable(labels) or isinstance(labels, (Mapping, pd.Series))
    mapper = given("mapper")
    return labels is not None or (mapper is not None and given("axis") in (None, *_ROWS))


def reset_index(observation: Observation, observed: Observed) -> None:
    """Levels of the index become columns; a series becomes a frame."""
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None or output is None:
        return
    labels = observation.registry.get(observed.subject.index)
    new = tuple(name for name in output[1] if name not in node.columns)
    if node.kind == "series" and output[0] == "frame":
        work.labels(node, observed.subject, output[1][:-1])
        work.pairs(node, [(output[1][-1], value_column(node))])
        new = () if levels(observed.subject.index) else output[1][:1]
    elif observed["names"] is None or observed["drop"]:
        values = own_values(node, observed.subject)
        work.same(node, tuple([name for name in output[1] if name in values]))
        rest = tuple([name for name in output[1] if name not in values])
        work.labels(node, observed.subject, rest)
    else:
        labels = None
        _renamed_levels(work, node, observed)
    if labels is not None and labels.entity != node.entity and not observed["drop"]:
        work.product(new, labels, labels.columns, "IDENTITY")
    work.close()


def _renamed_levels(work: Work, node: Node, observed: Observed) -> None:
    """``frame.reset_index(names=[…])``: a level comes under another name, in its place."""
    given, made = observed["names"], column_labels(work.output())
    named = [text(name) for name in (given if isinstance(given, (list, tuple)) else [given])]
    kept = tuple([column for column in made if column not in named])
    old = tuple([column for column in node.columns if column not in kept])
    work.same(node, (*levels(work.output().index), *kept))
    if len(old) == len(named) and observed["level"] is None:
        work.pairs(node, zip(named, old, strict=True))
    else:
        there = tuple([name for name in named if name in made])
        work.product(there, node, old, "IDENTITY", "conservative")


def set_index(observation: Observation, observed: Observed) -> None:
    """Columns become levels of the index."""
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None or output is None:
        return
    work.same(node, output[1])
    keys = observed["keys"]
    for key in keys if isinstance(keys, list) else [keys]:
        other = work.of(key) if not isinstance(key, str) else None
        if other is not None and levels(work.output().index):
            work.pairs(other, [(own_values(other, key)[0],) * 2])
    work.close()
    know_labels(observation, observed, work.output(), keys)


def sort(observation: Observation, observed: Observed) -> None:
    """``sort_values`` and ``sort_index``."""
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None or output is None:
        return
    work.same(node, output[1])
    if observed.target.name == "sort_index":
        by = levels(observed.subject.index)
    else:
        by = labels_of(observed["by"]) or (value_column(node),)
    work.decides(node, tuple(column for column in by if column in node.columns), "SORT")
    work.close()


def melt(observation: Observation, observed: Observed) -> None:
    """Columns under each other: identifiers stay, values come from all the others."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    kept = labels_of(observed["id_vars"])
    melted = labels_of(observed["value_vars"]) or tuple(
        column for column in column_labels(observed.subject) if column not in kept
    )
    work.same(node, (*levels(observed.result.index), *kept))
    work.product((text(observed["value_name"]),), node, melted, "IDENTITY")
    work.close()


def pivot(observation: Observation, observed: Observed) -> None:
    """``pivot`` and ``pivot_table``: index and columns are keys, the cells come from the values."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    subject, result = observed.subject, observed.result
    index, across = labels_of(observed["index"]), labels_of(observed["columns"])
    values = labels_of(observed["values"]) or tuple(
        column for column in column_labels(subject) if column not in (*index, *across)
    )
    relation: Any = "IDENTITY" if observed.target.name == "pivot" else "AGGREGATION"
    work.same(node, tuple(level for level in levels(result.index) if level in index))
    labels = result.columns.tolist() if isinstance(result, pd.DataFrame) else [result.name]
    unknown = []
    for label in labels:
        head = text(label[0]) if isinstance(label, tuple) else text(label)
        if len(values) == 1:
            work.pairs(node, [(text(label), values[0])], relation)
        elif head in values:
            work.pairs(node, [(text(label), head)], relation)
        else:
            unknown.append(text(label))
    work.product(tuple(unknown), node, values, relation, "conservative")
    work.decides(node, (*index, *across), "GROUP_BY")
    work.names(node, across)
    work.close()


def crosstab(observation: Observation, observed: Observed) -> None:
    """``pd.crosstab``: a row and a column for each value, and how often both are together."""
    output = look(observed.result)
    work = Work(observation, observed)
    if output is None:
        return
    names = levels(observed.result.index)
    made = column_labels(observed.result)
    for side in ("index", "columns"):
        given = observed[side]
        for place, thing in enumerate(given if isinstance(given, list) else [given]):
            if (node := work.of(thing)) is None:
                work.open()
                continue
            keys = own_values(node, thing) if look(thing) is not None else node.columns
            work.decides(node, keys, "GROUP_BY")
            if side == "columns":
                work.names(node, keys)
            if side == "index" and place < len(names):
                work.pairs(node, [(names[place], keys[-1])])
    if (values := work.of(observed["values"])) is not None:
        work.product(made, values, own_values(values, observed["values"]), "AGGREGATION")
    work.finish(observed.result, *output, rows_out=len(observed.result))


def stack(observation: Observation, observed: Observed) -> None:
    """``stack``: columns below each other."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    result = observed.result
    made = column_labels(result) if isinstance(result, pd.DataFrame) else output[1][-1:]
    work.same(node, output[1][: len(output[1]) - len(made)])
    labels = observed.subject.columns
    for name in made:
        # Of several levels of labels the last went into the index.
        below = tuple(
            text(label)
            for label in labels.tolist()
            if not isinstance(label, tuple) or output[0] == "series" or text(label[:-1]) == name
        )
        work.product((name,), node, below or column_labels(observed.subject), "IDENTITY")
    work.close()


def unstack(observation: Observation, observed: Observed) -> None:
    """``unstack``: a level of the index becomes columns; it and the others decide what meets."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    result, values = observed.result, own_values(node, observed.subject)
    if isinstance(result, pd.Series):
        work.same(node, output[1][:-1])
        work.product(output[1][-1:], node, values, "IDENTITY")
        work.close()
        return
    index = levels(result.index)
    work.labels(node, observed.subject, index)
    for label in result.columns.tolist():
        head = text(label[0]) if isinstance(label, tuple) else ""
        source = (head,) if head in values else values
        work.product((text(label),), node, source, "IDENTITY")
    work.decides(node, levels(observed.subject.index), "GROUP_BY")
    work.names(node, levels(observed.subject.index))
    work.close()


def transpose(observation: Observation, observed: Observed) -> None:
    """``frame.T``: a column for each row, with something of every column."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    if isinstance(node.extra, Reduced):  # ``frame.mean().to_frame().T``
        node.extra.go_into(work, node, column_labels(observed.result))
    elif isinstance(observed.result, pd.DataFrame):
        values = own_values(node, observed.subject)
        # Rows are no columns: which of them a value came from is told by its place alone.
        sure: Evidence = "observed" if len(values) == 1 else "conservative"
        work.product(column_labels(observed.result), node, values, "IDENTITY", sure)
        work.names(node, levels(observed.subject.index))
    else:
        work.same(node, output[1])
    work.close()


def dummies(observation: Observation, observed: Observed) -> None:
    """``pd.get_dummies``: one column for each value of another."""
    work = Work(observation, observed)
    subject, output = observed.subject, look(observed.result)
    node = work.of(subject)
    if node is None or output is None:
        return
    if isinstance(subject, pd.Series):
        work.product(column_labels(observed.result), node, (value_column(node),))
        work.names(node, (value_column(node),))
    else:
        work.same(node, output[1])
        made = [column for column in output[1] if column not in node.columns]
        encoded = labels_of(observed["columns"]) or tuple(
            column for column in column_labels(subject) if column not in output[1]
        )
        work.names(node, encoded)
        separator = observed["prefix_sep"] if isinstance(observed["prefix_sep"], str) else "_"
        for name in made:
            of = [column for column in encoded if name.startswith(f"{column}{separator}")]
            work.product(
                (name,),
                node,
                tuple(of[:1]) if len(of) == 1 else encoded,
                "TRANSFORMATION",
                "observed" if len(of) == 1 else "conservative",
            )
    work.close()


def to_frame(observation: Observation, observed: Observed) -> None:
    """``series.to_frame()``."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    work.same(node, output[1][:-1])
    work.pairs(node, [(output[1][-1], value_column(node))])
    made = work.close()
    if isinstance(node.extra, Reduced):
        observation.registry.put(observed.result, made._replace(extra=node.extra))


def explode(observation: Observation, observed: Observed) -> None:
    """``explode``: the parts of a list below each other."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    changed = labels_of(observed["column"]) or (value_column(node),)
    work.same(node, tuple(column for column in output[1] if column not in changed))
    work.same(node, changed, "TRANSFORMATION")
    work.close()


def arm(observation: Observation) -> None:
    """Observe what changes names, order and shape."""

    def see(owner: Any, names: str, rule: Any) -> None:
        for name in names.split():
            observe(observation, "pandas", owner, name, rule, before=remember)

    for owner in (pd.DataFrame, pd.Series):
        see(owner, "rename set_axis add_prefix add_suffix rename_axis", rename)
        see(owner, "reset_index", reset_index)
        see(owner, "sort_values sort_index", sort)
        see(owner, "explode", explode)
    see(pd.DataFrame, "set_index", set_index)
    see(pd.DataFrame, "melt", melt)
    see(pd.DataFrame, "pivot pivot_table", pivot)
    see(pd.Series, "to_frame", to_frame)
    see(pd.DataFrame, "stack", stack)
    for owner in (pd.DataFrame, pd.Series):
        see(owner, "unstack", unstack)
    see(pd.DataFrame, "transpose T", transpose)
    observe(observation, "pandas", pd, "crosstab", crosstab)
    observe(observation, "pandas", pd, "melt", melt)
    observe(observation, "pandas", pd, "pivot", pivot)
    observe(observation, "pandas", pd, "pivot_table", pivot)
    observe(observation, "pandas", pd, "get_dummies", dummies)
