"""What the columns of one step of a plan owe to the things that the plan began with.

A plan is many steps at once, so they are composed here as the store composes recorded ones (see
`relations`); the evidence is that of the least certain step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Link
from governed_kernel.lineage.events import Evidence, Relation
from governed_kernel.lineage.relations import DIRECT, combined

__all__ = [
    "Fields",
    "Origins",
    "Source",
    "Table",
    "anything_of",
    "leaf_table",
    "links_of",
    "through",
    "united",
]

Source: TypeAlias = tuple[str, str, Relation]
"""Entity, column and relation."""
Origins: TypeAlias = dict[Source, Evidence]

_CERTAINTY: tuple[Evidence, ...] = ("conservative", "inferred", "observed")


def through(relation: Relation, origins: Origins, evidence: Evidence = "observed") -> Origins:
    """`origins` as seen from behind one more edge."""
    if relation == "IDENTITY" and evidence == "observed":
        return origins
    found: Origins = {}
    for (entity, column, far), known in origins.items():
        source = (entity, column, combined(relation, far))
        weakest = known if evidence == "observed" else min(known, evidence, key=_CERTAINTY.index)
        found[source] = _surest(found.get(source), weakest)
    return found


def anything_of(node: Node) -> Origins:
    """All of something that a function may use."""
    columns = node.columns or ("*",)
    return {(node.entity, column, "TRANSFORMATION"): "conservative" for column in columns}


def united(*several: Origins) -> Origins:
    """All of them; of several ways with one relation, the surest."""
    together = [origins for origins in several if origins]
    if len(together) <= 1:
        return together[0] if together else {}
    found = dict(together[0])
    for origins in together[1:]:
        for source, evidence in origins.items():
            found[source] = _surest(found.get(source), evidence)
    return found


def _surest(one: Evidence | None, two: Evidence) -> Evidence:
    return two if one is None else max(one, two, key=_CERTAINTY.index)


class Fields(dict[str, dict[str, Origins]]):
    """What the fields of a frame's structs owe to, kept with its node, which is hashed."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)


class Table:
    """A frame in the middle of a plan.

    Attributes
    ----------
    columns : dict of str to Origins
        What the values of each column owe to.
    rows : Origins
        What decided which rows there are: it concerns every column.
    inherited : Origins
        All that decided rows anywhere before, for columns that have no origin of their own.
    fields : dict of str to dict of str to Origins
        Of columns that are structs, what each field owes to, where that is known.
    """

    __slots__ = ("columns", "fields", "inherited", "rows")

    def __init__(
        self,
        columns: dict[str, Origins],
        rows: Origins | None = None,
        inherited: Origins | None = None,
        fields: dict[str, dict[str, Origins]] | None = None,
    ) -> None:
        self.columns = columns
        self.rows: Origins = rows or {}
        self.inherited: Origins = inherited or {}
        self.fields: dict[str, dict[str, Origins]] = fields or {}

    def full(self, column: str) -> Origins:
        """What a column owes to, with what decided its rows."""
        return united(self.columns.get(column, {}), self.rows)

    def every(self, columns: Iterable[str] | None = None) -> Origins:
        """What several columns (all of them) owe to together."""
        names = self.columns if columns is None else columns
        return united(*[self.columns.get(name, {}) for name in names])

    def decided(self, relation: Relation, origins: Origins, *, own: bool = False) -> Origins:
        """`origins` of this table's own values, as something that decides by `relation`.

        Parameters
        ----------
        own : bool
            It is of this table's columns even if these owe to no value.
        """
        rows = self.rows if origins or own else {}
        return united(through(relation, origins), through(relation, rows))

    def full_fields(self, column: str) -> dict[str, Origins]:
        """What the fields of a struct owe to, with what decided its rows; empty if unknown."""
        known = self.fields.get(column, {})
        return {name: united(origins, self.rows) for name, origins in known.items()}

    def with_rows(self, added: Origins) -> Table:
        """The same columns, with one more thing that decided rows."""
        if not added:
            return self
        rows = united(self.rows, added)
        return Table(self.columns, rows, united(self.inherited, added), self.fields)

    def with_columns(
        self,
        columns: dict[str, Origins],
        fields: dict[str, dict[str, Origins]] | None = None,
        rows: Origins | None = None,
    ) -> Table:
        """Other columns on the same rows; one without an origin is there because the rows are."""
        decided = united(self.rows, rows) if rows else self.rows
        inherited = united(self.inherited, rows) if rows else self.inherited
        if inherited:
            known = {id(origins) for origins in self.columns.values()}
            columns = {
                name: origins
                if id(origins) in known or _has_values(origins)
                else united(origins, inherited)
                for name, origins in columns.items()
            }
        return Table(columns, decided, inherited, fields)


def _has_values(origins: Origins) -> bool:
    """Whether something comes in by its values, and with them what decided its rows."""
    return any(relation in DIRECT for _, _, relation in origins)


def leaf_table(node: Node, columns: Iterable[str]) -> Table:
    """A thing in memory, or outside, as the plan reads it."""
    inherited: Origins = {(entity, column, rel): how for entity, column, rel, how in node.rows}
    fields = node.extra if isinstance(node.extra, Fields) else {}
    own: dict[str, Origins] = {
        column: {(node.entity, column, "IDENTITY"): "observed"} for column in columns
    }
    return Table(own, None, inherited, fields)


def links_of(
    table: Table, columns: Iterable[str], leaves: Sequence[tuple[Node, Table]] = ()
) -> Iterator[Link]:
    """The columns of a table as links of a step.

    Parameters
    ----------
    leaves : sequence
        Tables that it may have begun with: what it has of theirs needs no closer look.
    """
    pairs: dict[tuple[str, Relation, Evidence], list[tuple[str, str]]] = {}
    rows, own = table.rows, table.columns
    rest = columns = list(columns)
    for node, leaf in leaves:
        untouched = leaf.columns
        same = [name for name in rest if own.get(name) is untouched.get(name, own)]
        if same:
            rest = [name for name in rest if own.get(name) is not untouched.get(name, own)]
            yield node.entity, "IDENTITY", "observed", tuple(zip(same, same, strict=True))
    for column in rest:
        for (entity, source, relation), evidence in own.get(column, _NOTHING).items():
            # What decides the rows concerns the column as well, and needs no second edge.
            if rows and rows.get((entity, source, relation)) in (evidence, "observed"):
                continue
            key = entity, relation, evidence
            if key in pairs:
                pairs[key].append((column, source))
            else:
                pairs[key] = [(column, source)]
    for (entity, relation, evidence), found in pairs.items():
        yield entity, relation, evidence, tuple(found)


_NOTHING: Origins = {}
