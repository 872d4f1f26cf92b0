"""One step of a lineage: what went in, what came out, which column owes what to which.

A rule builds a `Step`, and `Step.finish` names the output and records the step. A loop that
repeats the same step over the same inputs makes one record, not a million: the lineage of the
second result is that of the first, so it gets the same entity. Where each turn of a loop makes
new inputs, results of one place in the code share an entity after `memory.PATIENCE` turns, and
their edges are marked conservative.
"""

from __future__ import annotations

from typing import Any, TypeAlias, cast

from governed_kernel.capture.memory import PATIENCE, memory_of
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed
from governed_kernel.capture.overlooked import owe_to_overlooked
from governed_kernel.capture.registry import Influence, Node
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.works import Work
from governed_kernel.lineage.events import ColumnEdge, Entity, Evidence, Relation, Transformation
from governed_kernel.lineage.relations import DIRECT

__all__ = [
    "MOST_EDGES",
    "MOST_WORKS",
    "Step",
    "Unasked",
]

_MOST_INFLUENCES = 64
MOST_EDGES = 4_000
MOST_WORKS = 2_000

Link: TypeAlias = tuple[str, Relation, Evidence, tuple[tuple[str, str], ...]]
"""Input entity, relation, evidence, and pairs of output column and input column."""


class Unasked:
    """Stands in for an observed call where a step has another cause, such as a hook."""

    def __init__(self, operation: str, library: str) -> None:
        self.operation = operation
        self.library = library
        self.call = self
        self.site = (0, 0)


class Step:
    """Collects one transformation.

    Parameters
    ----------
    observation : Observation
    observed : Observed or Unasked
        The call that did it.
    """

    __slots__ = (
        "base",
        "facts",
        "inputs",
        "links",
        "named",
        "observation",
        "observed",
        "opened",
        "operation",
        "reached",
        "rows",
    )

    def __init__(self, observation: Observation, observed: Observed | Unasked) -> None:
        self.observation = observation
        self.observed = cast("Observed", observed)  # rules of hooks ask for no more than it has
        self.operation = observed.operation
        self.inputs: dict[str, Node] = {}
        self.links: list[Link] = []
        self.named: list[tuple[Node, tuple[str, ...]]] = []
        self.rows: list[Influence] = []
        self.base: Node | None = None
        """The input whose rows these are, where others only hand over values."""
        self.facts: dict[str, Any] = {}
        self.opened: dict[str, None] = {}
        self.reached: set[int] = set()
        """`identity` of the user's functions of which it was asked what they have within reach, and
        of other things that a rule has followed where `Registry` does not know them."""

    # --- what goes in -----------------------------------------------------------------------

    def node(self, thing: Any, kind: str, columns: tuple[str, ...]) -> Node:
        """The node of `thing`; what was never seen gets one, without an origin."""
        known = self.observation.registry.get(thing)
        if known is not None and known.columns == columns:
            return known
        return self._unseen(thing, kind, columns, known)

    def _unseen(self, thing: Any, kind: str, columns: tuple[str, ...], stale: Node | None) -> Node:
        if stale is not None and not stale.columns:
            # What its statement told of the whole holds for each of its columns.
            node = stale._replace(kind=kind, columns=columns)
            self.observation.registry.put(thing, node)
            return node
        memory = memory_of(self.observation)
        place = ("unseen", kind, columns)
        if memory.again(place):
            entity = memory.shared.get(place) or self.observation.new_entity()
            memory.shared[place] = entity
        else:
            entity = self.observation.new_entity()
        node = Node(entity, kind, columns)
        self.observation.registry.put(thing, node)
        if stale is None:
            if self.observation.doings:
                self.observation.doings[-1].unseen.add(entity)
        else:
            # It was changed in a way that no observer saw: all columns may owe to all.
            change = Step(self.observation, self.observed)
            change.operation = "changed unseen"
            change.product(
                columns, stale, stale.columns or ("*",), "TRANSFORMATION", "conservative"
            )
            change.record([(node, "")])
        return node

    def take(self, node: Node) -> Node:
        """Count `node` among the inputs."""
        self.inputs[node.entity] = node
        return node

    def external(self, uri: str, columns: tuple[str, ...], kind: str = "file") -> Node:
        """Something outside the process as an input."""
        return self.take(Node(uri, kind, columns))

    def open(self, columns: tuple[str, ...] = ("*",)) -> None:
        """Say that something went in that can't be followed; its statement tells what it may be.

        Parameters
        ----------
        columns : tuple of str
            Of the output, where it went in.
        """
        self.opened.update(dict.fromkeys(columns))

    @property
    def is_open(self) -> bool:
        """Whether something went in that can't be followed."""
        return bool(self.opened or self._unseen_inputs())

    def _unseen_inputs(self) -> set[str]:
        """Entities that went in, and that nobody saw being made."""
        doings = self.observation.doings
        return doings[-1].unseen.intersection(self.inputs) if doings else set()

    # --- which column owes what to which ----------------------------------------------------

    def same(
        self,
        node: Node,
        columns: tuple[str, ...] | None = None,
        relation: Relation = "IDENTITY",
        evidence: Evidence = "observed",
    ) -> None:
        """Each of `columns` that the input has comes from the input's column of that name."""
        self.take(node)
        if columns is None or columns == node.columns:
            kept = node.columns
        else:
            there = frozenset(node.columns)
            kept = tuple([column for column in columns if column in there])
        if kept:
            self.links.append(
                (node.entity, relation, evidence, tuple(zip(kept, kept, strict=True)))
            )

    def pairs(
        self,
        node: Node,
        pairs: Any,
        relation: Relation = "IDENTITY",
        evidence: Evidence = "observed",
    ) -> None:
        """Output column and input column, pair by pair."""
        self.take(node)
        if pairs := tuple(pairs):
            self.links.append((node.entity, relation, evidence, pairs))

    def product(
        self,
        outputs: tuple[str, ...],
        node: Node,
        inputs: tuple[str, ...],
        relation: Relation = "TRANSFORMATION",
        evidence: Evidence = "observed",
    ) -> None:
        """Each of `outputs` owes to each of `inputs`."""
        self.take(node)
        if outputs and inputs:
            if len(outputs) * len(inputs) > MOST_EDGES:
                pairs, evidence = ((tuple((out, "*") for out in outputs)), "conservative")
            else:
                pairs = tuple([(out, into) for out in outputs for into in inputs])
            self.links.append((node.entity, relation, evidence, pairs))

    def decides(
        self,
        node: Node,
        columns: tuple[str, ...],
        relation: Relation,
        evidence: Evidence = "observed",
    ) -> None:
        """These columns decide which rows there are, or in which order."""
        self.take(node)
        self.rows += [(node.entity, column, relation, evidence) for column in columns]

    def chosen_by(self, thing: Any) -> None:
        """Columns were chosen by the names in `thing`, of which no value goes on."""
        node = self.observation.registry.get(thing)
        if node is not None and self.observation.doings:
            self.observation.doings[-1].chosen.append(node.entity)

    def names(self, node: Node, columns: tuple[str, ...]) -> None:
        """The output's columns are called by values of these: a pivot's, a transposed frame's."""
        there = tuple(column for column in columns if column in node.columns or not node.columns)
        if columns := there:
            self.named.append((node, columns))

    # --- what comes out ---------------------------------------------------------------------

    def finish(
        self,
        output: Any,
        kind: str,
        columns: tuple[str, ...],
        *,
        extra: Any = None,
        rows_in: int = -1,
        rows_out: int = -1,
        patient: bool = False,
        variant: str = "",
        fresh: bool = False,
    ) -> Node:
        """Name `output` and record the step, unless the same one is on record already.

        Parameters
        ----------
        patient : bool
            Every turn of a loop is a record of its own: for files, models and the like.
        variant : str
            Tells apart several outputs of one call that owe the same to the same.
        fresh : bool
            Something that can't be followed went in as well, so no two results are the same.
        """
        if output is not None and self.observation.doings:
            owe_to_overlooked(self, columns)
            self.observation.doings[-1].asked.clear()
        memory = memory_of(self.observation)
        site = self.observed.call.site
        made = (self.operation, kind, columns, variant)
        key: Any = (*made, tuple(self.inputs), tuple(self.links), tuple(self.rows))
        if not self.inputs:
            key = (site, *key)
        tired = not patient and memory.turns.get(site, 0) >= PATIENCE
        node = None if fresh and not tired else memory.nodes.get(key)
        if node is None:
            entity = ""
            if not patient and memory.again(site):
                place = (site, self.operation, kind, columns)
                entity = memory.shared.get(place) or self.observation.new_entity()
                memory.shared[place] = entity
                self.links = [(i, r, "conservative", p) for i, r, _, p in self.links if i != entity]
            if len(set(columns)) != len(columns):
                self._mingle(columns)
            self.inherit(columns)
            entity = entity or self.observation.new_entity()
            node = Node(entity, kind, columns, self._influences())
            memory.nodes[key] = node
            if output is not None and (self.inputs or self.is_open):
                self._note(node)
            if self.inputs:
                self.record([(node, "")], rows_in, rows_out)
        if self.named or self.observation.names:
            self._tell_names(node)
        if extra is not None:
            node = node._replace(extra=extra)
        if output is None:
            if self.observation.doings:
                self.observation.doings[-1].ended.update(self.inputs)
        elif not self.observation.registry.put(output, node):
            self.observation.scalars.keep(output, node)
        return node

    def _tell_names(self, node: Node) -> None:
        """Put on record which values the output's columns are called by; what is made of it keeps
        them.
        """
        names = self.observation.names
        if node.entity in names:
            return
        if not self.named:
            kept = dict.fromkeys(name for each in self.inputs for name in names.get(each, ()))
            if kept:
                names[node.entity] = tuple(kept)
            return
        naming = Step(self.observation, self.observed)
        naming.operation = f"{self.operation}: names"
        for source, columns in self.named:
            naming.product((VALUE,), source, columns, "IDENTITY")
        named = Node(self.observation.new_entity(), "index", (VALUE,))
        names[node.entity] = (named,)
        naming.record([(named, "")])

    def _mingle(self, columns: tuple[str, ...]) -> None:
        """Columns of one name are one to the record: each may be what any of them is."""
        sources: dict[str, set[tuple[str, str]]] = {}
        for entity, relation, _, pairs in self.links:
            for out, into in pairs if relation in DIRECT else ():
                sources.setdefault(out, set()).add((entity, into))
        mixed = {
            name for name, found in sources.items() if len(found) > 1 and columns.count(name) > 1
        }
        links: list[Link] = []
        for entity, relation, evidence, pairs in self.links:
            sure = tuple([pair for pair in pairs if pair[0] not in mixed])
            rest = tuple([pair for pair in pairs if pair[0] in mixed])
            links += [(entity, relation, evidence, sure)] if sure else []
            links += [(entity, relation, "conservative", rest)] if rest else []
        self.links = links

    def _note(self, node: Node) -> None:
        doings = self.observation.doings
        if doings:
            doings[-1].made.add(node.entity)
            doings[-1].computed |= node.kind == "value"
        if doings and len(doings[-1].works) < MOST_WORKS:
            unseen = self._unseen_inputs()
            for entity, _, _, pairs in self.links if unseen else ():
                if entity in unseen:
                    self.open(tuple(out for out, _ in pairs))
            if unseen and any(entity in unseen for entity, *_ in self.rows):
                self.open()
            opened = ("*",) if "*" in self.opened else tuple(self.opened)
            inputs = tuple(self.inputs.values())
            variables = self.observation.variables
            inside = variables.inside() if variables is not None and opened else None
            doings[-1].works.append(Work(inputs, node, opened, inside=inside))

    def inherit(self, columns: tuple[str, ...]) -> None:
        """A column without values from somewhere still has the rows of what it was added to."""
        linked = {out for _, rel, _, pairs in self.links if rel in DIRECT for out, _ in pairs}
        bare = tuple([column for column in columns if column not in linked])
        if not bare:
            return
        inherited = dict.fromkeys(row for node in self._givers() for row in node.rows)
        inherited = {row: None for row in inherited if row not in self.rows}
        if bare == columns:
            self.rows += inherited
        elif len(bare) * len(inherited) > MOST_EDGES:
            self.rows += [(node, into, word, "conservative") for node, into, word, _ in inherited]
        else:
            for entity, into, relation, evidence in inherited:
                pairs = tuple([(column, into) for column in bare])
                self.links.append((entity, relation, evidence, pairs))

    def _influences(self) -> tuple[Influence, ...]:
        rows = dict.fromkeys(self.rows)
        for node in self._givers():
            rows.update(dict.fromkeys(node.rows))
        return tuple(rows)[:_MOST_INFLUENCES]

    def _givers(self) -> list[Node]:
        """The inputs that have to do with the rows; of those that only decide, that counts."""
        if self.base is not None:
            return [self.base]
        giving = {entity for entity, relation, _, _ in self.links if relation in DIRECT}
        if not giving:
            return list(self.inputs.values())
        deciding = {entity for entity, *_ in (*self.rows, *self.links)} - giving
        return [node for entity, node in self.inputs.items() if entity not in deciding]

    def record(
        self, outputs: list[tuple[Node, str]], rows_in: int = -1, rows_out: int = -1
    ) -> None:
        """Emit the step as it stands, with outputs (node and name) that are named already."""
        cell = self.observation.cell()
        if self._unseen_inputs():
            # What is written of a thing that nobody knows: its statement tells what it may be.
            for written, _ in outputs:
                if not written.entity.startswith("memory:"):
                    opened = tuple(out for _, _, _, pairs in self.links for out, _ in pairs)
                    self.observation.doings[-1].works.append(Work((), written, opened or ("*",)))
        if self.observation.doings and self.inputs:
            named = (node.entity for node in (*self.inputs.values(), *(out for out, _ in outputs)))
            self.observation.doings[-1].explained.update(named)
            for written, _ in outputs:
                if not written.entity.startswith("memory:"):
                    into = self.observation.doings[-1].into.setdefault(written.entity, set())
                    into.update(self.inputs)
        edges = [
            ColumnEdge(node.entity, out, entity, into, relation, evidence)
            for node, _ in outputs
            for entity, relation, evidence, pairs in self.links
            for out, into in pairs
        ]
        edges += [
            ColumnEdge(node.entity, "*", entity, column, relation, evidence)
            for node, _ in outputs
            for entity, column, relation, evidence in self.rows
            if entity != node.entity
        ]
        self.observation.emitter.emit(
            Transformation(
                execution=cell.execution,
                cell_id=cell.cell_id,
                transformation_id=self.observation.new_transformation(),
                operation=self.operation,
                library=self.observed.library,
                inputs=[
                    Entity(n.entity, n.kind, "", list(n.columns)) for n in self.inputs.values()
                ],
                outputs=[Entity(n.entity, n.kind, name, list(n.columns)) for n, name in outputs],
                rows_in=rows_in,
                rows_out=rows_out,
                columns=edges,
                facts=self.facts,
            )
        )
