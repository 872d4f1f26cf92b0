"""``pyarrow.compute``: functions of arrays, whose kind says how values go through them."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc

from governed_kernel.capture.adapters.pyarrow.subjects import Work, look
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.relations import of_method
from governed_kernel.capture.scalars import VALUE
from governed_kernel.lineage.events import Relation

__all__ = ["arm"]

_BY_ORDER = ("array_sort_indices", "sort_indices", "partition_nth_indices", "select_k_unstable")
_KINDS = ("scalar", "vector", "scalar_aggregate", "meta")
_WITHOUT_DATA = ("random",)


def _relation(name: str, kind: str) -> Relation:
    if kind == "scalar_aggregate" or name.startswith("cumulative_"):
        return "AGGREGATION"
    return "WINDOW" if name in _BY_ORDER else of_method(name)


def _made(observed: Observed) -> tuple[str, ...]:
    output = look(observed.result)
    return (VALUE,) if output is None else output[1]


def _through(observation: Observation, observed: Observed) -> None:
    """Every array that goes in goes into everything that comes out."""
    name = observed.target.name
    relation = _relation(name, _kinds[name])
    work, made = Work(observation, observed), _made(observed)
    for thing in _things(observed):
        node = work.of(thing)
        if node is None:
            continue
        if relation == "WINDOW":
            work.decides(node, node.columns, relation)
        else:
            work.product(made, node, node.columns or ("*",), relation)
    if work.inputs:
        work.close(observed.result)


def _chosen(observation: Observation, observed: Observed) -> None:
    """``if_else(condition, this, that)``: the values as they are, chosen by the condition."""
    work, made = Work(observation, observed), _made(observed)
    condition, *values = _things(observed)
    for value in values:
        node = work.of(value)
        if node is not None:
            work.product(made, node, node.columns or ("*",), "IDENTITY")
    node = work.of(condition)
    if node is not None:
        work.product(made, node, node.columns or ("*",), "CONDITIONAL")
    if work.inputs:
        work.close(observed.result)


def _kept(observation: Observation, observed: Observed) -> None:
    """``filter``, ``take``, ``drop_null``, ``unique``: values as they are, by another array."""
    work, made = Work(observation, observed), _made(observed)
    values, *others = _things(observed)
    node = work.of(values)
    if node is None:
        return
    if node.kind in ("table", "dataset"):
        work.same(node, made)
    else:
        work.product(made, node, node.columns[-1:], "IDENTITY")
    by = [found for other in others if (found := work.of(other)) is not None]
    for each in by or ([node] if observed.target.name in ("drop_null", "unique") else []):
        work.decides(each, each.columns, "FILTER")
    work.close(observed.result)


def _things(observed: Observed) -> list[Any]:
    """The arguments that may be data, in their order."""
    given = observed.arguments
    return list(given["args"] if "args" in given else given.values())


_RULES = {
    "if_else": _chosen,
    **dict.fromkeys(("filter", "take", "drop_null", "unique", "array_filter", "array_take"), _kept),
}
_OF_OTHERS = ("fill_null", "and_", "or_", "utf8_zfill")
"""Written in Python, by means of the others."""
_kinds: dict[str, str] = {}


def arm(observation: Observation) -> None:
    """Observe every function that pyarrow gives a name of its own."""
    for name in pc.list_functions():
        kind = pc.get_function(name).kind
        if kind in _KINDS and name not in _WITHOUT_DATA and hasattr(pc, name):
            _kinds[name] = kind
    _kinds.update(dict.fromkeys(_OF_OTHERS, "scalar"))
    for name in _kinds:
        rule = _RULES.get(name, _through)
        observe(observation, "pyarrow", pc, name, rule, label=f"pyarrow.compute.{name}")
