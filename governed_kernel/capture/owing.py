"""What a statement lets its results owe to, beyond what observed calls have told."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TypeAlias

from governed_kernel.capture.leftovers import Sources
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import MOST_EDGES
from governed_kernel.capture.works import Work
from governed_kernel.lineage.events import ColumnEdge, Entity, Relation, Transformation

__all__ = ["Output", "complete", "giving_values", "record_statement"]

Output: TypeAlias = tuple[Node, str, Sources, Sources, tuple[str, ...]]
"""What came out, its name, what its values and what its conditions owe to, and its columns."""
_TABLES = (
    *("frame", "series", "index", "group", "relation", "table", "lazy", "expression"),
    *("batches", "reader", "loader"),
)
"""Kinds of things that mostly go into observed calls; all others give their values to anybody."""
_OF_ONE_COLUMN = ("series", "index")
_DIRECT: tuple[Relation, Relation] = ("TRANSFORMATION", "TRANSFORMATION AND MEMBERSHIP")
_INDIRECT: tuple[Relation, Relation] = ("CONDITIONAL", "CONDITIONAL AND MEMBERSHIP")


def giving_values(sources: Sources, mentioned: Sources, into_calls: Set[str]) -> set[str]:
    """Entities of those of some sources that numbers may have been taken of: ``array.mean()``.

    Parameters
    ----------
    mentioned : dict of str to Source
        Those of which the statement has names.
    into_calls : set of str
        Entities of what went into observed calls; of a table that did no number was taken.
    """
    return {
        entity
        for entity, source in sources.items()
        if (kind := source.node.kind) not in _TABLES
        or (entity not in into_calls and (entity in mentioned or kind in _OF_ONE_COLUMN))
    }


def complete(
    work: Work,
    sources: Sources,
    values: Sources,
    used: frozenset[str],
    outputs: list[Output],
    giving: Set[str] = frozenset(),
) -> bool:
    """Let what a step could not follow owe to `sources`, and its single values to `values`.

    Single values may also have been taken of those of `sources` that are `giving`. False where
    something went in of which that tells nothing.
    """
    known = {work.output.entity, *used}
    found = {entity: each for entity, each in sources.items() if entity not in known}
    if found and work.open:
        outputs.append((work.output, "", found, {}, work.open))
    single = {entity: each for entity, each in found.items() if entity in giving}
    single |= {entity: each for entity, each in values.items() if entity not in known}
    if single and work.values:
        outputs.append((work.output, "", single, {}, work.values))
    return bool(found) or not work.open


def record_statement(
    observation: Observation, outputs: list[Output], among: Set[str] = frozenset()
) -> None:
    """Put on record what a statement lets its results owe to.

    Parameters
    ----------
    among : set of str
        Entities of which it asked whether something is in them.
    """
    cell = observation.cell()
    inputs: dict[str, Node] = {}
    edges: list[ColumnEdge] = []
    for node, _, direct, indirect, columns in outputs:
        edges += _edges(node, columns, direct, _DIRECT, among)
        edges += _edges(node, columns, indirect, _INDIRECT, among)
        for source in (*direct.values(), *indirect.values()):
            inputs[source.node.entity] = source.node
    observation.emitter.emit(
        Transformation(
            execution=cell.execution,
            cell_id=cell.cell_id,
            transformation_id=observation.new_transformation(),
            operation="statement",
            library="python",
            inputs=[Entity(n.entity, n.kind, "", list(n.columns)) for n in inputs.values()],
            outputs=[
                Entity(node.entity, node.kind, name, list(node.columns))
                for node, name, *_ in outputs
            ],
            columns=edges,
        )
    )


def _edges(
    node: Node,
    outputs: tuple[str, ...],
    sources: Sources,
    words: tuple[Relation, Relation],
    among: Set[str],
) -> Iterator[ColumnEdge]:
    for entity, source in sources.items():
        relation = words[entity in among]
        columns = source.columns if len(source.columns) <= MOST_EDGES else ("*",)
        for column in columns:
            for output in outputs:
                yield ColumnEdge(node.entity, output, entity, column, relation, "inferred")
