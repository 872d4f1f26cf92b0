"""What a method is given beside its subject: into which columns of the result that goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from governed_kernel.capture.adapters.pandas.alignment import Labelled, look_up, meet
from governed_kernel.capture.adapters.pandas.subjects import (
    PLAIN,
    Reduced,
    Work,
    column_labels,
    is_number,
    is_single_value,
    is_written_out,
    labels_in,
    levels,
    own_values,
    text,
)
from governed_kernel.capture.observing import Observed
from governed_kernel.capture.parts import parts_of
from governed_kernel.capture.registry import Node
from governed_kernel.capture.relations import of_arguments
from governed_kernel.capture.untold import is_within, untold, untold_value
from governed_kernel.lineage.events import Relation

__all__ = ["BINARY", "arguments_into", "join_labels", "some_columns", "values_into"]

_WORDS = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "divmod",
    "matmul",
]
BINARY = [
    *(f"__{side}{word}__" for word in _WORDS for side in ("", "r", "i")),
    *(f"__{word}__" for word in ("eq", "ne", "lt", "le", "gt", "ge")),
    *[
        "add",
        "sub",
        "mul",
        "div",
        "divide",
        "multiply",
        "subtract",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
    ],
    *["radd", "rsub", "rmul", "rdiv", "rtruediv", "rfloordiv", "rmod", "rpow", "combine", "dot"],
]
_BINARY = frozenset(BINARY)
_SAME_LABELS = frozenset(
    (
        *(f"__{word}__" for word in ("eq", "ne", "lt", "le", "gt", "ge", "matmul", "rmatmul")),
        *("dot", "isin", "between", "replace", "map", "searchsorted"),
    )
)
"""What compares places, or refuses other labels."""
_OF_VALUES = ("fillna", "replace", "isin", "between", "clip", "searchsorted")


def values_into(
    work: Work,
    node: Node,
    thing: Any,
    output: tuple[str, tuple[str, ...]],
    relation: Relation = "TRANSFORMATION",
) -> None:
    """The values of `node` go into those of the output: by name, or all to all for a series."""
    result = work.output()
    if isinstance(thing, pd.DataFrame) and isinstance(result, pd.DataFrame):
        made = column_labels(result)
        index = output[1][: len(output[1]) - len(made)]
        work.same(node, made, relation)
    elif (
        isinstance(result, pd.DataFrame)
        and isinstance(thing, pd.Series)
        and relation != "CONDITIONAL"
        and _meets_columns(work.observed)
    ):
        # labels meet labels: ``frame.fillna(frame.mean())``
        labels = frozenset(labels_in(thing.index))
        made = tuple([column for column in column_labels(result) if column in labels])
        if isinstance(node.extra, Reduced):
            node.extra.go_into(work, node, made)
        else:
            work.product(made, node, own_values(node, thing), relation)
        return
    else:
        made = output[1][-1:] if not isinstance(result, pd.DataFrame) else column_labels(result)
        if isinstance(result, pd.DataFrame) and len(output[1]) < len(made):
            made = output[1]  # a dictionary has named the columns that it goes into
        index = output[1][: len(output[1]) - len(made)]
        values = node.columns if node.kind in PLAIN else own_values(node, thing)
        work.product(made, node, values or ("*",), relation)
    if node.kind not in PLAIN and (_keeps_labels(work.observed) or thing is work.observed.subject):
        work.same(node, tuple(level for level in index if level in node.columns))


def _keeps_labels(observed: Observed) -> bool:
    """Whether rows are there for the labels of each side, and not for those of the subject."""
    return observed.target.name in _BINARY or observed.target.name == "__array_ufunc__"


def join_labels(
    work: Work, node: Node, things: Iterable[Any], output: tuple[str, tuple[str, ...]]
) -> None:
    """The subject and what goes in beside it meet by their labels of rows."""
    observed = work.observed
    name, subject = observed.target.name, observed.subject
    if name in _SAME_LABELS or not isinstance(subject, (pd.DataFrame, pd.Series)):
        return
    others: list[Labelled] = []
    for thing in things:
        if isinstance(thing, (pd.DataFrame, pd.Series)) and (known := work.of(thing)) is not None:
            across = isinstance(thing, pd.Series) != isinstance(subject, pd.Series)
            if not (across and _meets_columns(observed)):
                others.append((thing, known))
    if not others:
        return
    if _keeps_labels(observed):
        meet(work, [(subject, node), *others])
        return
    values = len(levels(work.output().index))
    for other in others:
        look_up(work, output[1][values:], [(subject, node), other])


def _meets_columns(observed: Observed) -> bool:
    """Whether a series beside a frame has a value for each column, and not for each row."""
    name, axis = observed.target.name, observed.arguments.get("axis")
    if name == "fillna":
        return True
    return axis in (1, "columns") or (axis is None and name in _BINARY)


def arguments_into(work: Work, observed: Observed, output: tuple[str, tuple[str, ...]]) -> None:
    """What a method was given goes into all values, or into those of the columns it names."""
    relation = of_arguments(observed.target.name)
    chosen = _all_named(observed, output[1])
    for thing in observed.call.arguments[1:]:
        named = _columns_named(observed, thing, output[1])
        for name in named:
            _given_into(work, thing[name], (output[0], (text(name),)), relation)
        into = (output[0], tuple(map(text, named))) if named else output
        if not named:
            into = (output[0], chosen) if chosen else output
            _given_into(work, thing, into, relation)
        _looked_up(work, thing, into, relation)


def _all_named(observed: Observed, columns: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that any of the arguments names."""
    named = (_columns_named(observed, thing, columns) for thing in observed.call.arguments[1:])
    return tuple(dict.fromkeys(text(label) for labels in named for label in labels))


def _columns_named(observed: Observed, thing: Any, columns: tuple[str, ...]) -> list[Any]:
    """The columns of a frame that a dictionary gives something for: ``fillna({"age": 0})``."""
    if not isinstance(thing, dict) or not isinstance(observed.subject, pd.DataFrame):
        return []
    if (
        observed.target.name == "replace"
        and observed["value"] is pd.api.extensions.no_default
        and not all(isinstance(each, dict) for each in thing.values())
    ):
        return []  # it says what to put in the place of which values
    return [label for label in thing if text(label) in columns]


def _given_into(
    work: Work, given: Any, into: tuple[str, tuple[str, ...]], relation: Relation
) -> None:
    """What an argument brings in by itself, or part by part, goes into these columns."""
    observed = work.observed
    for thing in parts_of((given,)):
        node = work.of(thing)
        if node is None and (
            (is_number(thing) or (isinstance(thing, str) and _takes_texts(observed, thing)))
            and not is_written_out(work.observation, thing)
        ):
            node = untold_value(work.observation, thing)
        if node is not None:
            values_into(work, node, thing, into, relation)


def _takes_texts(observed: Observed, thing: str) -> bool:
    """Whether a text that a method was given is a value, and not how it is to be done."""
    if observed.target.name in _BINARY:
        return True
    return observed.target.name in _OF_VALUES and thing not in observed.target.defaults


def _looked_up(
    work: Work, thing: Any, output: tuple[str, tuple[str, ...]], relation: Relation
) -> None:
    """``map(names)``, ``replace({"k": names})``: a dictionary or list made of something."""
    if not isinstance(thing, (dict, list, set)):
        return
    columns = (
        {text(label): part for label, part in thing.items()} if isinstance(thing, dict) else {}
    )
    single = [name for name in columns if name in output[1] and is_single_value(columns[name])]
    if columns and len(single) == len(columns) and not is_within(work.observation):
        return  # each has been asked about
    if columns and all(isinstance(part, dict) for part in columns.values()):
        for name, part in columns.items():
            if name in output[1]:
                _looked_up(work, part, (output[0], (name,)), relation)
        return
    made = output[1][-1:] if output[0] == "series" or len(output[1]) == 1 else output[1]
    if (found := work.observation.registry.get(thing)) is not None:
        work.product(made, found, found.columns or ("*",), relation)
    elif (
        not is_written_out(work.observation, thing)
        and (told := untold(work.observation, thing, tuple(work.inputs.values()))) is not None
    ):
        work.product(made, told, ("*",), relation)


def some_columns(
    work: Work, node: Node, observed: Observed, output: tuple[str, tuple[str, ...]]
) -> None:
    """``fillna({"age": 0})``: the columns that a dictionary names are changed, the others not."""
    made = column_labels(work.output())
    named = _all_named(observed, made)
    changed = tuple(column for column in made if not named or column in named)
    work.same(node, changed, "TRANSFORMATION")
    work.same(node, tuple(column for column in output[1] if column not in changed))
