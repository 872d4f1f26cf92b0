"""Assignments: the object stays, what it holds is another entity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from governed_kernel.capture.adapters.pandas.alignment import look_up
from governed_kernel.capture.adapters.pandas.indexes import know_labels
from governed_kernel.capture.adapters.pandas.selection import CELLS, LOCATION, names_in, spoken_of
from governed_kernel.capture.adapters.pandas.subjects import (
    PLAIN,
    Before,
    Work,
    column_labels,
    decisive,
    is_mask,
    is_number,
    is_written_out,
    look,
    own_values,
    remember,
    size,
    text,
    value_column,
)
from governed_kernel.capture.enclosed import owe_to_enclosed
from governed_kernel.capture.formatted import formatted_with
from governed_kernel.capture.functions import columns_read
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.untold import is_within, untold_value
from governed_kernel.lineage.events import Relation

__all__ = ["arm", "assign_value", "base_of", "by_labels"]


def _targets(key: Any, columns: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(key, slice):
        return columns
    if isinstance(key, (list, pd.Index, np.ndarray)) and not is_mask(key):
        return tuple(text(label) for label in key)
    return (text(key),)


def assign_value(
    work: Work, node: Node, targets: tuple[str, ...], value: Any, evidence: Any = "observed"
) -> None:
    """`targets` get `value`: a series, a frame column by column, an array, or a constant."""
    source = work.of(value)
    if source is not None:
        columns = source.columns if source.kind in PLAIN else own_values(source, value)
        if len(columns) == len(targets):
            work.pairs(source, zip(targets, columns, strict=True), "IDENTITY", evidence)
        else:
            work.product(targets, source, columns or ("*",), "IDENTITY", evidence)
    elif callable(value):
        # It sees this very frame: what it reads if its code says so, else all that it could be.
        read = columns_read(value, node.columns)
        if read is None:
            work.product(targets, node, node.columns, "TRANSFORMATION", "conservative")
            owe_to_enclosed(work, (value,), targets)
        else:
            work.product(targets, node, read, "TRANSFORMATION", "inferred")
    elif isinstance(value, (list, tuple, dict, np.ndarray, pd.api.extensions.ExtensionArray)):
        for part in work.many(value):
            work.product(targets, part, part.columns or ("*",), "IDENTITY", evidence)
        if not work.observation.doings:
            work.product(targets, node, node.columns, "TRANSFORMATION", "conservative")
        elif not is_written_out(work.observation, value):
            work.open(targets)
    elif (
        is_number(value)
        and not is_within(work.observation)
        and (told := untold_value(work.observation, value)) is not None
    ):
        work.product(targets, told, (VALUE,))
    elif not is_written_out(work.observation, value):
        work.open(targets)


def by_labels(work: Work, node: Node, subject: Any, targets: tuple[str, ...], value: Any) -> None:
    """A series or frame that is assigned gives each row the value of its label."""
    if isinstance(value, (pd.DataFrame, pd.Series)) and node.columns:
        source = work.of(value)
        if source is not None:
            look_up(work, targets, [(subject, node), (value, source)])


def base_of(node: Node) -> Node | None:
    """What keeps its rows when a column is added; the first column of all brings its own."""
    return node if node.columns else None


def set_item(observation: Observation, observed: Observed) -> None:
    """``frame[key] = value`` and ``series[key] = value``."""
    key, value = observed.call.arguments[1:3]
    _set(observation, observed, observed.subject, None, key, value)


def locate(observation: Observation, observed: Observed) -> None:
    """``.loc[rows, columns] = value``, ``.iloc``, ``.at`` and ``.iat``."""
    indexer, key, value = observed.call.arguments[:3]
    subject = indexer.obj
    observed.operation = f"{type(subject).__name__}.{indexer.name} ="
    rows: Any = key
    columns: Any = slice(None)
    if isinstance(key, tuple) and isinstance(subject, pd.DataFrame) and len(key) == 2:
        rows, columns = key
        if indexer.name in ("iloc", "iat") and not isinstance(columns, slice):
            labels = np.asarray(column_labels(subject), dtype=object)
            try:
                columns = list(np.atleast_1d(labels[columns]))
            except (IndexError, TypeError):  # a function of the frame, and other ways to say it
                columns = slice(None)
    _set(observation, observed, subject, rows, columns, value)


def _set(
    observation: Observation, observed: Observed, subject: Any, rows: Any, key: Any, value: Any
) -> None:
    work = Work(observation, observed)
    before, after = observed.call.note, look(subject)
    if not isinstance(before, Before) or before.node is None or after is None:
        return
    node, columns = before.node, own_values(before.node, subject)
    targets: tuple[str, ...]
    if isinstance(subject, pd.Series):
        rows, targets = (key if rows is None else rows), (value_column(node),)
    elif is_mask(key) and rows is None:
        rows, targets = key, columns
    else:
        targets = _targets(key, columns)
    partial = rows is not None and not (isinstance(rows, slice) and rows == slice(None))
    kept = [c for c in after[1] if partial or c not in targets]
    work.base = base_of(node)
    work.same(node, tuple(kept))
    assign_value(work, node, targets, value)
    by_labels(work, node, subject, targets, value)
    if partial:
        told = decisive(work, rows, (node,))
        decided_by = work.of(rows) if told is None else None
        if decided_by is not None:
            work.product(targets, decided_by, own_values(decided_by, rows), "CONDITIONAL")
        elif told is not None:
            # whether a row's label is among some tells as well what chose these
            is_among = isinstance(rows, (pd.Index, pd.Series)) and not is_mask(rows)
            for by, names in told:
                relation: Relation = "CONDITIONAL AND MEMBERSHIP" if is_among else "CONDITIONAL"
                work.product(targets, by, names, relation)
        elif is_mask(rows):
            work.product(targets, node, node.columns, "CONDITIONAL", "conservative")
            owe_to_enclosed(work, (rows,), targets, "CONDITIONAL")
    work.finish(subject, *after, rows_in=before.rows, rows_out=size(subject))


def insert(observation: Observation, observed: Observed) -> None:
    """``frame.insert(place, column, value)``."""
    _set(observation, observed, observed.subject, None, observed["column"], observed["value"])


def set_attribute(observation: Observation, observed: Observed) -> None:
    """``frame.column = …``, ``frame.columns = …``, ``series.name = …``, ``frame.index = …``."""
    before, name = observed.call.note, observed.call.arguments[1]
    if not isinstance(before, Before) or before.node is None:
        return
    after = look(observed.subject)
    assert after is not None
    node, subject = before.node, observed.subject
    if name in ("columns", "name", "index"):
        observed.operation = f"{type(subject).__name__}.{name} ="
        work = Work(observation, observed)
        new, old = own_values(Node("", "", after[1]), subject), node.columns
        labels = after[1][: len(after[1]) - len(new)]
        work.pairs(node, zip(new, old[len(old) - len(new) :], strict=False))
        if name == "index":
            assign_value(work, node, labels, observed["value"])
        else:
            work.same(node, labels)
        work.finish(subject, *after, rows_in=before.rows, rows_out=before.rows)
        if name == "index":
            know_labels(observation, observed, subject, observed["value"])
    elif isinstance(subject, pd.DataFrame) and name in column_labels(subject):
        observed.operation = "DataFrame.__setitem__"
        _set(observation, observed, subject, None, name, observed["value"])


def evaluate(observation: Observation, observed: Observed) -> None:
    """``frame.eval("total = a + b")``."""
    work = Work(observation, observed)
    node, output = work.subject(), look(work.output())
    if node is None or output is None:
        return
    lines: list[tuple[str, str]] = []
    for line in observed["expr"].splitlines():
        name, equals, rest = line.partition("=")
        if equals and name.strip().isidentifier() and not rest.startswith("="):
            lines.append((name.strip(), rest.strip()))
    values: tuple[str, ...]
    if lines:
        made: dict[str, set[str]] = {}
        things: dict[str, list[Node]] = {}
        for name, rest in lines:
            # Each line sees what those before it have made.
            read = names_in(
                rest, (*node.columns, *[each for each in made if each not in node.columns])
            )
            made[name] = set().union(*[made.get(each, {each}) for each in read])
            before = [thing for each in read for thing in things.get(each, ())]
            things[name] = [*before, *spoken_of(work, rest)]
        work.same(node, tuple(column for column in output[1] if column not in made))
        for name, owed in made.items():
            work.product((name,), node, tuple(column for column in node.columns if column in owed))
            for other in things[name]:
                work.product((name,), other, other.columns or ("*",))
    else:
        values = output[1][-1:] if output[0] == "series" else output[1]
        work.product(values, node, names_in(observed["expr"], node.columns))
        for other in spoken_of(work, observed["expr"]):
            work.product(values, other, other.columns or ("*",))
    values = tuple(made) if lines else values
    for by in formatted_with(observation, observed["expr"]):
        work.product(values, by, by.columns or ("*",))
    work.close()


def update(observation: Observation, observed: Observed) -> None:
    """``frame.update(other)``: values of the other where it has some."""
    work = Work(observation, observed)
    before, other, after = observed.call.note, work.of(observed["other"]), look(observed.subject)
    if isinstance(before, Before) and before.node is not None and after is not None:
        work.base = before.node
        work.same(before.node, after[1])
        if other is not None:
            values = own_values(before.node, observed.subject)
            made = tuple([column for column in values if column in other.columns])
            work.same(other, made)
            look_up(work, made, [(observed.subject, before.node), (observed["other"], other)])
        work.finish(observed.subject, *after, rows_in=before.rows, rows_out=before.rows)


def _remember_located(observation: Observation, call: Call) -> None:
    subject = call.arguments[0].obj
    call.note = Before(Work(observation, Observed(call, None)).of(subject), size(subject))


def _remember_named(observation: Observation, call: Call) -> None:
    # Most attributes are pandas' own bookkeeping; a class of the user's may set some of its own
    # before there is a frame.
    if not call.arguments[1].startswith("_") and "_mgr" in vars(call.arguments[0]):
        remember(observation, call)


def arm(observation: Observation) -> None:
    """Observe assignments."""
    for owner in (pd.DataFrame, pd.Series):
        observe(observation, "pandas", owner, "__setitem__", set_item, before=remember)
        observe(observation, "pandas", owner, "update", update, before=remember)
    observe(observation, "pandas", pd.DataFrame, "insert", insert, before=remember)
    observe(observation, "pandas", pd.DataFrame, "eval", evaluate, before=remember)
    observe(
        observation, "pandas", pd.DataFrame, "__setattr__", set_attribute, before=_remember_named
    )
    indexers = (LOCATION, *CELLS)
    for indexer in indexers:
        observe(observation, "pandas", indexer, "__setitem__", locate, before=_remember_located)
