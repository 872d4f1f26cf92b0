"""Turns the lineage of statements into steps on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from governed_kernel.capture.adapters.duckdb.catalog import Source
from governed_kernel.capture.adapters.duckdb.files import common_folder
from governed_kernel.capture.adapters.duckdb.plans import Plan
from governed_kernel.capture.memory import memory_of
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Column, Lineage, Origin, Origins, Table
from governed_kernel.capture.sql.steps import Cell, link
from governed_kernel.capture.steps import MOST_EDGES, Step

__all__ = ["Flow", "distinct_names", "record_query"]


def distinct_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names as DuckDB hands them to dataframes: the second ``a`` is ``a_1``."""
    taken, found = set[str](), list[str]()
    for name in names:
        fresh, number = name, 1
        while fresh in taken:
            fresh, number = f"{name}_{number}", number + 1
        taken.add(fresh)
        found.append(fresh)
    return tuple(found)


class Flow(Step):
    """A step whose inputs are the sources of a plan."""

    __slots__ = ("plan",)

    def __init__(self, observation: Observation, observed: Observed, plan: Plan) -> None:
        super().__init__(observation, observed)
        self.plan = plan

    def owe(
        self, columns: Iterable[Column], rows: Origins = frozenset(), *, whole: bool = True
    ) -> None:
        """Let the output's columns owe to what their origins are; all of them to `rows`.

        Unless the columns are the `whole` output, what they share concerns only them.
        """
        also = sorted(self._read & set(self.plan.sources))
        link(self, columns, rows, self._place, also, whole=whole)

    @property
    def _read(self) -> set[Table]:
        return {table for lineage in self.plan.lineages for table in lineage.reads}

    def _place(self, table: Table, names: tuple[str, ...]) -> Mapping[str, Sequence[Cell]]:
        """The real columns behind those of a table, which thereby is an input."""
        source = self.plan.sources.get(table)
        if source is None:
            missed = self.plan.known.instance.missed
            if table in self.plan.unknown and table not in missed:
                missed.add(table)
                name = ".".join(table.name) or table.text
                self.observation.lost("duckdb", LookupError(f"nobody found the table {name}"))
            return {}
        if source.seen is not None:
            found: dict[str, Sequence[Cell]] = {}
            for name in names:
                cells = source.seen.cells.get(name, ())
                if name == "*":
                    cells = tuple(cell for each in source.seen.cells.values() for cell in each)
                found[name] = [(node, column, source.seen.evidence) for node, column in cells]
            for cells in source.seen.cells.values():
                for node, _ in cells[:50]:
                    self.take(node)
            return found
        node = self._outside(source, names)
        return {name: [(node, name, "observed")] for name in names}

    def _outside(self, source: Source, names: tuple[str, ...]) -> Node:
        """Files or a table outside; several files are first read into something of its own."""
        columns = tuple(name for name in names if name != "*")
        if len(source.uris) == 1:
            return self.external(source.uris[0], columns, source.kind)
        if not source.uris:
            return self.take(Node(self.observation.new_entity(), source.kind, columns))
        step = Step(self.observation, self.observed)
        step.operation = "read files"
        if len(source.uris) * len(names) > MOST_EDGES:
            step.same(step.external(common_folder(list(source.uris)), names, "folder"))
        else:
            for uri in source.uris:
                step.same(step.external(uri, names))
        return self.take(step.finish(None, "files", names))

    def owe_anything(self, names: Sequence[str]) -> None:
        """What could not be read: every column may owe to every column that went in."""
        for table, source in self.plan.sources.items():
            if table not in self._read and self._read:
                continue
            if source.seen is not None:
                nodes = {n.entity: n for cells in source.seen.cells.values() for n, _ in cells}
                for node in nodes.values():
                    columns = node.columns or ("*",)
                    self.product(tuple(names), node, columns, "TRANSFORMATION", "conservative")
            else:
                node = self._outside(source, ("*",))
                self.product(tuple(names), node, ("*",), "TRANSFORMATION", "conservative")


def record_query(
    observation: Observation,
    observed: Observed,
    plan: Plan,
    lineage: Lineage,
    output: Any,
    kind: str,
    names: Sequence[str],
) -> Node:
    """The step from what a query reads to its result, which `output` is (or None)."""
    distinct = distinct_names(names)
    if lineage.kind in ("explain", "explain analyze", "describe"):
        # Plans and names are no data.
        node = Node(observation.new_entity(), kind, distinct)
        if output is not None:
            observation.registry.put(output, node)
        return node
    # Whatever is asked again of the same things in a cell gives the same.
    asked = ("duckdb", plan.shape, lineage.kind, distinct, _sources(plan))
    memory = memory_of(observation)
    if (again := memory.nodes.get(asked)) is not None:
        if output is not None:
            observation.registry.put(output, again)
        return again
    flow = Flow(observation, observed, plan)
    columns = () if lineage.reason else lineage.bind(names)
    if columns or not names:
        renamed = [Column(name, made.origins) for name, made in zip(distinct, columns, strict=True)]
        flow.owe(renamed)
    else:
        flow.owe_anything(distinct)
    node = flow.finish(output, kind, distinct)
    if node.entity not in memory.shared.values():
        memory.nodes[asked] = node
    return node


def _sources(plan: Plan) -> tuple[Any, ...]:
    """What the tables of a statement are, in short."""
    return tuple(
        source.uris
        if source.seen is None
        else tuple(node.entity for cells in source.seen.cells.values() for node, _ in cells[:1])
        for source in plan.sources.values()
    )


def origins_from(table: Table, names: Iterable[str]) -> list[Column]:
    """Columns that are those of a table as they are."""
    return [Column(name, frozenset([Origin(table, name)])) for name in names]
