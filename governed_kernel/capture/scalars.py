"""Numbers, dates and texts that observed calls gave: ``frame["x"].mean()``.

They admit no weak reference, so they are known by identity while the statement that made them runs
(and held as long), afterwards while a variable holds them, or as the latest thousands: a context
variable or a function's cache may give one back. What Python or a library keeps one object of for
all uses (small integers, truth values, texts of the code, ``np.nan``) can't be told apart: it is
taken for a variable's value only where the statement mentions the variable.
"""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Callable, Hashable
from itertools import islice
from typing import Any

from governed_kernel.capture.registry import Holder, Node, Registry, identity, is_shared

__all__ = ["VALUE", "Scalars", "is_single"]

VALUE = "0"
"""The column of a single value."""
_MOST = 1_000
_MOST_NAMED = 10_000
_MOST_EARLIER = 4_000
_OF_NUMPY = "numpy", "generic"
_FOLLOWED = (float, decimal.Decimal, datetime.date, datetime.timedelta, datetime.time)


def is_single(thing: Any) -> bool:
    """Whether a thing is a number, a date or a text, which another place may keep as well."""
    if isinstance(thing, (*_FOLLOWED, int, complex, str)):
        return not isinstance(thing, bool)
    # an array without dimensions can be changed, and is of one type with all other arrays
    return any((each.__module__, each.__name__) == _OF_NUMPY for each in type(thing).__mro__)


def _is_its_own(thing: Any) -> bool:
    """Whether a value is not one of those that libraries have one object of: ``nan``, ``inf``."""
    return math.isfinite(thing) if isinstance(thing, float) else type(thing).__name__ != "NaTType"


class Scalars:
    """The single values of one process that are known.

    Parameters
    ----------
    registry : Registry
        Knows those that a variable holds.

    Attributes
    ----------
    ids : set of int
        `identity` of values that may be known: what is not among them need not be asked about.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._now: dict[int, tuple[Any, Node]] = {}
        self._earlier: dict[int, tuple[Any, Node]] = {}
        """Those of earlier statements, the latest last."""
        self._shared_now: set[Any] = set()
        """Values that the statement has computed, and of which Python has one object."""
        self._named: set[int] = set()
        self.ids: set[int] = set()
        self.of_mentioned: Callable[[Any], Node | None] = lambda _thing: None
        """What is known of a value by a name that the statement mentions which is executed."""
        self.nothing: Node | None = None
        """What the latest call gave in the statement that gave None: the mean of no rows."""

    def keep_nothing(self, node: Node) -> None:
        """Let what a call gave that gave None be `node` until the statement ends."""
        self.nothing = node
        self.ids.add(identity(None))

    def keep(self, thing: Any, node: Node) -> None:
        """Let `thing` be `node` until the statement ends."""
        single = isinstance(thing, (*_FOLLOWED, int, str)) or type(thing).__module__ == "numpy"
        if single and is_shared(thing):
            self._shared_now.add(thing)
        elif single:
            self._put(thing, node)

    def _put(self, thing: Any, node: Node) -> None:
        if len(self._now) >= _MOST:
            self._keep_earlier()
        self._now[identity(thing)] = (thing, node)
        self.ids.add(identity(thing))

    def get(self, thing: Any) -> Node | None:
        """The node of a single value, if it is known."""
        entry = self._now.get(identity(thing))
        if entry is not None:
            return entry[1]
        if is_shared(thing):
            return self.of_mentioned(thing)
        entry = self._earlier.get(identity(thing))
        return self._registry.get(thing) if entry is None else entry[1]

    def has_equal(self, value: Any) -> bool:
        """Whether an observed call has given such a value in the statement that is executed."""
        if not isinstance(value, Hashable):
            return False  # an array is no single value, and equal only part by part
        return value in self._shared_now or any(thing == value for thing, _ in self._now.values())

    def equals(self, value: Any) -> list[Node]:
        """What is known of those of such values that it is, or equals."""
        entry = self._now.get(identity(value))
        if entry is not None:
            return [entry[1]]
        return [node for thing, node in self._now.values() if thing == value]

    def bind(self, namespace: dict[str, Any], name: str) -> bool:
        """Keep the value that `name` now stands for as long as it does; false if it is none."""
        thing = namespace.get(name)
        entry = self._now.get(identity(thing)) or self._earlier.get(identity(thing))
        if entry is None:
            return False
        self.put_named(namespace, name, thing, entry[1])
        return True

    def put_named(self, namespace: Holder, name: str, thing: Any, node: Node) -> None:
        """Let `thing` be `node` while `name` stands for it."""
        if len(self._named) > _MOST_NAMED:
            self._named.clear()
            self.ids = {*self._now, *self._earlier}
        self._named.add(identity(thing))
        self.ids.add(identity(thing))
        self._registry.put_named(namespace, name, thing, node)

    def now(self) -> list[tuple[Any, Node]]:
        """The values that the statement has computed so far, those that are known."""
        return list(self._now.values())

    def forget(self) -> None:
        """The statement has ended."""
        if self._now:
            self._keep_earlier()
        self._shared_now.clear()
        self.nothing = None
        self.ids.discard(identity(None))

    def _keep_earlier(self) -> None:
        for known, entry in self._now.items():
            if _is_its_own(entry[0]):
                self._earlier[known] = entry
            elif known not in self._named:
                self.ids.discard(known)
        self._now.clear()
        for known in list(islice(self._earlier, max(len(self._earlier) - _MOST_EARLIER, 0))):
            del self._earlier[known]
            if known not in self._named:
                self.ids.discard(known)
