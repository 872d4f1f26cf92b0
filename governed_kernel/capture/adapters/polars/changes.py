"""What is changed in place: the object stays, what it holds is another entity."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any, NamedTuple

import polars as pl

from governed_kernel.capture.adapters.polars.execution import runs_of
from governed_kernel.capture.adapters.polars.subjects import Work, look, size
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node

__all__ = ["arm"]


class Before(NamedTuple):
    """What a call is going to change, as it was."""

    node: Node | None
    rows: int


def remember(observation: Observation, call: Call) -> None:
    """Before a call that may change its subject: note what that was."""
    subject = call.arguments[0]
    call.note = [Before(Work(observation, Observed(call, None)).of(subject), size(subject))]


def noted(observed: Observed) -> Before:
    """The subject as it was before the call."""
    return next(each for each in observed.call.note if isinstance(each, Before))


def beside(observation: Observation, observed: Observed) -> None:
    """``hstack``: columns from elsewhere, beside one's own."""
    work, before = Work(observation, observed), noted(observed)
    output = look(observed.result)
    if before.node is None or output is None:
        return
    work.same(before.node, output[1])
    for node in work.many([observed["columns"]]):
        work.same(node, output[1])
    work.close(rows_in=before.rows)


def below(observation: Observation, observed: Observed) -> None:
    """``vstack``, ``extend``: rows from elsewhere, below one's own."""
    work, before = Work(observation, observed), noted(observed)
    other, output = work.of(observed["other"]), look(observed.result)
    if before.node is None or output is None or other is None:
        return
    work.same(before.node, output[1])
    work.pairs(other, zip(output[1], other.columns, strict=True))
    work.close(rows_in=before.rows)


def put_column(observation: Observation, observed: Observed) -> None:
    """``insert_column`` and ``replace_column``."""
    column, result = observed["column"], observed.result
    work, before = Work(observation, observed), noted(observed)
    output = look(result)
    if before.node is None or output is None:
        return
    if runs_of(observed.call):
        # An expression: its plan ran on the frame as it was, which is there no more.
        added = tuple(name for name in output[1] if name not in before.node.columns)
        work.same(before.node, output[1])
        roots = before.node.columns
        if isinstance(column, pl.Expr):
            named = tuple(name for name in column.meta.root_names() if name in roots)
            roots = named if len(named) == 1 else roots
        evidence: Any = "observed" if len(roots) == 1 else "conservative"
        work.product(added, before.node, roots, "TRANSFORMATION", evidence)
    else:
        name = column._s.name() if isinstance(column, pl.Series) else ""
        work.same(before.node, tuple(each for each in output[1] if each != name))
        source = work.of(column)
        if source is not None:
            work.pairs(source, [(name, source.columns[-1])])
    work.close(rows_in=before.rows)


def take_column(observation: Observation, observed: Observed) -> None:
    """``drop_in_place``: a column comes out, and the frame is another one."""
    before, output = noted(observed), look(observed.result)
    if before.node is None or output is None:
        return
    work = Work(observation, observed)
    work.same(before.node, output[1])
    work.close(rows_in=before.rows)
    rest, left = Work(observation, observed), look(observed.subject)
    if left is not None:
        rest.same(before.node, left[1])
        rest.finish(observed.subject, *left)


def set_item(observation: Observation, observed: Observed) -> None:
    """``frame[rows, column] = value`` and ``frame[[columns]] = matrix``."""
    _, key, value = observed.call.arguments[:3]
    before, after = noted(observed), look(observed.subject)
    if before.node is None or after is None:
        return
    node, work = before.node, Work(observation, observed)
    source = work.of(value)
    if isinstance(key, list):
        targets = tuple(key)
        work.same(node, tuple(name for name in after[1] if name not in targets))
        if source is not None and len(source.columns) == len(targets):
            work.pairs(source, zip(targets, source.columns, strict=True))
        else:
            work.product(targets, node, node.columns, "TRANSFORMATION", "conservative")
    else:
        rows, column = key
        target = after[1][column] if isinstance(column, int) else column
        work.same(node, after[1])
        if source is not None:
            work.product((target,), source, source.columns[-1:], "IDENTITY")
        elif isinstance(value, (list, tuple)):
            work.product((target,), node, node.columns, "TRANSFORMATION", "conservative")
        elif observation.variables is not None and not observation.variables.text.assigns(value):
            work.open((target,))
        if (by := work.of(rows)) is not None:
            work.product((target,), by, by.columns[-1:], "CONDITIONAL")
    work.finish(observed.subject, *after, rows_in=before.rows, rows_out=size(observed.subject))


def set_columns(observation: Observation, observed: Observed) -> None:
    """``frame.columns = names``."""
    before, after = noted(observed), look(observed.subject)
    if before.node is not None and after is not None:
        work = Work(observation, observed)
        work.operation = "DataFrame.columns ="
        work.pairs(before.node, zip(after[1], before.node.columns, strict=True))
        work.finish(observed.subject, *after, rows_in=before.rows, rows_out=before.rows)


def put_values(observation: Observation, observed: Observed) -> None:
    """``series[rows] = values``, ``scatter``, ``set``: some of the values are others now."""
    before, output = noted(observed), look(observed.subject)
    if before.node is None or output is None:
        return
    work = Work(observation, observed)
    result = observed.result if isinstance(observed.result, pl.Series) else observed.subject
    work.same(before.node, output[1])
    rows, values = observed.call.arguments[1:3]
    if (source := work.of(values)) is not None:
        work.pairs(source, [(output[1][0], source.columns[-1])])
    if (by := work.of(rows)) is not None:
        work.product(output[1], by, by.columns[-1:], "CONDITIONAL")
    work.finish(result, *output, rows_in=before.rows, rows_out=size(result))


def arm(observation: Observation) -> None:
    """Observe what changes its subject."""

    def see(owner: Any, names: tuple[str, ...], rule: Any, label: str = "") -> None:
        for name in names:
            observe(observation, "polars", owner, name, rule, label=label, before=remember)

    see(pl.DataFrame, ("hstack",), beside)
    see(pl.DataFrame, ("vstack", "extend"), below)
    see(pl.DataFrame, ("insert_column", "replace_column"), put_column)
    see(pl.DataFrame, ("drop_in_place",), take_column)
    see(pl.DataFrame, ("__setitem__",), set_item)
    setter = SimpleNamespace(columns=inspect.getattr_static(pl.DataFrame, "columns").fset)
    see(setter, ("columns",), set_columns, "DataFrame.columns =")
    see(pl.Series, ("append", "extend"), below)
    see(pl.Series, ("__setitem__", "scatter", "set"), put_values)
