"""Python's own things that SQL names: frames, tables, arrays, relations."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.lineage.events import Evidence

__all__ = ["Seen", "caller", "seen", "variable"]

_OURS = str(Path(__file__).parents[2])


class Seen(NamedTuple):
    """A thing as SQL sees it."""

    columns: tuple[str, ...]
    cells: Mapping[str, tuple[tuple[Node, str], ...]]
    """Column → node and the column there that it is."""
    evidence: Evidence = "observed"


def caller() -> FrameType | None:
    """The innermost frame that is not ours: where a native function was called."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def variable(frame: FrameType | None, name: str) -> Any:
    """What DuckDB would find under a name that is no table: a local variable, or a global."""
    if frame is None:
        return None
    for names in (frame.f_locals, frame.f_globals):
        if name in names:
            return names[name]
    return None


def seen(observation: Observation, step: Step, thing: Any) -> Seen | None:
    """A thing as SQL sees it, None for what SQL can't read."""
    library = type(thing).__module__.partition(".")[0]
    if library == "pandas":
        return _pandas(step, thing)
    if library == "polars":
        return _polars(observation, step, thing)
    if library == "pyarrow":
        return _arrow(observation, step, thing)
    if library == "numpy":
        return _arrays(step, {"": thing})
    if isinstance(thing, dict):
        return _arrays(step, thing) if thing else None
    if isinstance(thing, list):
        return _arrays(step, {f"column{n}": each for n, each in enumerate(thing[:1000])})
    node = observation.registry.get(thing)
    if node is not None and node.kind == "relation":
        return _plain(node, node.columns)
    return None


def _plain(node: Node, columns: tuple[str, ...]) -> Seen:
    return Seen(columns, {column: ((node, column),) for column in columns})


def _pandas(step: Step, thing: Any) -> Seen | None:
    from governed_kernel.capture.adapters.pandas.subjects import column_labels, look

    found = look(thing)
    if found is None or found[0] != "frame":
        return None
    return _plain(step.node(thing, *found), column_labels(thing))


def _polars(observation: Observation, step: Step, thing: Any) -> Seen | None:
    if type(thing).__name__ == "DataFrame":
        columns = tuple(thing.columns)
        return _plain(step.node(thing, "frame", columns), columns)
    if type(thing).__name__ != "LazyFrame":
        return None
    from governed_kernel.capture.adapters.polars.execution import read_plan
    from governed_kernel.capture.adapters.polars.subjects import Work

    work = Work(observation, step.observed)
    work.operation = "polars.LazyFrame.collect"
    lazy = work.lazy([thing])
    plan = read_plan(thing, lazy)
    if plan is None:
        return None
    columns = tuple(plan.columns())
    work.owe(work.follow(plan, lazy), columns)
    return _plain(work.finish(None, "frame", columns), columns)


def _arrow(observation: Observation, step: Step, thing: Any) -> Seen | None:
    schema = getattr(thing, "schema", None)
    if schema is None:
        schema = getattr(thing, "projected_schema", None)
    if schema is None:
        return None
    columns = tuple(schema.names)
    known = observation.registry.get(thing)
    if known is not None and set(columns) <= set(known.columns):
        return _plain(known, columns)
    kind = "table" if type(thing).__name__ == "Table" else type(thing).__name__.lower()
    return _plain(step.node(thing, kind, columns), columns)


def _arrays(step: Step, things: Mapping[Any, Any]) -> Seen | None:
    """Arrays, each a column; of an array of two dimensions each row is one."""
    cells: dict[str, tuple[tuple[Node, str], ...]] = {}
    for name, thing in things.items():
        for column, cell in _array(step, name, thing):
            cells[column] = cell
    return Seen(tuple(cells), cells) if cells else None


def _array(step: Step, name: Any, thing: Any) -> Iterator[tuple[str, tuple[tuple[Node, str], ...]]]:
    if type(thing).__module__.partition(".")[0] != "numpy" or not hasattr(thing, "ndim"):
        return
    if thing.ndim == 1:
        node = step.node(thing, "array", ("0",))
        yield (str(name) or "column0"), ((node, "0"),)
    elif thing.ndim == 2:
        node = step.node(thing, "array", tuple(map(str, range(thing.shape[1]))))
        every = tuple((node, column) for column in node.columns)
        for place in range(min(len(thing), 1000)):
            yield f"column{place}", every
