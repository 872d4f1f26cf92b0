"""From the lineage of SQL to the links of a step on record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import quote

from governed_kernel.capture.registry import Node
from governed_kernel.capture.sql import Known, Schemas, Table, lineage_of
from governed_kernel.capture.sql.model import DIRECT, EVERY, PARAMETER, Column, Lineage, Origins
from governed_kernel.capture.steps import Step
from governed_kernel.lineage.events import Evidence, Relation

__all__ = ["Cell", "external_name", "link", "owe_query", "table_uri"]

Cell: TypeAlias = tuple[Node, str, Evidence]
"""A real column behind one of a table: node, column there, how certain that is."""

_DEFAULTS = ("main", "public", "dbo")
"""Schemas that a table's name on record leaves out."""


def external_name(name: Sequence[str]) -> str:
    """A table's name as the record spells it: with its schema, if that is not the usual one."""
    schema, table = (name[-2] if len(name) > 1 else ""), name[-1]
    whole = table if not schema or schema.lower() in _DEFAULTS else f"{schema}.{table}"
    return quote(whole, safe=".")


def table_uri(database: str, name: Sequence[str]) -> str:
    """The entity of a table in a database outside the process."""
    return f"{database}#{external_name(name)}"


def link(
    step: Step,
    columns: Iterable[Column],
    rows: Origins,
    place: Callable[[Table, tuple[str, ...]], Mapping[str, Sequence[Cell]]],
    also: Iterable[Table] = (),
    *,
    whole: bool = True,
) -> None:
    """Let the columns of the step's output owe to what their origins are, and all to `rows`.

    Parameters
    ----------
    place : callable
        Makes a table an input of the step and finds the real columns behind the named ones.
    also : iterable of Table
        Tables that went in though no column owes to them (a count, a cross join).
    whole : bool
        Whether the output has no other columns: then what all share is said once, of its rows.
    """
    columns = list(columns)
    wanted: defaultdict[Table, dict[str, None]] = defaultdict(dict)
    for origins in (*[made.origins for made in columns], rows):
        for origin in sorted(origins):
            wanted[origin.table][origin.column] = None
    for table in also:
        wanted.setdefault(table, {})
    places = {table: place(table, tuple(names)) for table, names in wanted.items()}
    shared = (_shared(columns) if whole else frozenset()) | rows
    links: defaultdict[tuple[str, Relation, Evidence], dict[tuple[str, str], None]]
    links = defaultdict(dict)
    for made in columns:
        for origin in sorted(made.origins - shared):
            for node, column, evidence in places[origin.table].get(origin.column, ()):
                sure = _weakest(origin.evidence, evidence)
                links[node.entity, origin.relation, sure][made.name, column] = None
    for (entity, relation, sure), pairs in links.items():
        step.links.append((entity, relation, sure, tuple(pairs)))
    decided: dict[Any, None] = {}
    for origin in sorted(shared):
        for node, column, evidence in places[origin.table].get(origin.column, ()):
            sure = _weakest(origin.evidence, evidence)
            decided[node.entity, column, origin.relation, sure] = None
    step.rows += decided


def _shared(columns: Sequence[Column]) -> Origins:
    """What all columns owe to indirectly is what decided the rows."""
    if not columns:
        return frozenset()
    shared = set(columns[0].origins).intersection(*[made.origins for made in columns[1:]])
    return frozenset(origin for origin in shared if origin.relation not in DIRECT)


def _weakest(first: Evidence, second: Evidence) -> Evidence:
    return min(first, second, key=("conservative", "inferred", "observed").index)


# --- databases outside -----------------------------------------------------------------------


class _Asked(Schemas):
    """Columns as a database tells them, asked once a table."""

    def __init__(self, columns_of: Callable[[tuple[str, ...]], Sequence[str] | None]) -> None:
        self._columns_of = columns_of
        self._known: dict[tuple[str, ...], Known | None] = {}

    def table(self, table: Table) -> Known | None:
        if table.function:
            return None
        if table.name not in self._known:
            found = self._columns_of(table.name)
            self._known[table.name] = Known(tuple(found)) if found else None
        return self._known[table.name]


def owe_query(
    step: Step,
    database: str,
    sql: str,
    names: tuple[str, ...],
    dialect: str,
    columns_of: Callable[[tuple[str, ...]], Sequence[str] | None] | None = None,
) -> None:
    """Let the output of `step` owe to what `sql` read from a database outside the process.

    Parameters
    ----------
    database : str
        Canonical URI; its tables are ``DATABASE#TABLE``.
    names : tuple of str
        The columns that came.
    dialect : str
        The name that sqlglot has for it.
    columns_of : callable, optional
        The columns of a table, asked only where names alone don't settle it.
    """
    lineage = _single(sql, dialect, None) if dialect else None
    if dialect and columns_of is not None and (lineage is None or _is_unsure(lineage)):
        lineage = _single(sql, dialect, _Asked(columns_of))

    def place(table: Table, wanted: tuple[str, ...]) -> Mapping[str, Sequence[Cell]]:
        if table.function == PARAMETER:
            return {}
        uri = table_uri(database, table.name) if table.name else database
        own = tuple(name for name in wanted if name != EVERY)
        node = step.external(uri, own, "table")
        return {name: [(node, name, "observed")] for name in wanted}

    if lineage is not None:
        names = _in_order(lineage, names)
    columns = lineage.bind(names) if lineage is not None and not lineage.reason else ()
    if lineage is not None and (columns or not names):
        link(step, columns, frozenset(), place, lineage.reads)
        return
    node = step.external(database, (), "table")
    step.product(names, node, (EVERY,), "TRANSFORMATION", "conservative")


def _in_order(lineage: Lineage, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names in the query's order: a dataframe may have put some of them into its index."""
    own = tuple(made.name for made in lineage.columns)
    return own if sorted(own) == sorted(names) else names


def _single(sql: str, dialect: str, schemas: Schemas | None) -> Lineage | None:
    """The one query in `sql`; None where there is another number of them."""
    made = [each for each in lineage_of(sql, dialect, schemas) if each.result]
    return made[0] if len(made) == 1 else None


def _is_unsure(lineage: Lineage) -> bool:
    """Whether the columns of unknown tables would make a difference."""
    if lineage.uncertain or lineage.reason:
        return True
    return any(
        origin.evidence == "conservative"
        or (origin.column == EVERY and origin.relation != "IDENTITY")
        for made in lineage.columns
        for origin in made.origins
    )
