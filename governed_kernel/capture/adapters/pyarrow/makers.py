"""What makes tables and arrays: of frames and series of pandas, of arrays, of batches."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from governed_kernel.capture.adapters.pyarrow.subjects import ARRAY, Work
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe_native
from governed_kernel.capture.registry import Node

__all__ = ["arm"]

_MOST = 1_000


def _given(observed: Observed, place: int, name: str) -> Any:
    """An argument of a native call by its place, or by its name."""
    positional, keywords = observed.call.arguments
    return positional[place] if len(positional) > place else keywords.get(name)


def _frame_node(work: Work, thing: Any) -> Node | None:
    """The node of a frame, series or index of pandas; None for everything else."""
    if "pandas" not in sys.modules:
        return None
    from governed_kernel.capture.adapters.pandas.subjects import look

    seen = look(thing)
    return None if seen is None else work.node(thing, *seen)


def _of_frame(observation: Observation, observed: Observed) -> None:
    """``Table.from_pandas(frame)``: columns, and levels of the index that have a name."""
    work, output = Work(observation, observed), observed.result
    node = _frame_node(work, _given(observed, 1, "df"))
    if node is not None:
        work.same(node, tuple(output.column_names))
        work.close(output)


def _of_series(observation: Observation, observed: Observed) -> None:
    """``pa.array(series)``, and of a numpy array that is known."""
    work, given = Work(observation, observed), _given(observed, 0, "obj")
    node = _frame_node(work, given)
    if node is None and not isinstance(given, (list, tuple, dict)):
        node = observation.registry.get(given)
    if node is not None and isinstance(observed.result, (pa.Array, pa.ChunkedArray)):
        work.product(ARRAY, node, node.columns[-1:] or ("*",), "IDENTITY")
        work.close(observed.result)


def _of_batches(observation: Observation, observed: Observed) -> None:
    """``Table.from_batches`` and ``concat_batches``, as ``concat_tables``."""
    _joined(observation, observed, _given(observed, 0, "batches"))


def _concatenated(observation: Observation, observed: Observed) -> None:
    """``concat_tables``: each column from all that have it."""
    _joined(observation, observed, _given(observed, 0, "tables"))


def _joined(observation: Observation, observed: Observed, tables: Any) -> None:
    if not isinstance(tables, (list, tuple)):
        return  # used up by now; its statement tells
    work, output = Work(observation, observed), observed.result
    for table in tables[:_MOST]:
        node = work.of(table)
        if node is not None:
            work.same(node, tuple(output.column_names))
    work.close(output)


def _table(observation: Observation, observed: Observed) -> None:
    """``pa.table(data)``: of arrays by name, of a frame, or of another thing as a whole."""
    data = _given(observed, 0, "data")
    names = _given(observed, 1, "names")
    work, output = Work(observation, observed), observed.result
    if isinstance(data, dict):
        _of_columns(work, data.items(), output)
    elif isinstance(data, (list, tuple)) and names is not None:
        _of_columns(work, zip(names, data, strict=False), output)
    elif (node := _frame_node(work, data)) is not None:
        work.same(node, tuple(output.column_names))
        work.close(output)


def _of_arrays(observation: Observation, observed: Observed) -> None:
    """``Table.from_arrays(arrays, names)``; also of a schema."""
    output, arrays = observed.result, _given(observed, 0, "arrays")
    if isinstance(arrays, (list, tuple)):
        work = Work(observation, observed)
        _of_columns(work, zip(output.column_names, arrays, strict=False), output)


def _of_dictionary(observation: Observation, observed: Observed) -> None:
    """``Table.from_pydict({"name": array})``."""
    mapping = _given(observed, 1, "mapping")
    if isinstance(mapping, dict):
        _of_columns(Work(observation, observed), mapping.items(), observed.result)


def _of_columns(work: Work, parts: Iterable[tuple[Any, Any]], output: Any) -> None:
    """A table of columns by name: what is known of each, and that of the others nothing is."""
    known, unknown = {}, []
    for name, value in list(parts)[:_MOST]:
        if str(name) not in output.column_names:
            continue
        listed = isinstance(value, (list, tuple))
        node = None if listed else _frame_node(work, value) or work.of(value)
        if node is None:
            unknown.append(str(name))
        else:
            known[str(name)] = node
    for name, node in known.items():
        work.pairs(node, [(name, node.columns[-1] if node.columns else "*")])
    if unknown:
        work.open(tuple(unknown))
    if work.inputs or work.is_open:
        work.close(output)


_FUNCTIONS = (
    ("array", _of_series),
    ("concat_batches", _of_batches),
    ("concat_tables", _concatenated),
    ("record_batch", _table),
    ("table", _table),
)
_OF_CLASSES = (
    ("from_arrays", _of_arrays),
    ("from_batches", _of_batches),
    ("from_pandas", _of_frame),
)


def arm(observation: Observation) -> None:
    """Observe what makes tables."""
    for name, rule in _FUNCTIONS:
        label = f"pyarrow.{name}"
        observe_native(observation, "pyarrow", (pa.lib, pa), name, rule, label=label, io=False)
    for owner in (pa.Table, pa.RecordBatch):
        for name, rule in _OF_CLASSES:
            if name in vars(owner):
                label = f"{owner.__name__}.{name}"
                observe_native(observation, "pyarrow", (owner,), name, rule, label=label, io=False)
    tabular = pa.Table.__mro__[1]
    label = "Table.from_pydict"
    observe_native(
        observation, "pyarrow", (tabular,), "from_pydict", _of_dictionary, label=label, io=False
    )
    label = "Array.from_pandas"
    observe_native(
        observation, "pyarrow", (pa.Array,), "from_pandas", _of_series, label=label, io=False
    )
