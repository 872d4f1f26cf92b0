"""Into pandas and out of it: constructors, arrays, lists; and the rule for what has none."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
from pandas.core import common  # type: ignore[attr-defined]

from governed_kernel.capture.adapters.pandas.alignment import meet
from governed_kernel.capture.adapters.pandas.indexes import know_labels
from governed_kernel.capture.adapters.pandas.subjects import (
    PLAIN,
    Work,
    array_columns,
    column_labels,
    decisive,
    is_written_out,
    look,
    own_values,
    size,
    text,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.rewriting import Hooks, NotRewritable, outermost_function, rewrite

__all__ = ["arm", "arm_rest"]


def construct(observation: Observation, observed: Observed) -> None:
    """``pd.DataFrame(…)`` and ``pd.Series(…)`` of things that are known."""
    subject, data = observed.subject, observed["data"]
    output = look(subject)
    if output is None:
        return
    observed.operation = f"pandas.{type(subject).__name__}"
    work = Work(observation, observed)
    made = column_labels(subject) if isinstance(subject, pd.DataFrame) else output[1][-1:]
    if isinstance(data, dict) and isinstance(subject, pd.DataFrame):
        labelled = []
        for name, value in list(data.items())[:1000]:
            node = work.of(value)
            if node is not None and isinstance(value, pd.Series):
                labelled.append((value, node))
                work.same(node, output[1][: len(output[1]) - len(made)])
            if node is not None and text(name) in made:
                columns = node.columns if node.kind in PLAIN else own_values(node, value)
                work.product((text(name),), node, columns or ("*",), "IDENTITY")
            elif isinstance(value, (list, tuple)) and text(name) in made:
                known = work.many(value)
                for part in known:
                    work.product((text(name),), part, part.columns or ("*",), "IDENTITY")
                if not is_written_out(observation, value) and not (
                    known
                    and all(
                        work.of(each) or is_written_out(observation, each) for each in value[:50]
                    )
                ):
                    work.open((text(name),))
            elif not is_written_out(observation, value):
                work.open((text(name),))
        if labelled:
            meet(work, labelled)
    elif isinstance(data, (list, dict)):
        whole = observation.registry.get(data)
        for node in work.many(data):
            if node is whole:
                work.product(made, node, ("*",), "IDENTITY")
            elif node.kind == "value" and len(made) == 1:
                work.product(made, node, node.columns or ("*",), "IDENTITY")
            else:
                work.product(made, node, node.columns, "TRANSFORMATION", "conservative")
        if not work.inputs:
            work.open()
    elif (node := work.of(data)) is not None:
        columns = node.columns if node.kind in PLAIN else own_values(node, data)
        if node.kind == "frame":
            work.same(node, made)
        elif len(columns) == len(made):
            work.pairs(node, zip(made, columns, strict=True))
        else:
            work.product(made, node, columns or ("*",), "IDENTITY")
    elif data is not None:
        work.open()
    if (index := work.of(observed["index"])) is not None and index.kind != "index":
        kept = output[1][: len(output[1]) - len(made)]
        work.product(kept, index, index.columns, "IDENTITY")
    called = observed.arguments.get("columns")  # a series' constructor has none
    for by, columns in decisive(work, called) or () if not isinstance(called, pd.Index) else ():
        work.names(by, columns)
    work.finish(subject, *output, rows_out=size(subject))
    keys = data if isinstance(data, dict) and isinstance(subject, pd.Series) else None
    know_labels(observation, observed, subject, observed["index"] if keys is None else keys)


def to_array(observation: Observation, observed: Observed) -> None:
    """``to_numpy()``, ``values``: columns by position."""
    work = Work(observation, observed)
    node, result = work.subject(), observed.result
    if node is None:
        return
    if not isinstance(result, (np.ndarray, pd.api.extensions.ExtensionArray)):
        return
    values, made = own_values(node, observed.subject), array_columns(result)
    if len(values) == len(made):
        work.pairs(node, zip(made, values, strict=True))
    else:
        work.product(made, node, values, "IDENTITY", "conservative")
    if observed.target.name == "unique":
        work.decides(node, values, "FILTER")
    work.finish(result, "array", made, rows_in=size(observed.subject), rows_out=size(result))


def generic(observation: Observation, observed: Observed) -> None:
    """What has no rule: every column of the result may owe to every column that went in."""
    output = look(work_output(observation, observed))
    work = Work(observation, observed)
    nodes = []
    for thing in observed.call.arguments[:20]:
        for node in work.many(thing):
            if node.kind != "group":
                nodes.append(node)
            elif node.extra is not None:
                nodes.append(node.extra.parent)
    if not nodes:
        return
    for node in nodes:
        work.take(node)
        if output is not None:
            columns = node.columns or ("*",)
            work.product(output[1], node, columns, "TRANSFORMATION", "conservative")
    work.close()


def work_output(observation: Observation, observed: Observed) -> Any:
    """What the call made."""
    return Work(observation, observed).output()


_OUT = ["to_dict", "to_list", "tolist", "to_records", "to_string", "item", "iterrows", "itertuples"]
_TRANSPARENT = {
    *[
        "pipe",
        "plot",
        "hist",
        "boxplot",
        "info",
        "items",
        "keys",
        "style",
        "attrs",
        "flags",
        "axes",
        "dtypes",
        "shape",
        "size",
        "ndim",
    ],
    *[
        "empty",
        "to_clipboard",
        "to_sql",
        "to_gbq",
        "to_csv",
        "to_orc",
        "from_records",
        "from_dict",
        "dtype",
        "name",
        "hasnans",
    ],
    *[
        "array",
        "index",
        "columns",
        "sparse",
        "list",
        "struct",
        "loc",
        "iloc",
        "at",
        "iat",
        "bool",
        "nbytes",
        "first_valid_index",
    ],
    *[
        "last_valid_index",
        "equals",
        "compare",
        "add_prefix",
        "is_unique",
        "is_monotonic_increasing",
    ],
    *[
        "is_monotonic_decreasing",
        "groupby",
        "rolling",
        "expanding",
        "ewm",
        "resample",
        "cat",
        "str",
        "dt",
        "iget",
    ],
    *["indices", "groups", "ngroups", "__iter__"],
}
"""Nothing of theirs is data, or what they call is observed itself."""


def handed_out(observation: Observation, observed: Observed) -> None:
    """``iterrows``, ``itertuples``, ``items``: values leave pandas one by one."""
    work = Work(observation, observed)
    node = work.subject()
    if node is not None:
        work.take(node)
        work.finish(None, "value", (), rows_in=size(observed.subject))


def _watch_pipe(observation: Observation) -> None:
    """``frame.pipe(function)``: what the function is given is a copy that pandas makes first."""
    registry = observation.registry

    def begins(values: tuple[Any, ...]) -> None:
        thing, frame = values[0], sys._getframe(2)
        with observation.guarded("pandas.pipe"):
            if look(thing) is not None and registry.get(thing) is None:
                node = registry.get(frame.f_locals.get("self"))
                if node is not None and (node.kind, node.columns) == look(thing):
                    registry.put(thing, node)

    function = outermost_function(common, "pipe")
    try:
        assert function is not None
        rewrite(function, Hooks(begins, lambda _, result: result, lambda _: None))
    except NotRewritable as error:
        observation.lost("pandas.pipe", error)


def arm(observation: Observation) -> None:
    """Observe constructors and ways out."""
    _watch_pipe(observation)
    for owner in (pd.DataFrame, pd.Series):
        observe(observation, "pandas", owner, "__init__", construct)
        for name in ("iterrows", "itertuples", "items", "__iter__"):
            observe(observation, "pandas", owner, name, handed_out)
        for name in ("to_numpy", "values", "__array__", "to_records", "unique", "array"):
            observe(observation, "pandas", owner, name, to_array)


def arm_rest(observation: Observation) -> None:
    """Observe the public methods that no theme has named."""
    for owner in (pd.DataFrame, pd.Series):
        for name in dir(owner):
            if not name.startswith("_") and name not in _TRANSPARENT:
                observe(observation, "pandas", owner, name, generic)
    for name in ("lreshape", "wide_to_long"):
        observe(observation, "pandas", pd, name, generic)
