"""Columns, rows and conditions that are computed of the very table that they are given to.

``frame.assign(new=lambda d: …)``, ``frame[lambda d: …]``, ``frame.assign(new=pd.col("a") * 2)``:
pandas asks for them when it has the table, and what is called then is the user's doing.
"""

from __future__ import annotations

import importlib
import itertools
from functools import partial
from typing import Any

import pandas as pd

from governed_kernel.capture.adapters.pandas.assignment import assign_value, base_of, by_labels
from governed_kernel.capture.adapters.pandas.subjects import Work, look, text
from governed_kernel.capture.answers import answered, asking
from governed_kernel.capture.enclosed import owe_to_enclosed
from governed_kernel.capture.functions import columns_read
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.rewriting import NotRewritable, rewrite

__all__ = ["arm"]

_EXPRESSION: tuple[type, ...] = (type(pd.col("a")),) if hasattr(pd, "col") else ()
"""What ``pd.col`` gives (pandas 3): it is filled in with a table."""


def assign(observation: Observation, observed: Observed) -> None:
    """``frame.assign(new=…)``; where nobody saw what a function gave, all of it may go in."""
    _compute(Work(observation, observed), observed["kwargs"] or {})


def select(observation: Observation, observed: Observed) -> None:
    """``frame.select("a", pd.col("b") * 2, c=…)``."""
    _compute(Work(observation, observed), _selected(*observed.call.arguments[1:]))


def _selected(items: Any, named: dict[str, Any]) -> dict[str, Any]:
    """The columns that it computes; what an expression gave has a name of its own."""
    if len(items) == 1 and isinstance(items[0], list):
        items = items[0]
    return {**{text(item.name): item for item in items if isinstance(item, pd.Series)}, **named}


def _compute(work: Work, given: dict[str, Any]) -> None:
    """Columns are put into a table one after the other; each may be made of those before it."""
    node, output = work.subject(), look(work.observed.result)
    if node is None or output is None:
        return
    work.base = base_of(node)
    work.same(node, tuple(column for column in output[1] if column not in given))
    before: set[str] = set()
    for name, value in given.items():
        if callable(value) and before and columns_read(value, tuple(before)) != ():
            # It may see columns that were assigned before it, which are made of any of these.
            work.product((text(name),), node, node.columns, "TRANSFORMATION", "conservative")
            owe_to_enclosed(work, (value,), (text(name),))
        else:
            assign_value(work, node, (text(name),), value)
            by_labels(work, node, work.observed.subject, (text(name),), value)
        before.add(text(name))
    work.close()


def _meet(observation: Observation, call: Call, function: Any, table: Any) -> None:
    """What a function is about to be given: the table, with the columns that were put in before."""
    name = call.target.name
    if name not in ("assign", "select"):
        return
    frame, *rest = answered(call.arguments, observation.state.answers)
    given = rest[0] if name == "assign" else _selected(*rest)
    first = itertools.takewhile(lambda each: each[1] is not function, given.items())
    before = {key: value for key, value in first if key in table.columns}
    if not before:
        if (node := Work(observation, Observed(call, None)).of(frame)) is not None:
            observation.registry.put(table, node)
        return
    made = Call(call.target, (frame, before), call.outer, call.site)
    _compute(Work(observation, Observed(made, table)), before)


def _is_asked(value: Any) -> bool:
    return callable(value) or isinstance(value, _EXPRESSION)


def arm(observation: Observation) -> None:
    """Observe what is computed of the table that asks for it."""
    observe(observation, "pandas", pd.DataFrame, "assign", assign)
    observe(observation, "pandas", pd.DataFrame, "select", select)
    hooks = asking(observation, "pandas", _is_asked, partial(_meet, observation))
    functions = [vars(importlib.import_module("pandas.core.common"))["apply_if_callable"]]
    for kind in _EXPRESSION:
        functions.append(vars(kind)["_eval_expression"])
        # The calls that stand there are those that the user wrote.
        observation.user_files[functions[-1].__code__.co_filename] = True
    for function in functions:
        try:
            rewrite(function, hooks)
        except NotRewritable as error:
            observation.lost("pandas.DataFrame.assign", error)
