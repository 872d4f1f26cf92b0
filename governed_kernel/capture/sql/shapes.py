"""PIVOT and UNPIVOT: rows become columns, and columns rows."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from governed_kernel.capture.sql.expressions import all_of, name_parts, value_of
from governed_kernel.capture.sql.model import EVERY, NONE, Column, column, through
from governed_kernel.capture.sql.outputs import columns_named, outputs_of
from governed_kernel.capture.sql.reading import Reading
from governed_kernel.capture.sql.scopes import Relation, Scope

__all__ = ["reshaped"]


def reshaped(node: exp.Pivot, scope: Scope, reading: Reading) -> Relation:
    """What a PIVOT or an UNPIVOT makes of the tables in `scope`."""
    if node.args.get("unpivot"):
        return _unpivoted(node, scope, reading)
    return _pivoted(node, scope, reading)


def _pivoted(node: exp.Pivot, scope: Scope, reading: Reading) -> Relation:
    """Groups keep their columns; the values of others become columns, whose names come later.

    ``PIVOT t ON a USING sum(b)``, and ``t PIVOT (sum(b) FOR a IN (…))``.
    """
    fields = node.args.get("fields") or []
    if fields:
        across = [field.this for field in fields if isinstance(field, exp.In)]
        values = node.expressions
    else:
        across = [part.this if isinstance(part, exp.In) else part for part in node.expressions]
        values = [part for part in node.args.get("using") or [] if part is not None]
    decided_by = all_of(across, scope, reading)
    made = [value_of(value, scope, reading).origins for value in values]
    used = _names([*across, *values])
    group = node.args.get("group")
    if group is not None:
        select = exp.Select(expressions=list(group.expressions))
        groups = outputs_of(select, scope, reading)
    else:
        groups = [one for one in scope.every() if one.name.lower() not in used]
    keys = through("GROUP_BY", decided_by | NONE.union(*[one.origins for one in groups]))
    columns = [column(one.name, one.origins | keys, one) for one in groups]
    # Without USING the cells are counts; of several aggregates only the names will tell.
    names = [part.name for part in node.args.get("columns") or []] if len(made) == 1 else []
    columns += [
        Column(name, cells | keys) for cells in made or [scope.rows] for name in names or [EVERY]
    ]
    return Relation(tuple(columns), scope.rows | keys)


def _names(nodes: Iterable[exp.Expression]) -> set[str]:
    return {
        name_parts(found)[-1].lower()
        for node in nodes
        for found in ([node] if isinstance(node, exp.Column) else node.find_all(exp.Column))
    }


def _unpivoted(node: exp.Pivot, scope: Scope, reading: Reading) -> Relation:
    """Columns under each other: one column for their names, one for their values."""
    into = node.args.get("into")
    fields = node.args.get("fields") or []
    if fields:
        field = fields[0]
        name = field.this.name
        values = [part.name for item in node.expressions for part in _parts(item)]
        listed = list(field.expressions)
    else:
        name = into.this.name if into is not None else "name"
        values = [part.name for part in into.expressions] if into is not None else ["value"]
        listed = list(node.expressions)
    rows = [_unpivot_row(item, scope, reading) for item in listed]
    spread = [row for group in rows for row in group]
    taken = {made.name.lower() for row in spread for made in row}
    kept = [one for one in scope.every() if one.name.lower() not in taken]
    columns = list(kept)
    columns.append(Column(name, scope.rows))
    for place, value in enumerate(values):
        origins = NONE.union(*[row[place].origins for row in spread if place < len(row)])
        columns.append(Column(value, origins))
    relation = Relation(tuple(columns), scope.rows)
    if node.args.get("include_nulls"):
        return relation
    # Rows without a value are left out.
    missing = NONE.union(*[made.origins for row in spread for made in row])
    return relation.decided(through("FILTER", missing))


def _parts(item: exp.Expression) -> list[exp.Expression]:
    return list(item.expressions) if isinstance(item, exp.Tuple) else [item]


def _unpivot_row(item: exp.Expression, scope: Scope, reading: Reading) -> list[list[Column]]:
    """The columns whose values come into one row; of COLUMNS, each into a row of its own."""
    if isinstance(item, exp.Alias):
        item = item.this
    if isinstance(item, (exp.Columns, exp.Star)):
        chosen = item if isinstance(item, exp.Columns) else exp.Columns(this=item)
        return [[one] for one in columns_named(chosen, scope, reading)]
    row = []
    for part in _parts(item):
        found = scope.find(name_parts(part)) if isinstance(part, exp.Column) else None
        if found is None:
            found = column(part.name, value_of(part, scope, reading).origins)
        row.append(found)
    return [row]
