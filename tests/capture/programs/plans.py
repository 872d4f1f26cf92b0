"""A program in the making: its frames, and what each column of them owes to.

The rules of composition are written here once more, apart from those of the product: they are what
its answers are held against.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

__all__ = [
    "SCHEMAS",
    "Column",
    "Frame",
    "Origins",
    "Program",
    "Value",
    "behind",
    "listed",
    "members",
    "shown",
]

Origins: TypeAlias = frozenset[tuple[str, str]]
"""Pairs of a source (``table.column``) and a relation."""

SCHEMAS = {
    "visits": {"id": "i", "ward": "s", "age": "i", "cost": "f", "day": "d", "note": "s"},
    "wards": {"name": "s", "beds": "i", "floor": "i", "share": "f"},
    "people": {"person": "i", "town": "s", "size": "f", "born": "d"},
}
"""Tables, their columns and kinds: integers, numbers that may be missing, texts, days."""
_DIRECT = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")
_OF_ROWS = ("JOIN", "GROUP_BY", "FILTER", "SORT")
_KNOWN = "known by "
"""Begins what chose the rows of another frame, where it is a value which rows these are."""


def listed(names: Iterable[str]) -> str:
    """Names as Python's texts, one beside the other."""
    return ", ".join(f'"{name}"' for name in names)


def behind(relation: str, *several: Origins) -> Origins:
    """Origins as seen through one more relation: what has decided rows has, whatever follows."""
    return frozenset((source, _behind(relation, far)) for each in several for source, far in each)


def members(values: Origins) -> Origins:
    """What it owes to that something is among these values: it tells what chose their rows."""
    return frozenset(
        (source, _KNOWN + word if word == "FILTER" else word)
        for source, word in behind("TRANSFORMATION", values)
    )


def shown(word: str) -> str:
    """What OpenLineage calls a relation: what is known by a value has chosen that value."""
    if word.startswith(_KNOWN):
        return "CONDITIONAL"
    return "WINDOW" if word == "PARTITION" else word


def _behind(near: str, far: str) -> str:
    if far.startswith(_KNOWN):
        if near in _OF_ROWS:  # rows are decided by what decided rows, as without the value
            return far.removeprefix(_KNOWN)
        return "PARTITION" if near == "PARTITION" else far
    if near in _DIRECT and far in _DIRECT:
        return max(near, far, key=_DIRECT.index)
    if far in _OF_ROWS or near in _DIRECT:
        return far
    return "PARTITION" if near not in _OF_ROWS and "PARTITION" in (near, far) else near


class Column(NamedTuple):
    """A column of a frame: its kind, and all it owes to."""

    kind: str
    origins: Origins

    def also(self, by: Origins) -> Column:
        """The same, and one thing more that it owes to."""
        return Column(self.kind, self.origins | by)


class Value(NamedTuple):
    """An expression over one frame, in each dialect."""

    kind: str
    origins: Origins
    pandas: str
    polars: str
    duckdb: str

    @property
    def is_bare(self) -> bool:
        """Whether it is made of no values: then it is there because the rows are."""
        return not any(relation in _DIRECT for _, relation in self.origins)


@dataclass
class Frame:
    """A table in the middle of a program.

    Attributes
    ----------
    rows : Origins
        All that ever decided which rows there are: what a column owes to that owes to no value.
    """

    name: str
    columns: dict[str, Column]
    rows: Origins = frozenset()

    def of_kind(self, kinds: str) -> list[str]:
        """Columns of some kinds."""
        return [name for name, column in self.columns.items() if column.kind in kinds]

    def value(self, name: str) -> Value:
        """A column as an expression."""
        kind, origins = self.columns[name]
        return Value(kind, origins, f'{self.name}["{name}"]', f'pl.col("{name}")', name)

    def everything(self, names: Iterable[str] | None = None) -> Origins:
        """What several columns owe to together."""
        names = self.columns if names is None else names
        return frozenset().union(*[self.columns[name].origins for name in names])

    def decided(self, by: Origins) -> Frame:
        """The same columns on rows that something decides about."""
        columns = {name: column.also(by) for name, column in self.columns.items()}
        return Frame(self.name, columns, self.rows | by)


@dataclass
class Program:
    """Steps of one program in each dialect, and the frames that they make."""

    chance: random.Random
    frames: list[Frame] = field(default_factory=list)
    pandas: list[str] = field(default_factory=list)
    polars: list[str] = field(default_factory=list)
    queries: list[tuple[str, str]] = field(default_factory=list)
    """Name and query of each frame."""
    words: list[str] = field(default_factory=list)
    """What was done, for whoever reads a disagreement."""
    joins: int = 0
    _named: int = 0

    def new_name(self) -> str:
        """A column that no frame has."""
        self._named += 1
        return f"c{self._named}"

    def add(self, word: str, frame: Frame, pandas: str, polars: str, duckdb: str) -> Frame:
        """One step: expressions that make a frame, and a query.

        What pandas does in several statements begins with ``made = ``.
        """
        name = f"x{len(self.queries) + 1}"
        made = Frame(name, frame.columns, frame.rows)
        self.frames.append(made)
        changed = pandas.startswith("made = ")
        self.pandas.append(pandas.replace("made", name) if changed else f"{name} = {pandas}")
        self.polars.append(f"{name} = {polars}")
        self.queries.append((name, duckdb))
        self.words.append(word)
        return made

    def beginning(self, steps: int) -> Program:
        """The first steps alone: to find the one that goes wrong."""
        return Program(
            self.chance,
            self.frames[: steps + len(SCHEMAS)],
            self.pandas[:steps],
            self.polars[:steps],
            self.queries[:steps],
            self.words[:steps],
        )
