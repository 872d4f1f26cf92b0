"""What pyarrow's rules work on: tables, batches, datasets, and arrays as columns of tables.

``table["price"]`` is answered by a slot of the native class, which nothing can stand before. But
the array that comes out shares its memory with the table's column, so it is known by where its
values lie.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from governed_kernel.capture.observing import NativeTarget, Observed
from governed_kernel.capture.registry import Node
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.steps import Step

__all__ = ["ARRAY", "Work", "bound", "columns_of", "look", "rows"]

ARRAY = ("0",)
"""The column of an array that belongs to no table."""
_MOST_TABLES = 200
_TABLES = (pa.Table, pa.RecordBatch)
_ARRAYS = (pa.ChunkedArray, pa.Array)


def look(thing: Any) -> tuple[str, tuple[str, ...]] | None:
    """Kind and columns of what can be followed; None for everything else."""
    if isinstance(thing, _TABLES):
        return "table", tuple(thing.column_names)
    if isinstance(thing, _ARRAYS):
        return "array", ARRAY
    datasets = sys.modules.get("pyarrow._dataset")
    if datasets is not None and isinstance(thing, datasets.Dataset):
        return "dataset", tuple(thing.schema.names)
    if datasets is not None and isinstance(thing, datasets.Scanner):
        return "dataset", tuple(thing.projected_schema.names)
    return None


def rows(thing: Any) -> int:
    """Number of rows, -1 for what has none or would have to be read."""
    return thing.num_rows if isinstance(thing, _TABLES) else -1


def bound(observed: Observed) -> dict[str, Any]:
    """Arguments of a native call by name, with their defaults."""
    assert isinstance(observed.target, NativeTarget)
    return observed.target.given(observed.call.arguments)


def columns_of(expression: Any, schema: pa.Schema) -> tuple[str, ...]:
    """The columns that an expression reads: without any of them it means nothing."""
    text, found = str(expression), []
    for place, name in enumerate(schema.names):
        if name in text and not _is_bound(expression, schema.remove(place)):
            found.append(name)
    return tuple(found)


def _is_bound(expression: Any, schema: pa.Schema) -> bool:
    try:
        expression.to_substrait(schema)
    except (pa.ArrowInvalid, KeyError):
        return False
    except pa.ArrowNotImplementedError:
        pass  # it was bound first; only then had Substrait no word for one of its functions
    return True


class Work(Step):
    """A step whose things are pyarrow's own."""

    __slots__ = ()

    def of(self, thing: Any) -> Node | None:
        """The node of a table, dataset or array, or of anything that is known; else None."""
        seen = look(thing)
        if seen is None:
            known = thing is None or isinstance(thing, (str, bytes))
            return None if known else self.observation.scalars.get(thing)
        if seen[0] != "array":
            return self.node(thing, *seen)
        return self.observation.registry.get(thing) or self._by_memory(thing)

    def subject(self) -> Node:
        """The node of ``self``."""
        thing = self.observed.subject
        seen = look(thing)
        assert seen is not None
        return self.node(thing, *seen)

    def _by_memory(self, array: Any) -> Node:
        """The column of a table whose memory this is; what is none is new."""
        wanted = _places(array)
        tables = self.observation.registry.of_kind("table")[-_MOST_TABLES:] if wanted else []
        for table, node in reversed(tables):
            if not isinstance(table, _TABLES) or table.num_rows != len(array):
                continue
            for name, field, column in zip(
                table.column_names, table.schema, table.columns, strict=True
            ):
                if field.type == array.type and _places(column) == wanted:
                    found = Node(node.entity, "array", (name,), node.rows)
                    self.observation.registry.put(array, found)
                    return found
        return self.node(array, "array", ARRAY)

    def close(self, output: Any, *, rows_in: int = -1) -> Node:
        """Finish with what the call made; a single value ends as one."""
        seen = look(output)
        if seen is None:
            return self.finish(output, "value", (VALUE,) if self.links else (), rows_in=rows_in)
        return self.finish(output, *seen, rows_in=rows_in, rows_out=rows(output))


def _places(array: Any) -> tuple[tuple[int, int, int], ...]:
    """Address, offset and length of each piece that has values."""
    pieces: Iterable[Any] = array.chunks if isinstance(array, pa.ChunkedArray) else (array,)
    found = []
    for piece in pieces:
        if len(piece):
            addresses = [buffer.address for buffer in piece.buffers() if buffer is not None]
            found.append((addresses[-1] if addresses else 0, piece.offset, len(piece)))
    return tuple(found)
