"""Tables of an SQLite database in memory, which are things of this process as frames are.

What a statement selects of one is known column by column; what is inserted owes to what its
statement mentions, where no query gives it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from governed_kernel.capture.formatted import formatted_with
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Known, Schemas, Table, lineage_of
from governed_kernel.capture.sql.model import EVERY, Lineage
from governed_kernel.capture.sql.steps import Cell, link
from governed_kernel.capture.steps import Step, Unasked

__all__ = ["RESULT", "Tables", "known_as"]

RESULT = "result"
"""Kind of what a query gave, before anybody has fetched it."""
_REMOVALS = ("drop table", "drop view")
_CHANGES = ("insert", "update", "create table", "create view")
_ALTERATIONS = ("update", "delete")
_MANY = 1_000


class _Rows:
    """Stands in for what a cursor gives, which nobody can follow."""


class Tables(Schemas):
    """The tables of one database in memory.

    Parameters
    ----------
    observation : Observation
    """

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._nodes: dict[str, Node] = {}

    def table(self, table: Table) -> Known | None:
        """What is known of one: its columns, where they were told."""
        node = self._nodes.get(_name(table))
        return Known(node.columns) if node is not None and node.columns else None

    def follow(self, sql: str) -> None:
        """A statement is executed."""
        for made in lineage_of(sql, "sqlite", self):
            target = made.target
            if made.result:
                self._selects(made, formatted_with(self._observation, sql))
            elif target is None or not target.name:
                continue
            elif made.kind in _REMOVALS:
                self._nodes.pop(_name(target), None)
            elif made.kind in _ALTERATIONS and self._node(target).columns:
                self._alters(made, target)
            elif made.kind in _CHANGES:
                self._changes(made, target)

    def _selects(self, made: Lineage, put_in: Sequence[Node]) -> None:
        names = tuple(each.name for each in made.columns)
        step = self._step(made, names)
        for node in put_in:  # which columns use it nobody tells
            step.product(names, node, node.columns or (EVERY,), "TRANSFORMATION", "conservative")
        if step.inputs:
            step.finish(_Rows(), RESULT, names)

    def _changes(self, made: Lineage, target: Table) -> None:
        node, doings = self._node(target), self._observation.doings
        if made.reads:
            columns = tuple(each.name for each in made.columns)
            if made.kind == "insert":  # its places are those of the table
                columns = node.columns if len(node.columns) == len(columns) else ()
            self._nodes[_name(target)] = node = node._replace(columns=columns or node.columns)
            step = self._step(made, columns)
            step.record([(node, _name(target))])
        elif doings and made.kind != "create view":
            doings[-1].written[node.entity] = "sql"

    def _alters(self, made: Lineage, target: Table) -> None:
        """Rows are changed or removed: what stays owes to what it was, and to what decided."""
        before, doings = self._node(target), self._observation.doings
        step = Step(self._observation, Unasked("sqlite3.execute", "sqlite3"))
        step.same(before)
        link(step, made.columns, made.rows, lambda *asked: self._cells(step, *asked), whole=False)
        node = before._replace(entity=self._observation.new_entity())
        self._nodes[_name(target)] = node
        step.record([(node, _name(target))])
        if doings:  # what its parameters are, the notebook's statement has to tell
            doings[-1].written[node.entity] = "sql"
            doings[-1].explained.discard(node.entity)

    def _step(self, made: Lineage, names: tuple[str, ...]) -> Step:
        """What the columns of these names owe to."""
        step = Step(self._observation, Unasked("sqlite3.execute", "sqlite3"))
        names = names or (EVERY,)
        columns = made.bind(names) if not made.reason else ()
        if columns:
            link(step, columns, frozenset(), lambda *asked: self._cells(step, *asked))
            return step
        for table in made.reads:
            node = self._node(table)
            step.product(names, node, node.columns or (EVERY,), "TRANSFORMATION", "conservative")
        return step

    def _cells(
        self, step: Step, table: Table, wanted: tuple[str, ...]
    ) -> Mapping[str, Sequence[Cell]]:
        if not table.name:
            return {}
        node = step.take(self._node(table))
        return {name: [(node, name, "observed")] for name in wanted}

    def _node(self, table: Table) -> Node:
        name = _name(table)
        if name not in self._nodes:
            node = self._nodes[name] = Node(self._observation.new_entity(), "table", ())
            written = _written(self._observation)
            if len(written) >= _MANY:
                written.clear()
            written[node.entity] = self, name
        return self._nodes[name]

    def know(self, name: str, columns: tuple[str, ...]) -> Node:
        """Let a table that was written have these columns."""
        self._nodes[name] = self._nodes[name]._replace(columns=columns)
        return self._nodes[name]


def known_as(observation: Observation, name: str, columns: tuple[str, ...]) -> Node | None:
    """The table of that name which the statement has written into a database in memory."""
    written = _written(observation)
    for entity in observation.doings[-1].written if observation.doings else ():
        tables, called = written.get(entity, (None, ""))
        if tables is not None and called == name.lower():
            return tables.know(called, columns)
    return None


def _written(observation: Observation) -> dict[str, tuple[Tables, str]]:
    """Entities of tables → where they are, and by which name."""
    found: dict[str, tuple[Tables, str]] = observation.__dict__.setdefault("_sqlite_tables", {})
    return found


def _name(table: Table) -> str:
    return table.name[-1].lower() if table.name else ""
