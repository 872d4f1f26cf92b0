"""Datasets and scanners: what they give is known before it is read, and they read it."""

from __future__ import annotations

import sys
from typing import Any

from governed_kernel.capture.adapters.pyarrow.subjects import (
    Work,
    bound,
    columns_of,
    look,
    rows,
)
from governed_kernel.capture.adapters.pyarrow.tables import filter_by, join, sort
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe_native
from governed_kernel.capture.transfers import announce, complete

__all__ = ["arm"]

_READING = ("to_table", "head", "take", "to_batches", "to_reader", "scan_batches")


def _before(observation: Observation, call: Call) -> None:
    known = observation.registry.get(call.arguments[0][0])
    # A dataset is not asked for its files here: one of an open file ends the process when it is
    # asked for its file system (pyarrow 26). Where it was made they were known.
    if known is not None and isinstance(known.extra, tuple):
        for file in known.extra:
            announce(observation, call, "read", file)


def _scanned(observation: Observation, observed: Observed) -> None:
    """Read, as a whole or in part: by the names of columns or by expressions, and by a filter."""
    _report(observation, observed)
    if observed.call.outer is None:  # else another one's scanner
        _chosen(observation, observed)


def _report(observation: Observation, observed: Observed) -> None:
    """The files were read, and what went in is the dataset that they are."""
    complete(observation, observed.call)
    if observation.doings:
        observation.doings[-1].explained.update(uri for _, uri in observed.call.claims)


def _chosen(observation: Observation, observed: Observed) -> None:
    thing, result = observed.subject, observed.result
    given = bound(observed)
    given |= given.get("kwargs", {})
    work = Work(observation, observed)
    node = work.subject()
    schema = thing.schema if hasattr(thing, "schema") else thing.projected_schema
    columns = given.get("columns")
    # Without columns of its own it is what gives batches, one by one and later.
    output = look(result) or ("batches", node.columns if columns is None else tuple(columns))
    if isinstance(columns, dict):
        for name, expression in columns.items():
            read = columns_of(expression, schema)
            plain = str(expression) in read
            work.product((name,), node, read, "IDENTITY" if plain else "TRANSFORMATION")
    else:
        work.same(node, output[1])
    filter_by(work, node, given.get("filter"), schema)
    work.finish(result, *output, rows_out=rows(result), extra=node.extra)


def _filtered(observation: Observation, observed: Observed) -> None:
    """``dataset.filter(expression)``: another dataset."""
    dataset, work = observed.subject, Work(observation, observed)
    node = work.subject()
    work.same(node)
    filter_by(work, node, bound(observed)["expression"], dataset.schema)
    work.finish(observed.result, "dataset", node.columns, extra=node.extra)


def _read_and(rule: Any) -> Any:
    def both(observation: Observation, observed: Observed) -> None:
        _report(observation, observed)
        if observed.call.outer is None:
            rule(observation, observed)

    return both


def arm(observation: Observation) -> None:
    """Observe datasets and scanners."""
    below = sys.modules["pyarrow._dataset"]
    for owner in (below.Dataset, below.Scanner):
        for name in _READING:
            _see(observation, owner, name, _scanned, reads=True)
        _see(observation, owner, "count_rows", _report, reads=True)
    _see(observation, below.Dataset, "scanner", _chosen)
    _see(observation, below.Dataset, "filter", _filtered)
    _see(observation, below.Dataset, "join", _read_and(join), reads=True)
    _see(observation, below.Dataset, "sort_by", _read_and(sort), reads=True)


def _see(
    observation: Observation, owner: Any, name: str, rule: Any, *, reads: bool = False
) -> None:
    observe_native(
        observation,
        "pyarrow",
        (owner,),
        name,
        rule,
        label=f"pyarrow.dataset.{owner.__name__}.{name}",
        before=_before if reads else None,
        io=reads,
    )
