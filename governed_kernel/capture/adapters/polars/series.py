"""Series: most of their methods run a plan on a frame of one column; operators are native."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from polars import functions

from governed_kernel.capture.adapters.polars.execution import record_run, run_that_made
from governed_kernel.capture.adapters.polars.frames import by_plan, keep, leave
from governed_kernel.capture.adapters.polars.leaves import Lazy, leaf_of
from governed_kernel.capture.adapters.polars.subjects import Work, look, size
from governed_kernel.capture.enclosed import owe_to_enclosed
from governed_kernel.capture.memory import remember_step, same_as_before
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, Target, each_time, observe
from governed_kernel.capture.registry import identity
from governed_kernel.capture.relations import of_arguments
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.untold import is_literal
from governed_kernel.lineage.events import Relation

__all__ = ["arm"]

_WORDS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul")
OPERATORS = (
    *(f"__{side}{word}__" for word in _WORDS for side in ("", "r")),
    *(f"__{word}__" for word in ("eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs")),
    *("__invert__", "eq", "ne", "lt", "le", "gt", "ge", "eq_missing", "ne_missing", "pow", "not_"),
    "__array_ufunc__",
)
KEEP = (
    *("head", "tail", "limit", "slice", "clone", "clear", "rechunk", "shrink_to_fit", "to_frame"),
    *("__copy__", "__deepcopy__", "set_sorted", "new_from_index"),
)
NAMES = ("alias", "rename")
_OUT = ("item", "to_list", "first", "last", "__iter__", "to_init_repr")
_AGGREGATES = frozenset(
    f"rolling_{word}"
    for word in ("max", "min", "mean", "sum", "std", "var", "median", "quantile", "map")
)
_BESIDE = frozenset(
    (
        *("to_pandas", "to_numpy", "to_arrow", "to_torch", "to_jax", "flags", "dtype", "name"),
        *("shape", "plot", "equals", "is_empty", "len", "n_chunks", "chunk_lengths", "get_chunks"),
        *("estimated_size", "sql", "has_nulls", "is_sorted", "append", "extend", "scatter", "set"),
    )
)
"""Nothing of theirs is data, or another module observes them."""
NAMESPACES = ("str", "dt", "list", "arr", "struct", "cat", "bin", "map", "ext")
_SCALARS = frozenset([int, float, str, bool, type(None)])


def operators(observation: Observation, observed: Observed) -> None:
    """Value by value, with the arguments that are series themselves."""
    key = _key(observation, observed.target, observed.call.arguments, observed.result)
    _elementwise(observation, observed, "TRANSFORMATION")
    if key is not None:
        remember_step(observation, key, observed.result)


def _key(observation: Observation, target: Target, arguments: tuple[Any, ...], result: Any) -> Any:
    """What tells a series with a number from another one; None for anything else."""
    if type(result) is not pl.Series or not _SCALARS.issuperset(map(type, arguments[1:])):
        return None
    known = observation.registry.get(arguments[0])
    if known is None or not observation.scalars.ids.isdisjoint(map(identity, arguments[1:])):
        return None
    return target, known.entity, known.columns


def again(
    observation: Observation, target: Target, arguments: tuple[Any, ...], result: Any
) -> bool:
    """The quick way for what loops repeat."""
    key = _key(observation, target, arguments, result)
    return key is not None and same_as_before(observation, key, result)


def _elementwise(observation: Observation, observed: Observed, relation: Relation) -> None:
    """All series that go in go into every column that comes out."""
    work, output = Work(observation, observed), look(observed.result)
    if output is None and not isinstance(observed.result, (int, float, str, bool, type(None))):
        return
    given = of_arguments(observed.target.name)
    for place, thing in enumerate(observed.call.arguments):
        word = given if place and given != "TRANSFORMATION" else relation
        for node in work.many((thing,)):
            work.product(output[1] if output else (VALUE,), node, node.columns[-1:], word)
    for thing in observed.call.arguments[1:]:
        number = observation.scalars.get(thing) if isinstance(thing, _SINGLE) else None
        if thing is None and is_literal(observation, None) is False:
            number = observation.scalars.nothing
        if number is not None:
            made = output[1] if output else (VALUE,)
            work.product(made, number, number.columns or ("*",), relation)
    if output is not None:
        owe_to_enclosed(work, observed.call.arguments[1:], output[1], relation)
    if work.inputs:
        work.close()


_SINGLE = (int, float, date, timedelta, Decimal, str)


def method(observation: Observation, observed: Observed) -> None:
    """A method: the plan that it ran, or value by value."""
    if run_that_made(observed.call, observed.result) is not None:
        by_plan(observation, observed)
    elif observed.target.name in _AGGREGATES or not isinstance(observed.result, pl.Series):
        _elementwise(observation, observed, "AGGREGATION")
    else:
        _elementwise(observation, observed, "TRANSFORMATION")


def name(observation: Observation, observed: Observed) -> None:
    """``alias`` and ``rename``."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is not None and output is not None:
        work.pairs(node, [(output[1][0], node.columns[-1])])
        work.close()


def choose(observation: Observation, observed: Observed) -> None:
    """``filter``, ``sort``, ``unique``, ``zip_with``, ``series[rows]``: values as they are."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is None or output is None:
        return
    work.same(node, output[1])
    name, others = observed.target.name, observed.call.arguments[1:]
    if name == "sort":
        work.decides(node, node.columns, "SORT")
    elif name == "zip_with":
        mask, other = work.of(observed["mask"]), work.of(observed["other"])
        if other is not None:
            work.pairs(other, [(output[1][0], other.columns[-1])])
        if mask is not None:
            work.product(output[1], mask, mask.columns[-1:], "CONDITIONAL")
    elif others and (by := work.of(others[0])) is not None:
        work.decides(by, by.columns[-1:], "FILTER")
    elif name == "filter":
        work.decides(node, node.columns, "FILTER", "conservative")
    work.close()


def count_values(observation: Observation, observed: Observed) -> None:
    """``value_counts``: the values, and how many there are of each."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is not None and output is not None:
        work.same(node, output[1])
        work.decides(node, node.columns, "GROUP_BY")
        work.close()


def dummies(observation: Observation, observed: Observed) -> None:
    """``to_dummies``: a column for each value."""
    work = Work(observation, observed)
    node, output = work.subject(), look(observed.result)
    if node is not None and output is not None:
        work.product(output[1], node, node.columns)
        work.names(node, node.columns)
        work.close()


def open_namespace(observation: Observation, observed: Observed) -> None:
    """``series.str`` and the like: an object that stands for the series."""
    work, space = Work(observation, observed), observed.result
    if type(space) not in _armed:
        _armed.add(type(space))
        for each in vars(type(space)):
            if not each.startswith("_"):
                label = f"Series.{observed.target.name}.{each}"
                observe(observation, "polars", type(space), each, of_namespace, label=label)
    if (node := work.subject()) is not None:
        work.memory.keep(space, Lazy((leaf_of(node, observed.subject),)))


_armed: set[type] = set()


def of_namespace(observation: Observation, observed: Observed) -> None:
    """``series.str.upper()``: the plan that it ran on the series."""
    work, result = Work(observation, observed), observed.result
    known, output = work.memory.of(observed.subject), look(result)
    if known is None or output is None:
        return
    run = run_that_made(observed.call, result)
    if run is not None and record_run(work, run, known, output=result):
        return
    work = Work(observation, observed)
    for node in [known.leaves[0].node, *work.many(observed.call.arguments[1:])]:
        work.product(output[1], node, node.columns)
    work.finish(result, *output, rows_out=size(result))


def arm(observation: Observation) -> None:
    """Observe series."""

    def see(names: Any, rule: Any) -> None:
        for each in names:
            observe(observation, "polars", pl.Series, each, rule)

    for each in OPERATORS:
        observe(observation, "polars", pl.Series, each, operators, quick=each_time(again))
    see(KEEP, keep)
    see(NAMES, name)
    see(("filter", "sort", "zip_with", "__getitem__"), choose)
    see(("value_counts",), count_values)
    see(("to_dummies",), dummies)
    see(_OUT, leave)
    see(NAMESPACES, open_namespace)
    see(
        [each for each in dir(pl.Series) if not each.startswith("_") and each not in _BESIDE],
        method,
    )
    observe(observation, "polars", functions, "from_epoch", operators, label="polars.from_epoch")
