"""Merge, join and concat: columns keep their side, and the keys decide which rows meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from governed_kernel.capture.adapters.pandas.alignment import meet
from governed_kernel.capture.adapters.pandas.pieces import READER
from governed_kernel.capture.adapters.pandas.subjects import (
    UNNAMED,
    Work,
    column_labels,
    is_label,
    levels,
    look,
    own_values,
    size,
    text,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.relations import of_arguments

__all__ = ["arm"]


def _keys(work: Work, node: Node, thing: Any, on: Any, by_index: bool) -> tuple[str, ...]:
    """Key columns of one side; keys given as arrays or series decide as inputs of their own."""
    if by_index:
        return levels(thing.index)
    named = []
    for key in on if isinstance(on, (list, tuple)) else [on]:
        if is_label(key):
            named.append(text(key))
        elif (other := work.of(key)) is not None:
            work.decides(other, own_values(other, key) or ("*",), "JOIN")
    return tuple(name for name in named if name in node.columns)


def merge(observation: Observation, observed: Observed) -> None:
    """``left.merge(right, …)`` and ``pd.merge(left, right, …)``."""
    left = observed.subject
    right = observed["right"]
    output = look(observed.result)
    work = Work(observation, observed)
    one, two = work.of(left), work.of(right)
    if one is None or two is None or output is None:
        return
    on, how = observed["on"], str(observed["how"])
    left_on = on if observed["left_on"] is None else observed["left_on"]
    right_on = on if observed["right_on"] is None else observed["right_on"]
    ours, theirs = own_values(one, left), own_values(two, right)
    if how == "cross":
        left_on = right_on = []
    elif left_on is None and right_on is None and not observed["left_index"]:
        left_on = right_on = [column for column in ours if column in theirs]
    left_keys = _keys(work, one, left, left_on, bool(observed["left_index"]))
    right_keys = _keys(work, two, right, right_on, bool(observed["right_index"]))
    shared = {key for key in left_keys if key in right_keys}
    first, second = observed["suffixes"] or (None, None)
    _sides(work, one, two, ours, theirs, shared, how, (first or "", second or ""))
    if indicator := observed["indicator"]:
        told = (text(indicator) if isinstance(indicator, str) else "_merge",)
        for node, keys in ((one, left_keys), (two, right_keys)):
            work.product(told, node, keys, of_arguments("isin"))
    work.decides(one, left_keys, "JOIN")
    work.decides(two, right_keys, "JOIN")
    _unexplained(work, output[1], [one, two])
    work.finish(observed.result, *output, rows_in=size(left), rows_out=size(observed.result))


def _sides(
    work: Work,
    one: Node,
    two: Node,
    ours: tuple[str, ...],
    theirs: tuple[str, ...],
    shared: set[str],
    how: str,
    suffixes: tuple[str, str],
) -> None:
    """Each column from its side, with its suffix; a shared key from the side that gives it."""
    twice = (set(ours) & set(theirs)) - shared
    gives_left, gives_right = how != "right", how in ("right", "outer")
    work.pairs(
        one,
        [
            (column + suffixes[0] if column in twice else column, column)
            for column in (*ours, *(key for key in shared if key not in ours))
            if column not in shared or gives_left
        ],
    )
    if not how.endswith("_anti"):
        work.pairs(
            two,
            [
                (column + suffixes[1] if column in twice else column, column)
                for column in (*theirs, *(key for key in shared if key not in theirs))
                if column not in shared or gives_right
            ],
        )


def _unexplained(work: Work, columns: tuple[str, ...], nodes: list[Node]) -> None:
    """Drop pairs whose column did not come out; give the rest a conservative origin."""
    there = set(columns)
    work.links = [
        (entity, relation, evidence, tuple(pair for pair in pairs if pair[0] in there))
        for entity, relation, evidence, pairs in work.links
    ]
    linked = {out for _, _, _, pairs in work.links for out, _ in pairs}
    rest = tuple(column for column in columns if column not in linked and column != "_merge")
    for node in nodes:
        work.product(rest, node, node.columns, "TRANSFORMATION", "conservative")


def merge_asof(observation: Observation, observed: Observed) -> None:
    """``pd.merge_asof``, ``pd.merge_ordered``: rows meet by the nearest keys, or in order."""
    left, right, output = observed["left"], observed["right"], look(observed.result)
    work = Work(observation, observed)
    one, two = work.of(left), work.of(right)
    if one is None or two is None or output is None:
        return
    ordered = observed.target.name == "merge_ordered"
    on = observed["on"]
    ours, theirs = own_values(one, left), own_values(two, right)
    sides = []
    for side, node, thing in (("left", one, left), ("right", two, right)):
        by_index = bool(observed[f"{side}_index"])
        keys = _keys(work, node, thing, observed[f"{side}_on"] if on is None else on, by_index)
        by = observed["by"] if observed["by"] is not None else observed[f"{side}_by"]
        sides.append((keys, () if ordered else _keys(work, node, thing, by, False)))
    (left_on, left_by), (right_on, right_by) = sides
    if not left_on and not right_on:
        left_on = right_on = tuple(column for column in ours if column in theirs)
    how = str(observed["how"]) if ordered else "left"
    shared = {key for key in (*left_on, *left_by) if key in (*right_on, *right_by)}
    first, second = observed["suffixes"] or (None, None)
    _sides(work, one, two, ours, theirs, shared, how, (first or "", second or ""))
    work.decides(one, (*left_on, *left_by), "JOIN")
    work.decides(two, (*right_on, *right_by), "JOIN")
    if ordered:
        work.decides(one, left_on, "SORT")
        work.decides(two, right_on, "SORT")
    _unexplained(work, output[1], [one, two])
    work.finish(observed.result, *output, rows_in=size(left), rows_out=size(observed.result))


def join(observation: Observation, observed: Observed) -> None:
    """``left.join(other, …)``: by index, or by a column of the left side."""
    left, others = observed.subject, observed["other"]
    output = look(observed.result)
    work = Work(observation, observed)
    one = work.of(left)
    if one is None or output is None:
        return
    others = list(others) if isinstance(others, (list, tuple)) else [others]
    keys = _keys(work, one, left, observed["on"], observed["on"] is None)
    nodes = [one]
    for other in others:
        two = work.of(other)
        if two is None:
            continue
        nodes.append(two)
        given = observed["suffixes"]
        first, second = given if isinstance(given, (tuple, list)) else ("", "")
        if isinstance(observed["lsuffix"], str):
            first = observed["lsuffix"]
        if isinstance(observed["rsuffix"], str):
            second = observed["rsuffix"]
        ours, theirs = own_values(one, left), own_values(two, other)
        how = str(observed["how"])
        _sides(work, one, two, ours, theirs, set(), how, (first or "", second or ""))
        work.decides(two, levels(other.index), "JOIN")
        work.same(one if how != "right" else two, levels(observed.result.index))
    work.decides(one, keys, "JOIN")
    work.links = list(dict.fromkeys(work.links))
    _unexplained(work, output[1], nodes)
    work.finish(observed.result, *output, rows_in=size(left), rows_out=size(observed.result))


def concat(observation: Observation, observed: Observed) -> None:
    """``pd.concat``: under each other column by column, or side by side in order."""
    things, output = observed["objs"], look(observed.result)
    if output is None:
        return
    keyed = observed["keys"] is not None or isinstance(things, Mapping)
    things = list(things.values()) if isinstance(things, Mapping) else things
    work = Work(observation, observed)
    if not isinstance(things, (list, tuple)):
        # Used up: a reader gave pieces of its file, of a generator the statement has to tell.
        reader = observation.registry.get(things)
        if reader is not None and reader.kind == READER:
            work.same(reader, output[1])
        else:
            work.open()
        work.finish(observed.result, *output, rows_out=size(observed.result))
        return
    found = [(thing, node) for thing in things if (node := work.of(thing)) is not None]
    if observed["axis"] in (1, "columns"):
        made = column_labels(observed.result)
        sources = [(node, column) for thing, node in found for column in own_values(node, thing)]
        if len(sources) == len(made):
            for (node, column), name in zip(sources, made, strict=True):
                work.pairs(node, [(name, column)])
        for _, node in found:
            work.same(node, output[1][: len(output[1]) - len(made)])
        if found:
            meet(work, found)
    else:
        for thing, node in found:
            if isinstance(thing, pd.Series):
                name = text(thing.name) if isinstance(observed.result, pd.DataFrame) else ""
                work.pairs(node, [(name or output[1][-1], node.columns[-1])])
                work.same(node, tuple(c for c in output[1][:-1] if c != node.columns[-1]))
            else:
                work.same(node, output[1])
    nodes = [node for _, node in found]
    if not keyed:
        _unexplained(work, output[1], nodes)
    work.finish(
        observed.result,
        *output,
        rows_in=sum(size(thing) for thing, _ in found),
        rows_out=size(observed.result),
    )


def combine_first(observation: Observation, observed: Observed) -> None:
    """Values of the one, and where it has none those of the other: filled gaps, as `fillna`."""
    work = Work(observation, observed)
    one, two, output = work.subject(), work.of(observed["other"]), look(observed.result)
    if one is None or two is None or output is None:
        return
    for node, thing in ((one, observed.subject), (two, observed["other"])):
        if isinstance(thing, pd.Series):
            work.pairs(node, [(output[1][-1] or UNNAMED, node.columns[-1])], "TRANSFORMATION")
            work.same(node, output[1][:-1])
        else:
            both = {name for name in one.columns if name in two.columns}
            work.same(node, tuple(c for c in output[1] if c not in both))
            work.same(node, tuple(c for c in output[1] if c in both), "TRANSFORMATION")
    meet(work, [(observed.subject, one), (observed["other"], two)])
    work.close()


def arm(observation: Observation) -> None:
    """Observe what makes one frame of several."""
    observe(observation, "pandas", pd.DataFrame, "merge", merge)
    observe(observation, "pandas", pd, "merge", merge)
    observe(observation, "pandas", pd, "merge_asof", merge_asof)
    observe(observation, "pandas", pd, "merge_ordered", merge_asof)
    observe(observation, "pandas", pd.DataFrame, "join", join)
    observe(observation, "pandas", pd, "concat", concat)
    for owner in (pd.DataFrame, pd.Series):
        observe(observation, "pandas", owner, "combine_first", combine_first)
