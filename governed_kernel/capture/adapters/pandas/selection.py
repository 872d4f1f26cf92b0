"""Selections: columns, masks, labels and positions, and rows taken away."""

from __future__ import annotations

import ast
import operator
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd

from governed_kernel.capture.adapters.pandas.indexes import know_labels
from governed_kernel.capture.adapters.pandas.repeats import repeated
from governed_kernel.capture.adapters.pandas.subjects import (
    Reduced,
    Work,
    column_labels,
    given,
    is_label,
    is_mask,
    is_number,
    is_single_value,
    labels_in,
    labels_of,
    levels,
    look,
    mask_decides,
    own_values,
    remember,
    text,
    value_column,
)
from governed_kernel.capture.formatted import formatted_with
from governed_kernel.capture.memory import memory_of
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.scalars import VALUE
from governed_kernel.lineage.events import Evidence, Relation

__all__ = ["CELLS", "LOCATION", "arm", "names_in", "spoken_of", "weighed"]

LOCATION: type = pd.DataFrame.iloc.fget(pd.DataFrame()).__class__.__mro__[1]  # type: ignore[attr-defined]
"""What ``loc`` and ``iloc`` have in common."""
CELLS: tuple[type, ...] = (type(pd.DataFrame().at), type(pd.DataFrame().iat))
"""What ``at`` and ``iat`` are."""


KEEP = [
    "copy",
    "head",
    "tail",
    "sample",
    "take",
    "filter",
    "select_dtypes",
    "truncate",
    "xs",
    "drop",
    "droplevel",
    "infer_objects",
    "convert_dtypes",
    "squeeze",
    "get",
    "at_time",
    "between_time",
    "set_flags",
    "align",
    "swaplevel",
    "reorder_levels",
    "tz_localize",
    "tz_convert",
    "asfreq",
    "__copy__",
    "__deepcopy__",
    "view",
    "ravel",
]
"""Values stay what they are; no column decides which rows remain."""


def keep(observation: Observation, observed: Observed) -> None:
    """Columns that are still there are the same."""
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None:
        return
    if output is not None and output[0] == "series" and node.kind == "frame":
        _one_series(work, node, output[1])
    elif output is not None:
        if observed.target.name == "xs" and observed["axis"] in (1, "columns"):
            _cut(work, node, observed)
        elif output[0] == "frame" and _across(observed):
            # Levels of column labels that went or changed places: the columns stay where they are.
            work.same(node, levels(observed.result.index))
            old = column_labels(observed.subject)
            work.pairs(node, zip(column_labels(observed.result), old, strict=True))
        elif not _some_summaries(work, node):
            if observed.target.name == "asfreq":
                _at_other_times(work, node, output[1], observed.result)
            else:
                work.same(node, output[1])
            if observed.target.name == "sample":
                weighed(work, node, observed)
            elif observed.target.name == "take" and observed["axis"] in (0, "index"):
                mask_decides(work, observed["indices"], node)
            elif observed.target.name == "drop":
                _dropped(work, node, observed)
    else:
        work.take(node)
    _are_summaries(work, node)


def _at_other_times(work: Work, node: Node, made: tuple[str, ...], result: Any) -> None:
    """``frame.asfreq("D")``: new labels, and the values of those that are among the old ones."""
    times = len(levels(result.index))
    work.same(node, made[:times], "TRANSFORMATION")
    work.same(node, made[times:])
    work.product(made[times:], node, levels(work.observed.subject.index), "WINDOW")


def _dropped(work: Work, node: Node, observed: Observed) -> None:
    """``frame.drop(rows)``: what chose the labels of rows decides which remain."""
    rows = observed["index"]
    if rows is None and observed["axis"] in (0, "index", "rows"):
        rows = observed["labels"]
    if isinstance(rows, (pd.Index, pd.Series, np.ndarray, list)):
        mask_decides(work, rows, node)
        work.decides(node, levels(observed.subject.index), "FILTER")


def weighed(work: Work, node: Node, observed: Observed) -> None:
    """``sample(weights=…)``: a column, a series or a list says how likely each row is taken."""
    weights = observed["weights"]
    if isinstance(weights, str):
        work.decides(node, (weights,), "FILTER")
    elif weights is not None:
        for by, columns in given(work, weights, (node,)):
            work.decides(by, columns or ("*",), "FILTER")


_OF_LABELS = ("droplevel", "swaplevel", "reorder_levels")


def _across(observed: Observed) -> bool:
    """Whether levels of the column labels are meant, and not those of the index."""
    return observed.target.name in _OF_LABELS and observed["axis"] in (1, "columns")


def _cut(work: Work, node: Any, observed: Observed) -> None:
    """``frame.xs("min", axis=1, level=1)``: the columns that have labels on some levels."""
    labels, key = observed.subject.columns, observed["key"]
    level, result = observed["level"], observed.result
    if level is None:
        level = [*range(len(key))] if isinstance(key, tuple) and labels.nlevels > 1 else 0
    if not isinstance(level, (list, tuple)):
        level, key = [level], [key]
    parts = zip(*map(labels.get_level_values, level), strict=True)
    chosen = [
        name
        for name, here in zip(column_labels(observed.subject), parts, strict=True)
        if all(map(operator.eq, here, key))
    ]
    made = column_labels(result) if isinstance(result, pd.DataFrame) else (text(result.name),)
    work.pairs(node, zip(made, chosen, strict=False))
    work.same(node, levels(result.index))


def pick_labels(observation: Observation, observed: Observed) -> None:
    """``reindex``: labels of another thing decide which rows there are."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    work.same(node, output[1])
    other = observed["other"]
    things = observed.call.arguments[1:] if other is None else [other.index]
    for thing in things:
        if look(thing) is not None and (by := work.of(thing)) is not None:
            work.decides(by, own_values(by, thing), "FILTER")
            work.decides(node, levels(observed.subject.index), "FILTER")
    work.close()
    for thing in things:
        know_labels(observation, observed, observed.result, thing)


def _one_series(work: Work, node: Any, columns: tuple[str, ...]) -> None:
    """A series taken from a frame: one of its columns, or one of its rows."""
    name = columns[-1]
    work.same(node, columns[:-1])
    # The index of a column is that of the frame; the index of a row is made of the columns.
    if name in node.columns:
        work.pairs(node, [(name, name)])
    else:
        work.product((name,), node, column_labels(work.observed.subject), "IDENTITY")


def get_item(observation: Observation, observed: Observed) -> None:
    """``frame[key]`` and ``series[key]``."""
    work = Work(observation, observed)
    subject, key = observed.subject, observed.call.arguments[1]
    node, output = work.subject(), look(observed.result)
    if node is None:
        return
    if output is None:
        single(work, node, subject, key)
        return
    if isinstance(getattr(subject, "columns", None), pd.MultiIndex) and output[0] == "frame":
        _levels_below(work, node, observed)
    elif not _some_summaries(work, node):
        work.same(node, output[1])
    if isinstance(subject, pd.DataFrame) and isinstance(key, (list, tuple)) and not _masks(key):
        work.chosen_by(key)
    elif isinstance(key, pd.DataFrame):  # the same rows, and no value where it says so
        work.same(work.node(key, *look(key)), output[1], "CONDITIONAL")  # type: ignore[misc]
    elif not isinstance(key, str):
        mask_decides(work, key, node)
    _are_summaries(work, node)


def _some_summaries(work: Work, node: Node) -> bool:
    """``frame.mean()[["a", "b"]]``: of a frame's summaries some, each of its own column."""
    result = work.observed.result
    if not isinstance(node.extra, Reduced) or not isinstance(result, pd.Series):
        return False
    node.extra.chosen(work, node, (text(result.name),))
    left = frozenset(labels_in(result.index))
    for frame in node.extra.frames:
        columns = tuple([column for column in frame.columns if column in left])
        work.product((text(result.name),), frame, columns, node.extra.relation)
    return True


def _are_summaries(work: Work, node: Node) -> None:
    """Remember of some summaries what they were of."""
    made = work.close()
    is_series = isinstance(work.observed.result, pd.Series)
    if isinstance(node.extra, Reduced) and is_series and work.is_told:
        work.observation.registry.put(work.observed.result, made._replace(extra=node.extra))


def single(work: Work, node: Node, subject: Any, key: Any) -> None:
    """A single value leaves pandas: ``frame.mean()["a"]``, ``frame.describe().loc["max", "a"]``.

    Of a table of an earlier statement this one's text tells what was taken, at less cost.
    """
    observation, value = work.observation, work.observed.result
    if not observation.doings or not is_single_value(value):
        return
    relation: Relation = "IDENTITY"
    columns: tuple[str, ...] = (text(key),)
    sources: tuple[Node, ...] = (node,)
    if isinstance(node.extra, Reduced) and (behind := node.extra.behind(columns[0])):
        node.extra.chosen(work, node, (VALUE,))
        sources, relation = behind, node.extra.relation
    elif node.entity not in observation.doings[-1].made:
        return
    elif isinstance(subject, pd.DataFrame):
        label = text(key[-1]) if isinstance(key, tuple) else ""
        columns = (label,) if label in node.columns else column_labels(subject)
    elif isinstance(subject, pd.Series):
        columns = own_values(node, subject)
    else:
        return
    entities = tuple([each.entity for each in sources])
    taken, known = ("single", entities, columns), memory_of(observation).calls
    if taken in known:
        observation.scalars.keep(value, known[taken])
        return
    for each in sources:
        work.product((VALUE,), each, columns, relation)
    known[taken] = work.close()


def _levels_below(work: Work, node: Any, observed: Observed) -> None:
    """``frame["age"]`` of columns with several levels: those below it."""
    key, result = observed.call.arguments[1], observed.result
    if isinstance(key, tuple) and not all(map(is_label, key)):
        with warnings.catch_warnings():  # pandas has said it once, if anything
            warnings.simplefilter("ignore")
            places = observed.subject.columns.get_locs(key)
        there = np.asarray(column_labels(observed.subject), dtype=object)[places]
        work.pairs(node, zip(column_labels(result), there, strict=True))
        work.same(node, levels(result.index))
        return
    first = () if isinstance(key, (list, slice)) or not is_label(key) else key
    first = first if isinstance(first, tuple) else (first,)
    pairs = []
    for label in result.columns.tolist():
        whole = (*first, *(label if isinstance(label, tuple) else (label,)))
        pairs.append((text(label), text(whole) if first else text(label)))
    work.pairs(node, [pair for pair in pairs if pair[1] in node.columns])
    work.same(node, levels(result.index))


def _masks(key: Any) -> bool:
    return isinstance(key, list) and bool(key) and isinstance(key[0], (bool, np.bool_))


def get_attribute(observation: Observation, observed: Observed) -> None:
    """``frame.column``."""
    result, name = observed.result, observed.call.arguments[1]
    if not isinstance(result, pd.Series):
        work = Work(observation, observed)
        if is_single_value(result) and (node := work.subject()) is not None:
            single(work, node, observed.subject, name)
    elif result.name == name:
        observed.operation = "DataFrame.__getitem__"
        work = Work(observation, observed)
        node, output = work.subject(), look(result)
        if node is not None and output is not None:
            work.same(node, output[1])
            work.close()


def locate(observation: Observation, observed: Observed) -> None:
    """``.loc[…]`` and ``.iloc[…]``."""
    indexer, key = observed.call.arguments[:2]
    subject = indexer.obj
    observed.operation = f"{type(subject).__name__}.{indexer.name}"
    output = look(observed.result)
    work = Work(observation, observed)
    node = work.of(subject)
    if node is None:
        return
    if output is None:
        if isinstance(node.extra, Reduced) and indexer.name == "iloc" and is_number(key):
            key = subject.index[key]
        single(work, node, subject, key)
        return
    rows = key[0] if isinstance(key, tuple) and key and isinstance(subject, pd.DataFrame) else key
    column = isinstance(key, tuple) and len(key) > 1 and not _whole(key[1])
    if output[0] == "series" and isinstance(subject, pd.DataFrame):
        name = output[1][-1]
        if name in node.columns:
            work.same(node, output[1])
        else:
            _row(work, node, name, subject, key[1] if column else slice(None))
    elif not _some_summaries(work, node):
        work.same(node, output[1])
    mask_decides(work, rows, node)
    if not _whole(rows) and not is_mask(rows) and indexer.name == "loc":
        work.decides(node, levels(subject.index), "FILTER")
    if not _is_row(work, node, subject):
        _are_summaries(work, node)
        return
    row = work.close()
    if work.is_told:
        summary = row._replace(extra=Reduced((node,), "IDENTITY"))
        work.observation.registry.put(observed.result, summary)


def _is_row(work: Work, node: Node, subject: Any) -> bool:
    """Whether a row was taken, as a series with a label for each column."""
    result = work.observed.result
    if not isinstance(subject, pd.DataFrame) or not isinstance(result, pd.Series):
        return False
    return text(result.name) not in node.columns and len(result) <= len(subject.columns)


def _row(work: Work, node: Any, name: str, subject: pd.DataFrame, columns: Any) -> None:
    """A row as a series: of all its columns, or of those that are named or counted."""
    every = column_labels(subject)
    if _whole(columns):
        work.product((name,), node, every, "IDENTITY")
        return
    there = set(labels_of(columns)) if work.observed.call.arguments[0].name == "loc" else set()
    chosen = tuple(column for column in every if column in there)
    sure: Evidence = "observed" if chosen else "conservative"
    work.product((name,), node, chosen or every, "IDENTITY", sure)


def _whole(key: Any) -> bool:
    return isinstance(key, slice) and key == slice(None)


def drop_missing(observation: Observation, observed: Observed) -> None:
    """``dropna`` and ``drop_duplicates``: the subset, or all columns, decide which rows stay."""
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None or output is None:
        return
    work.same(node, output[1])
    if observed["axis"] in (None, 0, "index"):
        subset = labels_of(observed["subset"])
        all_columns = (
            column_labels(observed.subject)
            if isinstance(observed.subject, pd.DataFrame)
            else (value_column(node),)
        )
        work.decides(node, subset or all_columns, "FILTER")
    work.close()


def largest(observation: Observation, observed: Observed) -> None:
    """``nlargest`` and ``nsmallest``."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    work.same(node, output[1])
    by = labels_of(observed["columns"]) or (value_column(node),)
    work.decides(node, by, "FILTER")
    work.decides(node, by, "SORT")
    work.close()


def names_in(expression: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    """Columns that an expression of ``query`` or ``eval`` speaks of."""
    quoted = set(re.findall(r"`([^`]*)`", expression))
    # A variable may be called what a column is called.
    plain = re.sub(r"@\w+", "_given_", re.sub(r"`[^`]*`", "_quoted_", expression))
    names: set[str] = set(quoted)
    for line in plain.splitlines():
        try:
            tree = ast.parse(line.strip())
        except SyntaxError:
            return columns
        names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return tuple(column for column in columns if column in names)


def query(observation: Observation, observed: Observed) -> None:
    """``frame.query("age > @limit")``."""
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None or output is None:
        return
    work.same(node, output[1])
    work.decides(node, names_in(observed["expr"], node.columns), "FILTER")
    for by in (
        *spoken_of(work, observed["expr"]),
        *formatted_with(observation, observed["expr"]),
    ):
        work.decides(by, by.columns or ("*",), "FILTER")
    work.close()


def spoken_of(work: Work, expression: str) -> list[Node]:
    """What is known of the notebook's variables that an expression names by ``@``."""
    if work.observation.variables is None:
        return []
    namespace, registry = work.observation.variables.namespace, work.observation.registry
    found = [
        registry.named(namespace, name) or work.of(namespace.get(name))
        for name in re.findall(r"@(\w+)", expression)
    ]
    return [node for node in found if node is not None]


def pop(observation: Observation, observed: Observed) -> None:
    """``frame.pop(column)``: a column comes out, and the frame is another one."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    work.same(node, output[1])
    work.close()
    rest = Work(observation, observed)
    left = look(observed.subject)
    if left is not None:
        rest.same(node, left[1])
        rest.finish(observed.subject, *left)


def arm(observation: Observation) -> None:
    """Observe selections."""

    def see(owner: Any, name: str, rule: Any, *, changes: bool = False) -> None:
        before = remember if changes else None
        observe(observation, "pandas", owner, name, rule, before=before, quick=repeated)

    for owner in (pd.DataFrame, pd.Series):
        see(owner, "__getitem__", get_item)
        see(owner, "dropna", drop_missing, changes=True)
        see(owner, "drop_duplicates", drop_missing, changes=True)
        see(owner, "nlargest", largest)
        see(owner, "nsmallest", largest)
        see(owner, "__getattr__", get_attribute)
        see(owner, "pop", pop, changes=True)
        for name in KEEP:
            see(owner, name, keep, changes=name == "drop")
        see(owner, "reindex", pick_labels)
        see(owner, "reindex_like", pick_labels)
    see(pd.DataFrame, "__delitem__", keep, changes=True)
    see(pd.DataFrame, "query", query, changes=True)
    see(LOCATION, "__getitem__", locate)
