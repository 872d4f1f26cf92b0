"""The words of SQL lineage: tables, columns, origins, and the lineage of one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from governed_kernel.lineage.events import Evidence, Relation
from governed_kernel.lineage.relations import DIRECT, combined

__all__ = [
    "DIRECT",
    "EVERY",
    "FUNCTION",
    "NONE",
    "PARAMETER",
    "VALUE",
    "Column",
    "Known",
    "Lineage",
    "Macro",
    "Origin",
    "Origins",
    "Schemas",
    "Table",
    "column",
    "enclosed_by",
    "parameter",
    "through",
    "variable",
]

EVERY = "*"
"""The name of columns that nobody can name yet: of a table without a known schema, of a pivot."""


PARAMETER = "$"
"""The function of what stands for a given value."""
VARIABLE = "getvariable"
"""The function of what stands for a value that was kept."""
FUNCTION = "create_function"
"""The function of what stands for all that a user's function has within reach."""
VALUE = "0"
"""The column of a single value."""


class Table(NamedTuple):
    """Something that a statement reads or writes, as the statement names it."""

    name: tuple[str, ...] = ()
    """``(catalog, schema, table)``, or the last of them; a file where a dialect takes files."""
    function: str = ""
    """Name of a table function in lower case, such as ``read_csv``; else empty."""
    arguments: tuple[str, ...] = ()
    """Text literals among the function's arguments without a name: files, addresses."""
    columns: tuple[str, ...] = ()
    """Names of columns that the function's arguments give, where it makes them."""
    text: str = ""
    """The function's call as it is written."""


class Known(NamedTuple):
    """What is known of a table."""

    columns: tuple[str, ...] | None = None
    definition: str = ""
    """A view's query: its lineage goes through to the tables below."""
    generated: tuple[tuple[str, str], ...] = ()
    """Columns that the table makes of others, with their expressions; nobody inserts them."""


class Macro(NamedTuple):
    """An SQL macro: parameters and what stands for its call."""

    parameters: tuple[str, ...]
    definition: str
    """An expression, or of a table macro a query."""


class Schemas:
    """What the database knows; a subclass asks it. Nothing is known here."""

    def table(self, table: Table) -> Known | None:  # noqa: ARG002 - for subclasses
        """What is known of a table, None where it is not even there."""
        return None

    def macro(self, name: str) -> Macro | None:  # noqa: ARG002 - for subclasses
        """The macro of that name, if there is one."""
        return None

    def encloses(self, name: str) -> bool:  # noqa: ARG002 - for subclasses
        """Whether a user's function of that name has data within reach."""
        return False


class Origin(NamedTuple):
    """A column of a table, and what it is for."""

    table: Table
    column: str
    relation: Relation = "IDENTITY"
    evidence: Evidence = "observed"


Origins: TypeAlias = frozenset[Origin]
NONE: Origins = frozenset()


def parameter(name: str) -> Table:
    """What stands for the value that is given for ``$name``; of nobody's tables is it one."""
    return Table(function=PARAMETER, text=name)


def variable(name: str) -> Table:
    """What stands for the value that a connection keeps under a name (``getvariable``)."""
    return Table(function=VARIABLE, text=name.lower())


def enclosed_by(function: str) -> Table:
    """What stands for all that a user's function has within reach beside its arguments."""
    return Table(function=FUNCTION, text=function.lower())


@dataclass(frozen=True, slots=True)
class Column:
    """A column and everything it owes to, what decided its rows included."""

    name: str
    origins: Origins = NONE
    fields: Mapping[str, Column] | None = None
    """Of a struct whose making was seen: its fields."""


def column(name: str, origins: Origins, like: Column | None = None) -> Column:
    """A column with the fields of another."""
    return Column(name, origins, like.fields if like is not None else None)


def through(relation: Relation, origins: Origins, evidence: Evidence = "observed") -> Origins:
    """`origins` as seen from behind one more step.

    `capture.relations` says which of both relations counts.
    """
    if relation == "IDENTITY" and evidence == "observed":
        return origins
    found = []
    for origin in origins:
        kept = combined(relation, origin.relation)
        sure = origin.evidence if evidence == "observed" else evidence
        found.append(Origin(origin.table, origin.column, kept, sure))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Lineage:
    """What one statement does."""

    kind: str
    """``select``, ``insert``, ``create table``, ``copy to``, ``attach`` …, or ``other``."""
    sql: str
    """The statement's own text; it may hold secrets."""
    reads: tuple[Table, ...] = ()
    target: Table | None = None
    """What is written, made, attached or dropped."""
    columns: tuple[Column, ...] = ()
    """Of the result, or of the target."""
    rows: Origins = NONE
    """What decided which rows there are; all that a constant owes to."""
    keeps: bool = False
    """What the target held before is still in it."""
    result: bool = False
    """Whether the statement hands rows back."""
    options: Mapping[str, str] = field(default_factory=dict)
    uncertain: bool = False
    """A name was taken for an alias that may be a column of a table without known columns."""
    reason: str = ""
    """Why the columns can't be told; empty when they can."""

    def bind(self, names: Sequence[str]) -> tuple[Column, ...]:
        """The columns under the names that they really got, in order.

        Columns that only their number tells apart are taken by place. Where `EVERY` stands for
        several, what is left between the others is matched by name.
        """
        every = [place for place, made in enumerate(self.columns) if made.name == EVERY]
        if not every:
            if len(self.columns) != len(names):
                return ()
            pairs = zip(names, self.columns, strict=True)
            return tuple([column(name, made.origins, made) for name, made in pairs])
        first, after = every[0], len(self.columns) - every[-1] - 1
        if len(names) < first + after:
            return ()
        last = len(names) - after
        found = [
            column(name, made.origins, made)
            for name, made in zip(names[:first], self.columns[:first], strict=True)
        ]
        inside = self.columns[first : every[-1] + 1]
        found += [_any_of(name, inside) for name in names[first:last]]
        tail = zip(names[last:], self.columns[every[-1] + 1 :], strict=True)
        return (*found, *[column(name, made.origins, made) for name, made in tail])


def _any_of(name: str, inside: Sequence[Column]) -> Column:
    """A column of which only the name is known: one that bears it, else what `EVERY` may be."""
    for made in inside:
        if made.name.lower() == name.lower():
            return column(name, made.origins, made)
    return one_of_every(name, [made for made in inside if made.name == EVERY])


def one_of_every(name: str, candidates: Sequence[Column]) -> Column:
    """The column `name` of something unknown; of several unknown things it may be any's."""
    # What all of them owe to is certain, whichever it is.
    shared = frozenset.intersection(*[made.origins for made in candidates])
    found: set[Origin] = set()
    for made in candidates:
        for origin in made.origins:
            sure: Evidence = "observed" if origin in shared else "conservative"
            # What decided by all columns still decides by all.
            own = origin.column == EVERY and origin.relation in DIRECT
            named = origin._replace(column=name) if own else origin
            found |= through("IDENTITY", frozenset([named]), sure)
    return Column(name, frozenset(found))
