"""What several routes are asked with."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = [
    *("MOST_ROWS", "Count", "Listed", "Offset", "Place", "Release", "Remembered", "Signed"),
]

MOST_ROWS = 1_000
Count = Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)]
Offset = Annotated[int, msgspec.Meta(ge=0)]


class Place(msgspec.Struct, kw_only=True):
    """Which workspace is meant.

    Attributes
    ----------
    path : str
        A notebook or folder, as the server's file browser names it: the nearest workspace above.
    """

    path: str = ""


class Remembered(Place, kw_only=True):
    """Who the browser remembers that it acts for; who signed in, where the server knows that.

    What it remembers may be of somebody who sat there before, and is no reason to say no.
    """

    person: str = ""


class Release(Place, kw_only=True):
    """One release by its name."""

    release: str


class Listed(Place, kw_only=True):
    """A page of a list.

    Attributes
    ----------
    limit, offset : int
        How many rows to give, after how many others.
    search : str
        Only rows that contain it.
    """

    limit: Count = 100
    offset: Offset = 0
    search: str = ""


class Signed(Place, kw_only=True):
    """Something that a person does, who proves who it is.

    The passphrase is used once and kept nowhere: neither in the server's state nor in a log.
    """

    person: str
    passphrase: str

    @property
    def secret(self) -> bytes:
        """The passphrase as keys take it."""
        return self.passphrase.encode()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(person={self.person!r})"
