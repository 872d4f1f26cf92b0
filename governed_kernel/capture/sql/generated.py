"""Columns that a table makes of its others: ``GENERATED ALWAYS AS (…)``."""

from __future__ import annotations

from sqlglot import exp

from governed_kernel.capture.sql.expressions import value_of
from governed_kernel.capture.sql.model import Table, column
from governed_kernel.capture.sql.parsing import tree_of
from governed_kernel.capture.sql.reading import Reading
from governed_kernel.capture.sql.scopes import Binding, Relation, Scope

__all__ = ["generated_columns", "with_generated"]


def generated_columns(target: exp.Expression, reading: Reading) -> list[tuple[str, str]]:
    """Columns that a table makes of its others, with their expressions."""
    found = []
    for defined in target.find_all(exp.ColumnDef):
        for kind in (part.args.get("kind") for part in defined.args.get("constraints") or []):
            made = None
            if isinstance(kind, exp.GeneratedAsIdentityColumnConstraint):
                made = kind.args.get("expression")
            elif isinstance(kind, exp.ComputedColumnConstraint):
                made = kind.this
            if isinstance(made, exp.Expression):
                found.append((defined.name, made.sql(dialect=reading.dialect)))
    return found


def with_generated(
    table: Table, relation: Relation, others: Relation, reading: Reading
) -> Relation:
    """With the columns that the table makes of these; `others` are those that aren't given."""
    known = reading.schemas.table(table)
    if known is None or not known.generated:
        return relation
    own = {name.lower() for name, _ in known.generated}
    there = {made.name.lower(): made for made in (*others.columns, *relation.columns)}
    row = Relation(tuple([made for name, made in there.items() if name not in own]))
    scope, columns = Scope([Binding((table.name[-1].lower(),), row)]), list(relation.columns)
    for name, text in known.generated:
        value = tree_of(f"SELECT {text}", reading.dialect).expressions[0]
        columns.append(column(name, value_of(value, scope, reading).origins))
    return Relation(tuple(columns), relation.rows)
