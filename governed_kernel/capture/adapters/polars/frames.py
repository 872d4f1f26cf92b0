"""Methods of frames in memory, and functions over several of them.

Most run a plan inside, and the plan says what they do. The others have a rule here.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from polars.functions import eager, lazy

from governed_kernel.capture.adapters.polars.execution import record_run, run_that_made
from governed_kernel.capture.adapters.polars.lazy import propagate
from governed_kernel.capture.adapters.polars.origins import Fields
from governed_kernel.capture.adapters.polars.subjects import MARKS, Work, look, size, things_in
from governed_kernel.capture.enclosed import owe_to_enclosed
from governed_kernel.capture.memory import remember_step, same_as_before
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, Target, each_time, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.scalars import VALUE
from governed_kernel.lineage.events import Evidence

__all__ = ["anything", "arm", "arm_rest", "by_plan", "keep", "leave"]

KEEP = (
    *("head", "tail", "limit", "slice", "clone", "clear", "rechunk", "shrink_to_fit", "sample"),
    *("upsample", "__copy__", "__deepcopy__", "get_column", "to_series"),
)
"""Values stay what they are; no column decides which rows remain."""
_ARITHMETIC = (
    *("__add__", "__radd__", "__sub__", "__mul__", "__rmul__", "__truediv__", "__floordiv__"),
    *("__mod__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
)
_OUT = (
    *("item", "row", "rows", "rows_by_key", "iter_rows", "to_dicts", "to_init_repr", "glimpse"),
    *("n_unique", "estimated_size"),
)
_BESIDE = frozenset(
    (
        *("to_pandas", "to_numpy", "to_arrow", "to_torch", "to_jax", "to_dict", "sql", "pipe"),
        *("plot", "style", "flags", "schema", "columns", "dtypes", "shape", "height", "width"),
        *("lazy", "group_by", "rolling", "group_by_dynamic", "collect_schema", "equals", "show"),
        *("is_empty", "get_column_index", "n_chunks", "deserialize", "serialize", "item", "ext"),
        *("iter_slices", "config_meta", "to_dummies"),
    )
)
"""Nothing of theirs is data, or what they call, or another module, is observed."""


def by_plan(observation: Observation, observed: Observed) -> None:
    """What ran a plan inside: the plan whose result is the call's own says it all."""
    work, result = Work(observation, observed), observed.result
    rows_in = size(observed.subject)
    run = run_that_made(observed.call, result)
    if observed.target.name == "pivot" and (node := work.subject()) is not None:
        work.names(node, _named(observed.subject, observed["on"]))
    if run is not None:
        lazy = work.lazy(observed.call.arguments)
        if (mark := MARKS.get(observed.target.name)) is not None:
            lazy = lazy._replace(marks=lazy.marks | {mark})
        if record_run(work, run, lazy, output=result, rows_in=rows_in):
            return
        work = Work(observation, observed)
    anything(work)


def anything(work: Work) -> None:
    """What can't be known: every column of the result may owe to every column that went in."""
    output = look(work.observed.result)
    for node in work.many(work.observed.call.arguments):
        work.take(node)
        if output is not None:
            work.product(output[1], node, node.columns, "TRANSFORMATION", "conservative")
    if output is not None:
        owe_to_enclosed(work, work.observed.call.arguments[1:], output[1])
    if work.inputs:
        work.close()


def generic(observation: Observation, observed: Observed) -> None:
    """A method without a rule: its plan, or anything."""
    if look(observed.result) is not None:
        by_plan(observation, observed)


def keep(observation: Observation, observed: Observed) -> None:
    """Columns that are still there are the same."""
    result = observed.result
    work = Work(observation, observed)
    node, output = work.subject(), look(result)
    if node is None or output is None:
        return
    work.same(node, output[1])
    work.close(extra=node.extra)
    if set(output[1]) <= set(node.columns):
        remember_step(observation, _key(observed.target, node, result), result)


def _key(target: Target, node: Node, result: Any) -> Any:
    """What tells a part of a frame from another one."""
    name = result._s.name() if type(result) is pl.Series else None
    return target, node.entity, node.columns, name


def again(
    observation: Observation, target: Target, arguments: tuple[Any, ...], result: Any
) -> bool:
    """The quick way for what loops repeat: a column, or rows by their places."""
    node = observation.registry.get(arguments[0])
    if node is None or type(result) not in (pl.Series, pl.DataFrame):
        return False
    if target.name == "__getitem__" and type(arguments[1]) not in (str, slice):
        return False
    return same_as_before(observation, _key(target, node, result), result)


def get_item(observation: Observation, observed: Observed) -> None:
    """``frame[columns]``, ``frame[rows]``, ``frame[rows, columns]``."""
    subject, key, result = observed.subject, observed.call.arguments[1], observed.result
    if type(key) in (str, slice):
        keep(observation, observed)
        return
    work = Work(observation, observed)
    node, output = work.subject(), look(result)
    if node is None or output is None or result is subject:
        # A single value leaves polars: it can't be followed, and it is no transformation.
        return
    work.same(node, output[1])
    rows = key[0] if isinstance(key, tuple) and len(key) == 2 else key
    if isinstance(rows, pl.Series) and rows.dtype.is_integer():
        by = work.of(rows)
        if by is not None:
            work.decides(by, by.columns, "FILTER")
    work.close()


def columns_of(observation: Observation, observed: Observed) -> None:
    """``get_columns`` and ``iter_columns``: one series for each."""
    node = Work(observation, observed).subject()
    for series in observed.result if isinstance(observed.result, list) else ():
        work = Work(observation, observed)
        name = series._s.name()
        if node is not None and name in node.columns:
            work.same(node, (name,))
            work.close(series)


def parts(observation: Observation, observed: Observed) -> None:
    """``partition_by``: rows go one way or the other, by the key."""
    result = observed.result
    by = [observed["by"]] if isinstance(observed["by"], str) else observed["by"]
    keys = [*(by if isinstance(by, (list, tuple)) else [by]), *(observed["more_by"] or ())]
    named = all(isinstance(key, str) for key in keys)
    for part in list(result.values()) if isinstance(result, dict) else result:
        work = Work(observation, observed)
        node = work.subject()
        if node is None:
            return
        work.same(node, tuple(part.columns))
        if named:
            work.decides(node, tuple(keys), "FILTER")
        else:
            work.decides(node, node.columns, "FILTER", "conservative")
        work.close(part)


def leave(observation: Observation, observed: Observed) -> None:
    """Values leave polars one by one."""
    work, result = Work(observation, observed), observed.result
    node = work.subject()
    if node is None:
        return
    if observed.target.name in ("item", "first", "last") and not isinstance(result, (list, tuple)):
        work.product((VALUE,), node, node.columns, "IDENTITY")
        work.finish(result, "value", (VALUE,), rows_in=size(observed.subject))
        return
    work.take(node)
    work.finish(None, "value", (), rows_in=size(observed.subject))


def transpose(observation: Observation, observed: Observed) -> None:
    """Rows become columns: each has something of every column."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is not None and output is not None:
        header = observed["header_name"] if observed["include_header"] else None
        made = tuple(name for name in output[1] if name != header)
        # Rows are no columns: which of them a value came from is told by its place alone.
        sure: Evidence = "observed" if len(node.columns) == 1 else "conservative"
        work.product(made, node, node.columns, "IDENTITY", sure)
        called = observed["column_names"]
        if (names := work.of(called)) is not None:
            work.names(names, names.columns)
        elif isinstance(called, str):
            work.names(node, (called,))
        work.close()


def unstack(observation: Observation, observed: Observed) -> None:
    """Slices of a column beside each other, numbered."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is not None and output is not None:
        pairs = [(name, name.rpartition("_")[0]) for name in output[1]]
        work.pairs(node, [pair for pair in pairs if pair[1] in node.columns])
        work.close()


def dummies(observation: Observation, observed: Observed) -> None:
    """``to_dummies``: one column for each value of another."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    separator = observed["separator"]
    gone = tuple(name for name in node.columns if name not in output[1])
    work.same(node, output[1])
    work.names(node, gone)
    for name in output[1]:
        if name in node.columns:
            continue
        of = tuple(source for source in gone if name.startswith(f"{source}{separator}"))
        evidence: Any = "observed" if len(of) == 1 else "conservative"
        work.product((name,), node, of or gone, "TRANSFORMATION", evidence)
    work.close()


def summary(observation: Observation, observed: Observed) -> None:
    """``describe``, ``null_count``: each column sums itself up."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is not None and output is not None:
        work.same(node, output[1], "AGGREGATION")
        work.close()


def whole_rows(observation: Observation, observed: Observed) -> None:
    """``is_duplicated``, ``hash_rows``, ``to_struct``: something of every column of a row."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    extra = None
    if observed.target.name == "to_struct":
        own = [(node.entity, name) for name in node.columns]
        extra = Fields(
            {output[1][0]: {name: {(entity, name, "IDENTITY"): "observed"} for entity, name in own}}
        )
    work.product(output[1], node, node.columns)
    work.finish(observed.result, *output, extra=extra, rows_in=size(observed.subject))


def mapped(observation: Observation, observed: Observed) -> None:
    """``map_columns``: a function of one column after another."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    names = _named(observed.subject, observed["column_names"])
    work.same(node, tuple(name for name in output[1] if name not in names))
    work.same(node, names, "TRANSFORMATION")
    owe_to_enclosed(work, observed.call.arguments[1:], names)
    work.close()


def _named(frame: Any, names: Any) -> tuple[str, ...]:
    """The columns that names, or what selects columns, mean."""
    if isinstance(names, str):
        return (names,)
    if not isinstance(names, (list, tuple)):
        from polars.selectors import expand_selector

        names = expand_selector(frame, names)
    return tuple(map(str, names))


def arithmetic(observation: Observation, observed: Observed) -> None:
    """``frame + other``, ``frame > 1``: column by column."""
    work = Work(observation, observed)
    node, output, other = work.subject(), look(observed.result), observed.call.arguments[1]
    if node is None or output is None:
        return
    work.same(node, output[1], "TRANSFORMATION")
    second = work.of(other)
    if isinstance(other, pl.DataFrame) and second is not None:
        pairs = zip(output[1], second.columns, strict=False)
        work.pairs(second, pairs, "TRANSFORMATION")
    elif isinstance(other, pl.Series) and second is not None:
        work.product(output[1], second, second.columns)
    work.close()


def concat(observation: Observation, observed: Observed) -> None:
    """``pl.concat`` of frames or series in memory."""
    items, result = observed["items"], observed.result
    output = look(result)
    if output is None:
        propagate(observation, observed)
        return
    if run_that_made(observed.call, result) is not None:
        by_plan(observation, observed)
        return
    work = Work(observation, observed)
    things = list(things_in([list(items.values()) if isinstance(items, dict) else items]))
    if not things:
        # A generator: polars has used it up, and the statement tells what it may have given.
        work.open()
        work.finish(result, *output, rows_out=size(result))
        return
    if len(things) == 1 and things[0] is result:
        return
    for thing in things:
        node = work.of(thing)
        if node is None:
            continue
        if isinstance(thing, pl.Series):
            work.pairs(node, [(output[1][0], node.columns[-1])])
        else:
            work.same(node, output[1])
    work.close(rows_in=sum(size(thing) for thing in things))


def align(observation: Observation, observed: Observed) -> None:
    """``pl.align_frames``: each frame comes out again, on the rows that all have."""
    for result in observed.result:
        run = run_that_made(observed.call, result)
        work = Work(observation, observed)
        if run is not None:
            record_run(work, run, work.lazy(observed.call.arguments), output=result)
        elif isinstance(result, pl.LazyFrame):
            work.memory.keep(result, work.lazy(observed.call.arguments))


def arm(observation: Observation) -> None:
    """Observe frames."""

    def see(names: tuple[str, ...], rule: Any) -> None:
        for name in names:
            observe(observation, "polars", pl.DataFrame, name, rule)

    for name in KEEP:
        observe(observation, "polars", pl.DataFrame, name, keep, quick=each_time(again))
    observe(observation, "polars", pl.DataFrame, "__getitem__", get_item, quick=each_time(again))
    see(("with_row_index",), keep)
    see(("get_columns",), columns_of)
    see(("partition_by",), parts)
    see(_OUT, leave)
    see(_ARITHMETIC, arithmetic)
    see(("transpose",), transpose)
    see(("unstack",), unstack)
    see(("to_dummies",), dummies)
    see(("describe", "null_count"), summary)
    see(("is_duplicated", "is_unique", "hash_rows", "to_struct"), whole_rows)
    see(("map_columns",), mapped)
    for name in ("concat", "union"):
        observe(observation, "polars", eager, name, concat, label=f"polars.{name}")
    observe(observation, "polars", eager, "align_frames", align, label="polars.align_frames")
    observe(observation, "polars", lazy, "select", by_plan, label="polars.select")


def arm_rest(observation: Observation) -> None:
    """Observe the public methods of frames that no theme has named."""
    for name in dir(pl.DataFrame):
        if not name.startswith("_") and name not in _BESIDE:
            observe(observation, "polars", pl.DataFrame, name, generic)
