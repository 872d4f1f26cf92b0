"""What the names in a query stand for: the tables of its FROM, and the queries around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from governed_kernel.capture.sql.model import (
    EVERY,
    NONE,
    Column,
    Origins,
    column,
    one_of_every,
    through,
)

__all__ = ["Binding", "Relation", "Scope"]

_WITHOUT_ORIGIN = {"rowid", "filename", "file_row_number", "file_index", "oid", "ctid"}
"""Columns that tables have without being asked."""


@dataclass(frozen=True, slots=True)
class Relation:
    """The rows of a query or a table: columns, each with all that it owes to."""

    columns: tuple[Column, ...]
    rows: Origins = NONE
    """What decided which rows there are: a constant owes to it."""

    def renamed(self, names: Sequence[str]) -> Relation:
        """With the first columns under other names."""
        if not names:
            return self
        fresh = [
            column(name, made.origins, made)
            for name, made in zip(names, self.columns, strict=False)
        ]
        if any(made.name == EVERY for made in self.columns[: len(names)]):
            # `EVERY` may stand for several: only for one table is it known which names it has.
            stars = [made for made in self.columns if made.name == EVERY]
            fresh = []
            for name in names:
                # The new name is not the one that it had.
                guessed = through("IDENTITY", one_of_every(name, stars).origins, "conservative")
                fresh.append(Column(name, guessed))
            return Relation(tuple(fresh), self.rows)
        return Relation((*fresh, *self.columns[len(names) :]), self.rows)

    def decided(self, by: Origins) -> Relation:
        """After a step that decides which rows there are, or in which order."""
        if not by:
            return self
        columns = [column(made.name, made.origins | by, made) for made in self.columns]
        return Relation(tuple(columns), self.rows | by)

    def everything(self) -> Origins:
        """The origins of all columns."""
        return NONE.union(*[made.origins for made in self.columns])

    def values(self) -> Relation:
        """Only what its columns are made of, and nothing of which rows there are."""
        columns = [column(made.name, made.origins - self.rows, made) for made in self.columns]
        return Relation(tuple(columns))


@dataclass(frozen=True, slots=True)
class Binding:
    """A relation under the name it has in a query."""

    name: tuple[str, ...]
    """In lower case; the parts of a table's name, or an alias alone."""
    relation: Relation

    def is_called(self, parts: Sequence[str]) -> bool:
        """Whether `parts` (in lower case) name it."""
        return bool(parts) and tuple(parts) == self.name[len(self.name) - len(parts) :]


@dataclass(slots=True)
class Scope:
    """The names that an expression may use."""

    bindings: list[Binding] = field(default_factory=list)
    parent: Scope | None = None
    rows: Origins = NONE
    merged: dict[str, Column] = field(default_factory=dict)
    """Columns that USING made one of two."""
    aliases: dict[str, Column] = field(default_factory=dict)
    """Outputs that other expressions may name."""
    ungrouped: Scope | None = None
    """The scope before GROUP BY, where the arguments of aggregates are looked up."""
    grouped: Origins = NONE
    """What decided since about the groups, and which rows are in one."""
    alias_first: bool = False
    """ORDER BY and the like look at outputs before tables."""
    local: frozenset[str] = frozenset()
    """Parameters of a lambda, which are no columns."""
    doubts: list[str] = field(default_factory=list)
    """Names that were taken for aliases, though a table without known columns may have them."""
    ctes: dict[str, Relation] = field(default_factory=dict)
    windows: dict[str, Any] = field(default_factory=dict)

    def decide(self, by: Origins) -> None:
        """A step decides which rows there are."""
        if not by:
            return
        self.bindings = [Binding(item.name, item.relation.decided(by)) for item in self.bindings]
        self.merged = {
            name: column(made.name, made.origins | by, made) for name, made in self.merged.items()
        }
        self.rows |= by
        if self.ungrouped is not None:
            self.grouped |= by

    def values(self) -> Scope:
        """The same names as a query within sees them: as the values of a row that is there."""
        return replace(
            self,
            bindings=[Binding(item.name, item.relation.values()) for item in self.bindings],
            parent=self.parent.values() if self.parent is not None else None,
            rows=NONE,
            merged=_without(self.merged, self.rows),
            aliases=_without(self.aliases, self.rows),
        )

    def cte(self, name: str) -> Relation | None:
        """The query that WITH gave this name, here or around."""
        scope: Scope | None = self
        while scope is not None:
            if (found := scope.ctes.get(name.lower())) is not None:
                return found
            scope = scope.parent
        return None

    def window(self, name: str) -> Any:
        """The window that a WINDOW clause gave this name."""
        scope: Scope | None = self
        while scope is not None:
            if (found := scope.windows.get(name.lower())) is not None:
                return found
            scope = scope.parent
        return None

    # --- one column -------------------------------------------------------------------------

    def find(self, parts: Sequence[str]) -> Column | None:
        """What a name of one part or more stands for; None when nothing here has it."""
        lower = [part.lower() for part in parts]
        if len(parts) == 1 and lower[0] in self.local:
            return Column(parts[0])
        if self.alias_first and len(parts) == 1 and lower[0] in self.aliases:
            return self.aliases[lower[0]]
        found = self._in_tables(parts, lower)
        if found is None and len(parts) == 1:
            found = self.aliases.get(lower[0])
            if found is not None and self._is_open():
                self.doubts.append(parts[0])
        if found is None and self.parent is not None:
            found = self.parent.find(parts)
        return found

    def _in_tables(self, parts: Sequence[str], lower: list[str]) -> Column | None:
        # The longest part of the name that is a table's comes first, then columns and fields.
        for length in range(min(len(parts) - 1, 3), 0, -1):
            for binding in self.bindings:
                if binding.is_called(lower[:length]):
                    made = _named(binding.relation, parts[length])
                    if made is not None:
                        return _field(made, parts[length + 1 :])
        made = self._unqualified(parts[0])
        if made is not None and (len(parts) == 1 or not _is_unknown(made)):
            return _field(made, parts[1:])
        if len(parts) == 1:
            for binding in self.bindings:
                if binding.is_called(lower):
                    return _whole(parts[0], binding.relation)
        return _field(made, parts[1:]) if made is not None else None

    def _unqualified(self, name: str) -> Column | None:
        lower = name.lower()
        if lower in self.merged:
            return self.merged[lower]
        unknown: list[Column] = []
        for binding in self.bindings:
            for made in binding.relation.columns:
                if made.name == EVERY:
                    unknown.append(made)
                elif made.name.lower() == lower:
                    return made
        if unknown and lower not in self.aliases:
            made = one_of_every(name, unknown)
            outer = self.parent.find([name]) if self.parent is not None else None
            if outer is None or not outer.origins or _is_unknown(outer):
                return made
            # It may be a column of the query around it as well as one of the unknown table.
            either = through("IDENTITY", made.origins | outer.origins, "conservative")
            return Column(name, either)
        if lower in _WITHOUT_ORIGIN and self.bindings:
            return Column(name, self.rows)
        return None

    def _is_open(self) -> bool:
        return any(
            made.name == EVERY for binding in self.bindings for made in binding.relation.columns
        )

    def owner(self, parts: Sequence[str]) -> int | None:
        """Which of the tables here a name belongs to; None where that is not certain."""
        lower = [part.lower() for part in parts]
        for length in range(min(len(parts) - 1, 3), 0, -1):
            for place, binding in enumerate(self.bindings):
                if binding.is_called(lower[:length]):
                    return place
        open_ones = []
        for place, binding in enumerate(self.bindings):
            names = {made.name.lower() for made in binding.relation.columns}
            if lower[0] in names:
                return place
            if EVERY in names:
                open_ones.append(place)
        return open_ones[0] if len(open_ones) == 1 else None

    # --- stars ------------------------------------------------------------------------------

    def every(self, qualifier: Sequence[str] = ()) -> Iterator[Column]:
        """The columns of ``*`` or of ``table.*``."""
        lower = [part.lower() for part in qualifier]
        seen: set[str] = set()
        for binding in self.bindings:
            if qualifier and not binding.is_called(lower):
                continue
            for made in binding.relation.columns:
                name = made.name.lower()
                if not qualifier and name in self.merged:
                    if name not in seen:
                        seen.add(name)
                        yield self.merged[name]
                    continue
                yield made

    def has(self, qualifier: Sequence[str]) -> bool:
        """Whether one of the tables here is called so."""
        lower = [part.lower() for part in qualifier]
        return any(binding.is_called(lower) for binding in self.bindings)


def _without(columns: dict[str, Column], rows: Origins) -> dict[str, Column]:
    return {name: column(made.name, made.origins - rows, made) for name, made in columns.items()}


def _is_unknown(made: Column) -> bool:
    return any(origin.evidence == "conservative" for origin in made.origins)


def _named(relation: Relation, name: str) -> Column | None:
    lower = name.lower()
    for made in relation.columns:
        if made.name.lower() == lower and made.name != EVERY:
            return made
    unknown = [made for made in relation.columns if made.name == EVERY]
    if unknown:
        return one_of_every(name, unknown)
    return Column(name, relation.rows) if lower in _WITHOUT_ORIGIN else None


def _whole(name: str, relation: Relation) -> Column:
    """A table's name as an expression: its row as a struct."""
    fields = {made.name.lower(): made for made in relation.columns if made.name != EVERY}
    return Column(name, through("TRANSFORMATION", relation.everything()), fields)


def _field(made: Column, names: Sequence[str]) -> Column:
    """What is inside a struct: the field if its making was seen, else a part of the whole."""
    for name in names:
        inner = made.fields.get(name.lower()) if made.fields is not None else None
        if inner is None:
            return Column(names[-1], through("TRANSFORMATION", made.origins))
        made = inner
    return made
