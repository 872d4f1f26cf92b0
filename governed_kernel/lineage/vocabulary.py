"""What all events are made of: their base, and the words of their fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeAlias

import msgspec

__all__ = [
    "AND_MEMBERSHIP",
    "NOT_BY_VALUE",
    "OF_ROWS",
    "Component",
    "ComponentOrNone",
    "Event",
    "Evidence",
    "JournalOpened",
    "Moment",
    "Operation",
    "PayloadDigest",
    "Relation",
    "ReleaseName",
    "ResourceKind",
    "Sha256",
    "now",
    "openlineage_word",
]

PayloadDigest: TypeAlias = str
"""SHA-256 over a random 16-byte salt followed by the UTF-8 text; both lie in the payload file."""

Operation: TypeAlias = Literal["read", "write", "delete", "connect", "execute"]
ResourceKind: TypeAlias = Literal["file", "sql", "http", "socket", "process", "model", "dataset"]
Evidence: TypeAlias = Literal["observed", "inferred", "conservative", "unexplained", "ambiguous"]
Relation: TypeAlias = Literal[
    "IDENTITY",
    "TRANSFORMATION",
    "AGGREGATION",
    "JOIN",
    "GROUP_BY",
    "FILTER",
    "SORT",
    "WINDOW",
    "PARTITION",
    "CONDITIONAL",
    "TRANSFORMATION AND MEMBERSHIP",
    "AGGREGATION AND MEMBERSHIP",
    "JOIN AND MEMBERSHIP",
    "GROUP_BY AND MEMBERSHIP",
    "FILTER AND MEMBERSHIP",
    "SORT AND MEMBERSHIP",
    "WINDOW AND MEMBERSHIP",
    "PARTITION AND MEMBERSHIP",
    "CONDITIONAL AND MEMBERSHIP",
]
"""OpenLineage's words, and what records know besides; whoever shows it says `openlineage_word`.

By what the rows of a window are parted (PARTITION) is told apart from what orders them (WINDOW).
Where it has become a value whether something is among the rows of an input (``isin``), so has what
chose these rows (FILTER): such a word says AND MEMBERSHIP, and keeps what was decided, which is all
that counts where that value decides rows again. By what rows meet, are together or are ordered
chooses none of them."""
AND_MEMBERSHIP = " AND MEMBERSHIP"
"""The end of a relation by which it is told as well which rows the input has."""
OF_ROWS: tuple[Relation, ...] = ("JOIN", "FILTER", "GROUP_BY", "SORT")
"""Relations of a column by which rows are joined, left out, put together or ordered."""
NOT_BY_VALUE: tuple[Relation, ...] = (
    *OF_ROWS,
    "PARTITION",
    "JOIN AND MEMBERSHIP",
    "GROUP_BY AND MEMBERSHIP",
    "SORT AND MEMBERSHIP",
    "PARTITION AND MEMBERSHIP",
)
"""Relations by which no value of a column goes on. What a condition chooses, a place in an order
and being among rows that were chosen are values: these do."""


def openlineage_word(relation: str) -> str:
    """What OpenLineage calls a relation."""
    if relation == "FILTER AND MEMBERSHIP":
        return "CONDITIONAL"
    plain = relation.removesuffix(AND_MEMBERSHIP)
    return "WINDOW" if plain == "PARTITION" else plain


Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone; one without can't be compared, and is understood by nobody."""


Component: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[^./\x00][^/\x00]{0,254}\Z")]
"""A name that becomes part of a path: one component of it, which leads nowhere else.

Not every record is signed, and whoever hands over a workspace may have written all of them: what
is decoded is held to this before anything is made of it.
"""
ComponentOrNone: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"\A([^./\x00][^/\x00]{0,254})?\Z")
]
ReleaseName: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,62}@[1-9][0-9]{0,8}\Z")
]
"""``NAME@VERSION`` of a release."""
Sha256: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""A digest by which content is found: 64 hexadecimal digits; it becomes part of a path too."""


def now() -> datetime:
    """The current time in UTC, as events carry it."""
    return datetime.now(UTC)


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", gc=False):
    """Any recorded fact: its type by a tag, the version of its schema, and when it was.

    Facts are in no cycles: the garbage collector need not look at the many that a session makes.
    """

    schema: int = 1
    occurred_at: Moment = msgspec.field(default_factory=now)


class JournalOpened(Event, frozen=True, kw_only=True, tag="journal-opened"):
    """First record of every journal and of the ledger: what it is, so that none can be swapped."""

    workspace_id: ComponentOrNone
    """None for a session of a folder that is no workspace yet."""
    journal: Component
    """``ledger`` or the session's id."""
