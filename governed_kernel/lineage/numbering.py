"""How rows are numbered, so that many workspaces fill one store and none waits for another.

Each workspace of a store has a range of its own for sessions, transformations and entities, and
which workspace a row is of can be read off its number. The workspace that a file belongs to is
number 0; in a lake, which belongs to nobody, they count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "LAST_WORKSPACE",
    "Numbers",
    "of_resource",
    "of_session",
    "of_thing",
    "workspace_of_resource",
]

_SESSION_BITS = 20
_THING_BITS = 48
LAST_WORKSPACE = (1 << 31 - _SESSION_BITS) - 1
"""Number of the last workspace that a store has room for."""


@dataclass(frozen=True)
class Numbers:
    """The numbers of one workspace.

    Attributes
    ----------
    workspace_no : int
    """

    workspace_no: int

    @property
    def sessions(self) -> tuple[int, int]:
        """First and last number of its sessions."""
        first = self.workspace_no << _SESSION_BITS
        return first, first + (1 << _SESSION_BITS) - 1

    @property
    def things(self) -> tuple[int, int]:
        """First and last number of its transformations, and of its things in memory."""
        first = self.workspace_no << _THING_BITS
        return first, first + (1 << _THING_BITS) - 1

    def variables(self) -> list[str]:
        """Statements that tell a connection the numbers that what follows is about."""
        (first, last), (low, high) = self.sessions, self.things
        named = {"first_session": first, "last_session": last, "first": low, "last": high}
        return [f"SET VARIABLE own_{name} = {number}" for name, number in named.items()]


def of_session(session_no: str) -> str:
    """The workspace's number from a session's, as SQL."""
    return f"({session_no} >> {_SESSION_BITS})"


def of_thing(number: str) -> str:
    """The workspace's number from that of a transformation or a thing in memory, as SQL."""
    return f"({number} >> {_THING_BITS})"


def of_resource(entity_no: str) -> str:
    """The workspace's number from a resource's, which is negative, as SQL."""
    return f"((-{entity_no}) >> {_THING_BITS})"


def workspace_of_resource(entity_no: int) -> int:
    """The workspace's number from a resource's, which is negative."""
    return -entity_no >> _THING_BITS
