"""Lazy frames: building a plan is no step yet, but what the next one rests on."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl
from polars.functions import eager
from polars.lazyframe import sink_plan
from polars.lazyframe.engine import _CollectBatches, _LocalEngine
from polars.lazyframe.group_by import LazyGroupBy
from polars.lazyframe.in_process import InProcessQuery
from polars.sql import SQLContext

from governed_kernel.capture.adapters.polars import arguments, settings
from governed_kernel.capture.adapters.polars.arguments import watch
from governed_kernel.capture.adapters.polars.conversion import known_thing
from governed_kernel.capture.adapters.polars.execution import (
    after,
    before,
    read_plan,
    record_run,
    runs_of,
)
from governed_kernel.capture.adapters.polars.leaves import Lazy, Memories, leaf_of, memories
from governed_kernel.capture.adapters.polars.numbers import rows_key
from governed_kernel.capture.adapters.polars.origins import Table, through
from governed_kernel.capture.adapters.polars.subjects import LAZY, MARKS, UNKNOWN, Work, look
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, Target, each_time, observe
from governed_kernel.capture.rewriting import Hooks, NotRewritable, rewrite
from governed_kernel.capture.untold import untold_value

__all__ = ["arm", "propagate"]

_BESIDE = frozenset(
    (
        *("collect", "collect_async", "collect_batches", "collect_schema", "explain", "lazy"),
        *("show_graph", "show", "describe", "serialize", "deserialize", "sql", "pipe", "remote"),
        *("columns", "dtypes", "schema", "width", "execute", "profile", "from_lazyframe_resolver"),
        *("pipe_with_schema",),
    )
)
"""They make no lazy frame, or what they call is observed itself."""
_CUTTING = ("head", "tail", "limit", "slice", "top_k", "bottom_k")
"""They are told how many rows to keep."""


def propagate(observation: Observation, observed: Observed) -> None:
    """A lazy frame made of others begins where they do."""
    if isinstance(observed.result, LAZY):
        work = Work(observation, observed)
        lazy = work.lazy(observed.call.arguments)
        mark = MARKS.get(observed.target.name)
        if mark is not None:
            lazy = lazy._replace(marks=lazy.marks | {mark})
        work.memory.keep(observed.result, _with_turn(work.memory, lazy))


def cut(observation: Observation, observed: Observed) -> None:
    """``head(n)``, ``slice(start, n)``, ``lazy[:n]``: a plan shows the number, not whose it is."""
    numbers, call = memories(observation).numbers, observed.call
    for place, thing in enumerate(call.arguments[1:], 1):
        bounds = [thing.start, thing.stop] if isinstance(thing, slice) else [thing]
        for bound in bounds:
            if not isinstance(bound, int) and type(bound).__module__ != "numpy":
                continue
            node = None
            if bound is not call.target.defaults[place]:
                node = observation.scalars.get(bound) or untold_value(observation, bound)
            numbers.enters(rows_key(bound), node)
            if len(bounds) == 2 and None not in bounds:  # so many rows are between the two
                numbers.enters(rows_key(thing.stop - thing.start), node)
    propagate(observation, observed)


def again(
    observation: Observation, _target: Target, arguments: tuple[Any, ...], result: Any
) -> bool:
    """The quick way: a lazy frame made of one other, and of nothing else that can be followed."""
    memory = memories(observation)
    node = memory.lazy.get(arguments[0])
    if node is None or type(result) is not pl.LazyFrame:
        return False
    for value in arguments[1:]:
        if type(value) is tuple:
            if not _HARMLESS.issuperset(map(type, value)):
                return False
        elif type(value) is dict:
            if not _HARMLESS.issuperset(map(type, value.values())):
                return False
        elif type(value) not in _HARMLESS:
            return False
    lazy: Lazy = node.extra
    if (made := _with_turn(memory, lazy)) is not lazy:
        node = node._replace(extra=made)
    memory.lazy.put(result, node)
    return True


def _with_turn(memory: Memories, lazy: Lazy) -> Lazy:
    """A lazy frame that a call has made: the expressions of the present turn are in it."""
    turns = memory.numbers.taken(lazy.turns)
    return lazy if turns is lazy.turns else lazy._replace(turns=turns)


_HARMLESS = frozenset((pl.Expr, str, int, float, bool, type(None)))


def sink(observation: Observation, observed: Observed) -> None:
    """``sink_parquet`` and the like: the plan goes into files, at once or later."""
    propagate(observation, observed)
    for run in runs_of(observed.call):
        work = Work(observation, observed)
        record_run(work, run, work.lazy([observed.subject]))


def describe(observation: Observation, observed: Observed) -> None:
    """``describe``: each column sums itself up."""
    work, output = Work(observation, observed), look(observed.result)
    lazy = work.memory.of(observed.subject) or UNKNOWN
    plan = read_plan(observed.subject, lazy)
    if plan is not None and output is not None:
        made = work.follow(plan, lazy)
        summed = {name: through("AGGREGATION", each) for name, each in made.columns.items()}
        rows = made.rows
        work.owe(Table({name: summed.get(name, {}) for name in output[1]}, rows), output[1])
        work.finish(observed.result, *output, rows_out=len(observed.result))


def register(observation: Observation, observed: Observed) -> None:
    """A frame becomes a table of an SQL context."""
    work, context = Work(observation, observed), observed.subject
    known = work.memory.of(context) or Lazy((), frozenset(("tables", "unequal")))
    leaves, marks = list(known.leaves), known.marks
    for frame in _frames(observed.call.arguments[1:]):
        if isinstance(frame, pl.LazyFrame):
            lazy = work.lazy([frame])
            leaves, marks = [*leaves, *lazy.leaves], marks | lazy.marks
        elif (node := known_thing(work, frame)) is not None:
            leaves.append(leaf_of(node, frame, lasting=True))
    work.memory.keep(context, Lazy(tuple(leaves), marks))


def _frames(things: Iterable[Any]) -> Iterator[Any]:
    for thing in things:
        if isinstance(thing, dict):
            yield from _frames(thing.values())
        elif thing is not None and not isinstance(thing, str):
            yield thing


def query(observation: Observation, observed: Observed) -> None:
    """``pl.sql`` and ``SQLContext.execute``: polars makes a plan of the statement."""
    work = Work(observation, observed)
    lazy = work.memory.of(observed.subject) or Lazy((), frozenset(("files", "tables", "unequal")))
    if isinstance(observed.result, pl.LazyFrame):
        work.memory.keep(observed.result, lazy)
    for run in runs_of(observed.call):
        if run.result is observed.result:
            record_run(work, run, lazy)


def one_batch(observation: Observation, observed: Observed) -> None:
    """A part, or the result, of a query that was asked for before."""
    node = observation.registry.get(observed.subject)
    if node is not None and look(observed.result) is not None:
        observation.registry.put(observed.result, node)


def prepare_batches(observation: Observation, call: Call) -> None:
    """Before ``sink_batches``: what the frames will owe to that the user's function is given."""
    subject, memory = call.arguments[0], memories(observation)
    work = Work(observation, Observed(call, None))
    lazy = work.lazy([subject])
    plan = read_plan(subject, lazy)
    memory.batches = None
    if plan is not None:
        columns = plan.columns()
        work.owe(work.follow(plan, lazy), columns)
        memory.batches = work.finish(None, "frame", columns)


def _watch_batches(observation: Observation) -> None:
    """Each batch is known before the user's function gets it, and what that does is the user's."""
    memory, state, registry = memories(observation), observation.state, observation.registry
    named: types.FunctionType = vars(sink_plan)["wrap_df"]
    # A copy for this module alone: everything else in polars makes its frames by the original.
    own = types.FunctionType(named.__code__, named.__globals__, named.__name__)

    def leave(_token: Any, batch: Any) -> Any:
        if memory.batches is not None:
            registry.put(batch, memory.batches)
        state.call = None
        return batch

    try:
        rewrite(own, Hooks(lambda _: True, leave, lambda _: None))
    except NotRewritable as error:
        observation.lost("polars.sink_batches", error)
        return
    vars(sink_plan)["wrap_df"] = own


def _watch_beginnings(observation: Observation) -> None:
    """Where a frame becomes a plan."""
    memory, registry, state = memories(observation), observation.registry, observation.state

    def begins(values: tuple[Any, ...], result: Any) -> None:
        call = state.call
        if call is not None and call.target.library == "polars":
            return  # what it works on is known from its arguments
        frame = values[0]
        node = registry.get(frame)
        columns = tuple(frame._df.columns())
        if node is not None and node.columns == columns:
            leaf = leaf_of(node, frame, lasting=True)
            memory.begin(leaf)
            memory.keep(result, Lazy((leaf,)))

    watch(observation, pl.DataFrame, "lazy", begins)


def arm(observation: Observation) -> None:
    """Observe lazy frames."""
    arguments.arm(observation)
    settings.arm(observation)
    _watch_beginnings(observation)
    _watch_batches(observation)
    for owner in (pl.LazyFrame, LazyGroupBy):
        for name in dir(owner):
            if name.startswith("sink_"):
                label = f"polars.LazyFrame.{name}"
                before_it = prepare_batches if name == "sink_batches" else None
                observe(observation, "polars", owner, name, sink, label=label, before=before_it)
            elif not name.startswith("_") and name not in _BESIDE:
                quick = each_time(again) if name not in (*MARKS, *_CUTTING) else None
                rule = cut if name in _CUTTING else propagate
                observe(observation, "polars", owner, name, rule, quick=quick)
        observe(observation, "polars", owner, "__getitem__", cut)
    observe(observation, "polars", pl.LazyFrame, "describe", describe)
    observe(observation, "polars", eager, "merge_sorted", propagate)
    for name in ("register", "register_many"):
        observe(observation, "polars", SQLContext, name, register, io=True)
    observe(observation, "polars", SQLContext, "execute", query, label="polars.sql", io=True)
    label = "polars.LazyFrame.collect_batches"
    observe(
        observation,
        "polars",
        _LocalEngine,
        "collect_batches",
        after,
        label=label,
        before=before,
        io=True,
    )
    observe(observation, "polars", _CollectBatches, "__next__", one_batch)
    for name in ("fetch", "fetch_blocking"):
        observe(observation, "polars", InProcessQuery, name, one_batch)
