"""Into polars and out of it: constructors, pandas, Arrow, numpy."""

from __future__ import annotations

import sys
from typing import Any

import polars as pl
from polars.convert import general

from governed_kernel.capture.adapters.polars.leaves import Lazy, Leaf
from governed_kernel.capture.adapters.polars.subjects import Work, look, size
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step

__all__ = ["arm", "known_thing"]

_FROM = (
    *("from_pandas", "from_arrow", "from_numpy", "from_dict", "from_dicts", "from_records"),
    *("from_dataframe", "from_torch"),
)
_MOST_VALUES = 1_000


def known_thing(work: Step, thing: Any) -> Node | None:
    """The node of a thing of polars, pandas or Arrow, or of anything that is known."""
    seen = look(thing)
    if seen is None and "pandas" in sys.modules:
        from governed_kernel.capture.adapters.pandas.subjects import look as look_at_pandas

        seen = look_at_pandas(thing)
    if seen is None and "pyarrow" in sys.modules:
        arrow = sys.modules["pyarrow"]
        if isinstance(thing, (arrow.Table, arrow.RecordBatch)):
            seen = "table", tuple(thing.column_names)
    if seen is not None:
        return work.node(thing, *seen)
    if thing is None or isinstance(thing, (str, int, float, bytes)):
        return None
    return work.observation.registry.get(thing)


def _values(node: Node, thing: Any) -> tuple[str, ...]:
    """Columns of the values, without an index of pandas."""
    if node.kind == "series":
        return node.columns[-1:]
    if node.kind == "frame" and type(thing).__module__.startswith("pandas"):
        names = tuple(str(label) for label in thing.columns)
        return tuple(name for name in node.columns if name in names)
    return node.columns


def _link(work: Work, made: tuple[str, ...], data: Any) -> None:
    """The columns that are made of `data`."""
    if isinstance(data, dict):
        for name, value in list(data.items())[:_MOST_VALUES]:
            node = known_thing(work, value)
            if str(name) not in made:
                continue
            if node is not None:
                work.product((str(name),), node, _values(node, value) or ("*",), "IDENTITY")
            elif not _is_written_out(work, value):
                work.open((str(name),))
        return
    node = known_thing(work, data)
    if node is not None:
        columns = _values(node, data)
        if not columns:
            work.product(made, node, ("*",), "IDENTITY")
        elif set(made) <= set(columns):
            work.same(node, made)
        elif len(made) == len(columns):
            work.pairs(node, zip(made, columns, strict=True))
        else:
            # Part of it goes by other names, such as an index.
            named = tuple(name for name in made if name in node.columns)
            rest = tuple(name for name in made if name not in node.columns)
            work.same(node, named)
            work.product(rest, node, node.columns, "IDENTITY", "conservative")
    elif isinstance(data, (list, tuple)):
        parts = [(each, known_thing(work, each)) for each in data[:_MOST_VALUES]]
        for place, (each, part) in enumerate(parts):
            if part is None:
                continue
            if isinstance(each, pl.Series) and place < len(made):
                name = each.name if each.name in made else made[place]
                work.pairs(part, [(name, part.columns[-1])])
            else:
                columns = _values(part, each)
                work.product(made, part, columns, "TRANSFORMATION", "conservative")
        if not any(part is not None for _, part in parts) and not _is_written_out(work, data):
            work.open()
    elif data is not None and not _is_written_out(work, data):
        work.open()


def _is_written_out(work: Work, value: Any) -> bool:
    """Whether a value stands in the statement's own text, and so comes from nowhere else."""
    variables = work.observation.variables
    return variables is None or bool(variables.text.assigns(value))


def construct(observation: Observation, observed: Observed) -> None:
    """``pl.DataFrame(…)``, ``pl.Series(…)`` of things that are known."""
    subject = observed.subject
    output = look(subject)
    if output is None:
        return
    observed.operation = f"polars.{type(subject).__name__}"
    work = Work(observation, observed)
    data = observed["data"]
    if isinstance(subject, pl.Series):
        data = observed["values"] if observed["values"] is not None else observed["name"]
    _link(work, output[1], data)
    work.finish(subject, *output, rows_out=size(subject))


def construct_lazy(observation: Observation, observed: Observed) -> None:
    """``pl.LazyFrame(…)``: a frame that only its plan holds."""
    from governed_kernel.capture.adapters.polars.plans import Plan

    subject, work = observed.subject, Work(observation, observed)
    columns = tuple(Plan(subject._ldf).columns())
    work.operation = "polars.LazyFrame"
    _link(work, columns, observed["data"])
    node = work.finish(None, "frame", columns)
    work.memory.keep(subject, Lazy((Leaf(node, columns, -1),)))


def bring(observation: Observation, observed: Observed) -> None:
    """``pl.from_pandas`` and the like."""
    result, output = observed.result, look(observed.result)
    if output is not None:
        work = Work(observation, observed)
        _link(work, output[1], observed.call.arguments[0])
        work.finish(result, *output, rows_out=size(result))


def to_pandas(observation: Observation, observed: Observed) -> None:
    """``to_pandas()``: the node is one of pandas."""
    from governed_kernel.capture.adapters.pandas.subjects import look as look_at_pandas

    seen = look_at_pandas(observed.result)
    if seen is not None:
        _out(observation, observed, *seen)


def to_arrow(observation: Observation, observed: Observed) -> None:
    """``to_arrow()``."""
    names = getattr(observed.result, "column_names", None)
    seen = look(observed.subject)
    if seen is not None:
        columns = tuple(names) if names is not None else seen[1]
        _out(observation, observed, "table" if names is not None else "array", columns)


def to_array(observation: Observation, observed: Observed) -> None:
    """``to_numpy()``, ``to_torch()``: columns by position."""
    shape = getattr(observed.result, "shape", None)
    if shape is not None:
        width = shape[1] if len(shape) == 2 else 1
        _out(observation, observed, "array", tuple(map(str, range(width))))


def _out(observation: Observation, observed: Observed, kind: str, columns: tuple[str, ...]) -> None:
    work, rows = Work(observation, observed), size(observed.subject)
    node = work.subject()
    if node is None:
        return
    if set(columns) <= set(node.columns):
        work.same(node, columns)
    elif len(columns) == len(node.columns):
        work.pairs(node, zip(columns, node.columns, strict=True))
    else:
        work.product(columns, node, node.columns, "IDENTITY", "conservative")
    work.finish(observed.result, kind, columns, rows_in=rows, rows_out=rows)


def to_dict(observation: Observation, observed: Observed) -> None:
    """``to_dict()``: a series for each column, or lists, which can't be followed."""
    work = Work(observation, observed)
    node = work.subject()
    if node is None:
        return
    series = [each for each in observed.result.values() if isinstance(each, pl.Series)]
    for each in series:
        part = Work(observation, observed)
        part.same(node, (each._s.name(),))
        part.close(each)
    if not series:
        work.take(node)
        work.finish(None, "value", (), rows_in=size(observed.subject))


def arm(observation: Observation) -> None:
    """Observe constructors and ways out."""
    for owner in (pl.DataFrame, pl.Series):
        observe(observation, "polars", owner, "__init__", construct)
        observe(observation, "polars", owner, "to_pandas", to_pandas)
        observe(observation, "polars", owner, "to_arrow", to_arrow)
        for name in ("to_numpy", "__array__", "to_torch", "to_jax"):
            observe(observation, "polars", owner, name, to_array)
    observe(observation, "polars", pl.DataFrame, "to_dict", to_dict)
    observe(observation, "polars", pl.LazyFrame, "__init__", construct_lazy)
    for name in _FROM:
        observe(observation, "polars", general, name, bring, label=f"polars.{name}")
