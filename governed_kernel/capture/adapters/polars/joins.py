"""Joins: each column comes from its side, and the keys decide which rows meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from governed_kernel.capture.adapters.polars.expressions import Expressions
from governed_kernel.capture.adapters.polars.origins import Origins, Table, united

__all__ = ["joined", "side_by_side"]


def joined(
    view: Any, left: Table, right: Table, expressions: Expressions, names: Sequence[str]
) -> Table | None:
    """The table that a join makes; None when its columns can't be told apart.

    Parameters
    ----------
    view : Join
        polars' view of the step.
    names : sequence of str
        The columns that come out.
    """
    how, _, _, suffix, coalesce, *_ = view.options
    rows, left_keys, right_keys = _keys(view, how, left, right, expressions)
    kind = str(how[0] if isinstance(how, tuple) else how)
    if kind in ("Semi", "Anti"):
        return Table(_with_rows(left), rows, united(left.inherited, rows))
    pairs = _pairs(str(suffix or "_right"), bool(coalesce), kind, left_keys, right_keys)
    columns: dict[str, Origins] = {}
    fields: dict[str, dict[str, Origins]] = {}
    for name, sides in pairs(list(left.columns), list(right.columns)).items():
        tables = [(left if side == "left" else right, column) for side, column in sides]
        columns[name] = united(*[table.full(column) for table, column in tables])
        if len(tables) == 1 and (known := tables[0][0].full_fields(tables[0][1])):
            fields[name] = known
    if set(columns) != set(names):
        return None
    if view.predicate is not None:
        made = Table(columns)
        condition = expressions.value(view.predicate.node, made)
        rows = united(rows, made.decided("JOIN", condition.origins))
    inherited = united(left.inherited, right.inherited, rows)
    return Table({name: columns[name] for name in names}, rows, inherited, fields)


def _with_rows(table: Table) -> dict[str, Origins]:
    return {name: table.full(name) for name in table.columns}


def _keys(
    view: Any, how: Any, left: Table, right: Table, expressions: Expressions
) -> tuple[Origins, list[str], list[str]]:
    """What decides which rows meet, and the names of the keys."""
    rows: Origins = {}
    names: tuple[list[str], list[str]] = ([], [])
    for keys, table, found in ((view.left_on, left, names[0]), (view.right_on, right, names[1])):
        expressions.frame = view.input_left if table is left else view.input_right
        for key in keys:
            value = expressions.value(key.node, table)
            own = bool(expressions.store.columns(key.node))
            rows = united(rows, table.decided("JOIN", value.origins, own=own))
            found.append(str(key.output_name))
    if isinstance(how, tuple) and how[0] == "AsOf":
        # As-of joins: the groups in which the nearest is looked for.
        _, _, _, _, by_left, by_right, *_ = how
        for columns, table in ((by_left, left), (by_right, right)):
            for column in columns or ():
                rows = united(rows, table.decided("JOIN", table.columns.get(column, {})))
        names[0].extend(by_left or ())
        names[1].extend(by_right or ())
        if not _same_names(view):
            # The times themselves stay apart; only the groups are one column.
            del names[0][: len(view.left_on)], names[1][: len(view.right_on)]
    return rows, *names


def _same_names(view: Any) -> bool:
    return [key.output_name for key in view.left_on] == [key.output_name for key in view.right_on]


def _pairs(
    suffix: str, coalesce: bool, how: str, left_keys: list[str], right_keys: list[str]
) -> Any:
    """How output columns follow from those of the sides: name → sides that give its values."""

    def pairs(ours: list[str], theirs: list[str]) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        if how == "Right":
            dropped = set(left_keys) if coalesce else set()
            for name in ours:
                if name not in dropped:
                    found[name] = [("left", name)]
            for name in theirs:
                found[name + suffix if name in found else name] = [("right", name)]
            return found
        for name in ours:
            found[name] = [("left", name)]
        dropped = set(right_keys) if coalesce else set()
        for name in theirs:
            if name not in dropped:
                found[name + suffix if name in found else name] = [("right", name)]
        if how == "Full" and coalesce:
            for mine, other in zip(left_keys, right_keys, strict=True):
                found.setdefault(mine, []).append(("right", other))
        return found

    return pairs


def side_by_side(tables: Sequence[Table], names: Sequence[str]) -> Table | None:
    """Frames put beside each other."""
    columns: dict[str, Origins] = {}
    fields: dict[str, dict[str, Origins]] = {}
    for table in tables:
        columns.update(_with_rows(table))
        fields.update({name: table.full_fields(name) for name in table.fields})
    if set(columns) != set(names):
        return None
    inherited = united(*[table.inherited for table in tables])
    return Table({name: columns[name] for name in names}, None, inherited, fields)
