"""Groups of a frame in memory: their aggregates run plans, their parts are rows of the frame."""

from __future__ import annotations

from typing import Any

import polars as pl
from polars.dataframe import group_by

from governed_kernel.capture.adapters.polars.execution import run_that_made
from governed_kernel.capture.adapters.polars.frames import by_plan
from governed_kernel.capture.adapters.polars.subjects import GROUPS, Work, look, size
from governed_kernel.capture.enclosed import owe_to_enclosed
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node

__all__ = ["arm"]

_ITERATORS = (
    group_by.GroupByIter,
    group_by.RollingGroupByIter,
    group_by.DynamicGroupByIter,
)


def map_groups(observation: Observation, observed: Observed) -> None:
    """A user's function over each group: all columns, and the keys decide the groups."""
    group, output = observed.subject, look(observed.result)
    work = Work(observation, observed)
    if output is None:
        return
    if run_that_made(observed.call, observed.result) is not None:
        by_plan(observation, observed)
        return
    node = work.of(group.df)
    if node is None:
        return
    keys = _keys(group, node)
    work.same(node, tuple(name for name in keys if name in output[1]), "IDENTITY", "conservative")
    rest = tuple(name for name in output[1] if name not in keys)
    work.product(rest, node, node.columns, "AGGREGATION", "conservative")
    owe_to_enclosed(work, observed.call.arguments[1:], rest, "AGGREGATION")
    work.decides(node, keys, "GROUP_BY")
    work.close(rows_in=size(group.df))


def _keys(group: Any, node: Node) -> tuple[str, ...]:
    found: list[str] = []
    by = [*getattr(group, "by", ()), *getattr(group, "named_by", {}).values()]
    for key in by:
        for each in key if isinstance(key, (list, tuple)) else [key]:
            if isinstance(each, str):
                found.append(each)
            elif isinstance(each, pl.Expr):
                found += each.meta.root_names()
    return tuple(dict.fromkeys(name for name in found if name in node.columns))


def remember_frame(observation: Observation, call: Call) -> None:
    """Before groups are gone through, which may put their frame into one piece: note it."""
    frame = call.arguments[0].df
    call.note = [Work(observation, Observed(call, None)).of(frame), frame]


def begin(observation: Observation, observed: Observed) -> None:
    """``iter(groups)``: what its parts are going to owe to."""
    node, frame = observed.call.note[:2]
    group, work = observed.subject, Work(observation, observed)
    if group.df is not frame:
        observation.registry.put(group.df, node)
    work.memory.lazy.put(observed.result, node._replace(extra=_keys(group, node)))


def one_group(observation: Observation, observed: Observed) -> None:
    """``for name, part in frame.group_by(…)``: rows of one group."""
    work, (_, part) = Work(observation, observed), observed.result
    node, output = work.memory.lazy.get(observed.subject), look(part)
    if node is not None and output is not None:
        work.same(node._replace(extra=None), output[1])
        work.decides(node, node.extra, "GROUP_BY")
        work.close(part)


def arm(observation: Observation) -> None:
    """Observe groups."""
    for owner in GROUPS:
        observe(observation, "polars", owner, "map_groups", map_groups)
        observe(observation, "polars", owner, "__iter__", begin, before=remember_frame)
        for name in dir(owner):
            if not name.startswith("_") and name not in ("having", "map_groups"):
                observe(observation, "polars", owner, name, by_plan)
    for iterator in _ITERATORS:
        observe(observation, "polars", iterator, "__next__", one_group)
