"""Composes recorded steps into origins: from the columns of written files back to the sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

from governed_kernel.lineage.events import ColumnEdge, Transformation

Origin: TypeAlias = tuple[str, str, str, str]
"""Input, column, relation, evidence."""

_DIRECT = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")
_OF_ROWS = ("JOIN", "GROUP_BY", "FILTER", "SORT")
_AMONG = " AND MEMBERSHIP"
_EVIDENCE = ("conservative", "inferred", "observed")


def origins_of(steps: Iterable[Transformation], output: str, column: str) -> set[Origin]:
    """All origins of one column of `output` in entities that no step made."""
    edges: dict[tuple[str, str], list[ColumnEdge]] = defaultdict(list)
    columns: dict[str, list[str]] = {}
    for step in steps:
        for edge in step.columns:
            edges[edge.output_entity, edge.output_column].append(edge)
        for each in [*step.inputs, *step.outputs]:
            columns[each.entity] = each.columns
    found: dict[tuple[str, str, str], str] = {}
    seen: set[tuple[str, str, str, str]] = set()
    todo = [(output, column, "IDENTITY", "observed")]
    while todo:
        entity, name, relation, evidence = todo.pop()
        if (entity, name, relation, evidence) in seen:
            continue
        seen.add((entity, name, relation, evidence))
        if not entity.startswith("memory://") and entity != output:
            best = found.get((entity, name, relation), "conservative")
            found[entity, name, relation] = max(best, evidence, key=_EVIDENCE.index)
            continue
        for edge in [*edges[entity, name], *edges[entity, "*"]]:
            weakest = min(evidence, edge.evidence, key=_EVIDENCE.index)
            names = [edge.input_column]
            if edge.input_column == "*":
                names = columns.get(edge.input_entity) or ["*"]
            for into in names:
                step_back = (edge.input_entity, into, _compose(relation, edge.relation), weakest)
                todo.append(step_back)
    told: dict[tuple[str, str, str], str] = {}
    for (entity, name, relation), kind in found.items():
        word = _shown(relation)
        known = told.get((entity, name, word), "conservative")
        told[entity, name, word] = max(known, kind, key=_EVIDENCE.index)
    return {(*place, kind) for place, kind in told.items()}


def _compose(near: str, far: str) -> str:
    """The relation over two steps, the first being nearer to the output.

    A value that says what is among the rows of an input tells by a value what chose these rows,
    unless that value in turn only decides rows, or parts them.
    """
    first, second = near.removesuffix(_AMONG), far.removesuffix(_AMONG)
    is_told = first != near or (second != far and first not in (*_OF_ROWS, "PARTITION"))
    return _compose_plainly(first, second) + _AMONG * is_told


def _shown(relation: str) -> str:
    if relation == "FILTER" + _AMONG:
        return "CONDITIONAL"
    plain = relation.removesuffix(_AMONG)
    return "WINDOW" if plain == "PARTITION" else plain


def _compose_plainly(near: str, far: str) -> str:
    if near in _DIRECT and far in _DIRECT:
        return max(near, far, key=_DIRECT.index)
    if far in _OF_ROWS or near in _DIRECT:
        return far
    return "PARTITION" if near not in _OF_ROWS and "PARTITION" in (near, far) else near
