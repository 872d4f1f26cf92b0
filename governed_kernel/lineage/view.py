"""What a public view of the lineage store is made of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Column", "View", "columns"]


@dataclass(frozen=True)
class Column:
    """One column of a public view."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True)
class View:
    """One public view.

    Attributes
    ----------
    query : str
        Its SELECT over the tables of the schema ``base``.
    from_ledger : bool
        Whether its rows are handed over by the governance side, from the verified ledger.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    query: str
    from_ledger: bool = False


_TYPES = {"": "VARCHAR", "n": "BIGINT", "t": "TIMESTAMP", "l": "VARCHAR[]", "f": "DOUBLE"}
_TYPES |= {"b": "BOOLEAN", "j": "JSON"}


def columns(text: str) -> tuple[Column, ...]:
    """Columns from lines of ``name: comment`` or ``name/type: comment``."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        head, _, comment = line.partition(": ")
        name, _, kind = head.partition("/")
        found.append(Column(name, _TYPES[kind], comment))
    return tuple(found)
