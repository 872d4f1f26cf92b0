"""Tables and batches: methods of native classes, and the functions that make tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from governed_kernel.capture.adapters.pyarrow.subjects import (
    Work,
    bound,
    columns_of,
    look,
    rows,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, Rule, observe_native
from governed_kernel.capture.registry import Node

__all__ = ["arm", "filter_by", "join", "sort"]

_SAME = (
    *("select", "drop_columns", "drop", "slice", "combine_chunks", "unify_dictionaries"),
    *("replace_schema_metadata", "remove_column", "to_reader"),
)


def _same(observation: Observation, observed: Observed) -> None:
    """Columns that stay as they are, all or some."""
    work, output = Work(observation, observed), look(observed.result)
    if output is not None:
        work.same(work.subject(), output[1])
        work.close(observed.result, rows_in=rows(observed.subject))


def _cast(observation: Observation, observed: Observed) -> None:
    """``cast``: each column into another type; one that has it already is the same."""
    before, after = observed.subject.schema, observed.result.schema
    work = Work(observation, observed)
    node = work.subject()
    kept = tuple(name for name in after.names if before.field(name).type == after.field(name).type)
    work.same(node, kept)
    changed = tuple(name for name in after.names if name not in kept)
    work.pairs(node, zip(changed, changed, strict=True), "TRANSFORMATION")
    work.close(observed.result)


def _rename(observation: Observation, observed: Observed) -> None:
    work = Work(observation, observed)
    node, output = work.subject(), observed.result
    work.pairs(node, zip(output.column_names, node.columns, strict=True))
    work.close(output)


def filter_by(work: Work, node: Node, condition: Any, schema: pa.Schema) -> None:
    """Rows remain by an expression over the columns, or by an array of truth values."""
    if condition is None:
        return
    if look(condition) is None and hasattr(condition, "to_substrait"):
        work.decides(node, columns_of(condition, schema), "FILTER")
        return
    mask = work.of(condition)
    if mask is not None:
        work.decides(mask, mask.columns, "FILTER")


def _filter(observation: Observation, observed: Observed) -> None:
    work, table = Work(observation, observed), observed.subject
    node = work.subject()
    work.same(node)
    filter_by(work, node, bound(observed)["mask"], table.schema)
    work.close(observed.result, rows_in=rows(table))


def _take(observation: Observation, observed: Observed) -> None:
    work = Work(observation, observed)
    work.same(work.subject())
    by = work.of(bound(observed)["indices"])
    if by is not None:
        work.decides(by, by.columns, "FILTER")
    work.close(observed.result, rows_in=rows(observed.subject))


def _drop_null(observation: Observation, observed: Observed) -> None:
    work = Work(observation, observed)
    node = work.subject()
    work.same(node)
    work.decides(node, node.columns, "FILTER")
    work.close(observed.result, rows_in=rows(observed.subject))


def sort(observation: Observation, observed: Observed) -> None:
    """``sort_by("column")`` or ``sort_by([("column", "descending")])``."""
    work = Work(observation, observed)
    node, by = work.subject(), bound(observed)["sorting"]
    keys = (by,) if isinstance(by, str) else tuple(str(each[0]) for each in by)
    work.same(node)
    work.decides(node, tuple(key for key in keys if key in node.columns), "SORT")
    work.close(observed.result)


def _put(observation: Observation, observed: Observed) -> None:
    """``append_column``, ``add_column``, ``set_column``: one column of an array."""
    given, work = bound(observed), Work(observation, observed)
    node, output = work.subject(), observed.result
    name = given["field_"] if isinstance(given["field_"], str) else given["field_"].name
    added = work.of(given["column"])
    work.same(node, tuple(each for each in output.column_names if each != name))
    if added is None:
        work.open((name,))
    else:
        work.pairs(added, [(name, added.columns[0])])
    work.close(output)


def join(observation: Observation, observed: Observed) -> None:
    """``left.join(right, keys)``: columns keep their side, the keys decide which rows meet."""
    given, work = bound(observed), Work(observation, observed)
    one, two = work.subject(), work.of(given.get("right_table", given.get("right_dataset")))
    if two is None:
        return
    kind = str(given["join_type"])
    left = _names(given["keys"])
    right = left if given["right_keys"] is None else _names(given["right_keys"])
    made = observed.result.schema.names
    ours, theirs = (given["left_suffix"] or ""), (given["right_suffix"] or "")
    coalesced = bool(given["coalesce_keys"])
    if kind not in ("right semi", "right anti"):
        shared = left if coalesced and kind == "right outer" else ()
        work.pairs(one, _side(made, one.columns, two.columns, ours, shared))
    if kind not in ("left semi", "left anti"):
        hidden = right if coalesced and kind not in ("right outer", "full outer") else ()
        pairs = _side(made, two.columns, one.columns, theirs, hidden)
        if coalesced and kind in ("right outer", "full outer"):
            # The key comes out once, under the left side's name.
            pairs += [(out, into) for out, into in zip(left, right, strict=True) if out != into]
        work.pairs(two, dict.fromkeys(pairs))
    work.decides(one, left, "JOIN")
    work.decides(two, right, "JOIN")
    work.close(observed.result)


def _side(
    made: Iterable[str],
    own: tuple[str, ...],
    other: tuple[str, ...],
    suffix: str,
    hidden: tuple[str, ...],
) -> list[tuple[str, str]]:
    """Output and input column of one side; only a name that both have gets the suffix."""
    there, found = set(made), []
    for column in own:
        name = column + suffix if column in other and column + suffix in there else column
        if name in there and column not in hidden:
            found.append((name, column))
    return found


def _names(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(str(each) for each in names)


def _aggregate(observation: Observation, observed: Observed) -> None:
    """``table.group_by(keys).aggregate([("column", "sum")])``."""
    positional, keywords = observed.call.arguments
    group = positional[0]
    wanted = positional[1] if len(positional) > 1 else keywords["aggregations"]
    work, output = Work(observation, observed), observed.result
    table = group._table
    node, keys = work.node(table, *look(table)), _names(group.keys)  # type: ignore[misc]
    work.same(node, tuple(key for key in keys if key in output.column_names))
    for column, function, *_ in wanted:
        name = "_".join((*_names(column), function))
        if name in output.column_names:
            work.product((name,), node, _names(column), "AGGREGATION")
    work.decides(node, keys, "GROUP_BY")
    work.finish(
        output, "table", tuple(output.column_names), rows_in=rows(table), rows_out=rows(output)
    )


def _column(observation: Observation, observed: Observed) -> None:
    """``table.column("name")``: the array is that column."""
    work, array = Work(observation, observed), observed.result
    node, wanted = work.subject(), observed.call.arguments[0][-1]
    if isinstance(wanted, int) and -len(node.columns) <= wanted < len(node.columns):
        wanted = node.columns[wanted]
    if isinstance(wanted, str) and wanted in node.columns:
        observation.registry.put(array, Node(node.entity, "array", (wanted,), node.rows))


def _batches(observation: Observation, observed: Observed) -> None:
    """``to_batches``: each batch is a piece of the same."""
    work = Work(observation, observed)
    node = work.subject()
    for batch in observed.result[:_MOST_BATCHES]:
        observation.registry.put(batch, node._replace(kind="table"))


_MOST_BATCHES = 1_000


_METHODS: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (_same, _SAME),
    (_cast, ("cast",)),
    (_rename, ("rename_columns",)),
    (_filter, ("filter",)),
    (_take, ("take",)),
    (_drop_null, ("drop_null",)),
    (sort, ("sort_by",)),
    (_put, ("append_column", "add_column", "set_column")),
    (_column, ("column",)),
    (_batches, ("to_batches",)),
)


def arm(observation: Observation) -> None:
    """Observe tables and batches."""

    def see(owner: Any, name: str, rule: Rule, label: str = "") -> None:
        observe_native(observation, "pyarrow", (owner,), name, rule, label=label, io=False)

    for owner in (pa.Table, pa.RecordBatch):
        for rule, names in _METHODS:
            for name in names:
                see(owner, name, rule)
    see(pa.Table, "join", join)
    see(pa.TableGroupBy, "aggregate", _aggregate, "Table.group_by.aggregate")
