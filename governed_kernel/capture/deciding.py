"""What a statement reads beside what its steps tell: it may have decided about what they made.

``q = q[[s > 5 for s in h["size"]]]``, ``if h["size"].sum() > 9: q = q.head(3)``: which rows there
are tells of ``h``. No column of ``q`` was made of it, so there is no edge between columns; but a
file that holds ``q`` is of the class of both.
"""

from __future__ import annotations

from collections.abc import Iterable

from governed_kernel.capture.leftovers import Sources
from governed_kernel.capture.observation import Doings, Observation
from governed_kernel.capture.registry import Node
from governed_kernel.lineage.events import Entity, Transformation

__all__ = ["DECISION", "beside", "record_beside"]


DECISION = "decision"
"""Kind of a file as what decided about it wrote it: of another kind than what its values are, so
that this is not taken for the last that was written, by which its columns are known."""


def _behind(doings: Doings, entities: Iterable[str]) -> set[str]:
    """What the steps of a statement have made these things of, and they themselves."""
    makers: dict[str, set[str]] = {}
    for work in doings.works:
        inputs = (node.entity for node in work.inputs)
        makers.setdefault(work.output.entity, set()).update(inputs)
    pending, seen = list(entities), set[str]()
    while pending:
        entity = pending.pop()
        if entity not in seen:
            seen.add(entity)
            pending += makers.get(entity, ())
    return seen


def beside(doings: Doings, sources: Sources, entities: Iterable[str]) -> list[Node]:
    """Those of `sources` that no step has made these things of."""
    if not sources:
        return []
    told = _behind(doings, entities)
    return [source.node for entity, source in sources.items() if entity not in told]


def record_beside(observation: Observation, inputs: list[Node], output: Node, name: str) -> None:
    """Put on record that a statement which made `output` has read `inputs` as well."""
    cell = observation.cell()
    observation.emitter.emit(
        Transformation(
            execution=cell.execution,
            cell_id=cell.cell_id,
            transformation_id=observation.new_transformation(),
            operation="statement",
            library="python",
            inputs=[Entity(node.entity, node.kind, "", list(node.columns)) for node in inputs],
            outputs=[Entity(output.entity, output.kind, name, list(output.columns))],
        )
    )
