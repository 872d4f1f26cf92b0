"""The parts of a call's arguments, also those in lists and dictionaries of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

__all__ = ["parts_of"]

_MOST = 50
"""Things that are looked at in one list or dictionary."""
_MOST_LISTS = 500


def parts_of(things: Iterable[Any], *, with_lists: bool = False) -> Iterator[Any]:
    """Things one by one, in place of lists and dictionaries (or with them) what is in them.

    What lies deeper comes later, and each list once: it may hold itself.
    """
    pending, seen = deque(things), dict[int, Any]()
    while pending:
        thing = pending.popleft()
        if not isinstance(thing, (tuple, list, dict)):
            yield thing
        elif id(thing) not in seen and len(seen) < _MOST_LISTS:
            seen[id(thing)] = thing
            if with_lists:
                yield thing
            pending.extend(islice(thing.values() if isinstance(thing, dict) else thing, _MOST))
