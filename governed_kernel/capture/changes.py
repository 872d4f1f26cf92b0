"""Which of the notebook's things a statement has changed in place, told from what they hold.

What is changed so owes to all that its statement has read. So does every other name for the same
thing, for what holds it, and for another view of the same array.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from governed_kernel.capture.bringing import MISSING
from governed_kernel.capture.contents import (
    Contents,
    contents_of,
    is_array,
    is_looked_into,
    module_judge,
    root_of,
)
from governed_kernel.capture.functions import globals_behind
from governed_kernel.capture.looks import own
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import identity

__all__ = ["Changes"]

_MANY = 10_000
_FEW = 1_000
"""Values that are looked at in one thing; few where the statement calls nothing of the user's."""


class Changes:
    """Looks at what the variables of one namespace hold.

    Parameters
    ----------
    observation : Observation
    namespace : dict
        The notebook's variables.
    """

    def __init__(self, observation: Observation, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._is_users = module_judge(observation.is_user_file)
        self._kinds: dict[type, bool] = {}

    def before(self, names: Set[str]) -> dict[str, Contents]:
        """What those of `names` hold, and those that the user's code among them looks up."""
        reach, calls = set(names), False
        for name in names:
            thing = self._namespace.get(name)
            if self._is_code(thing):
                calls = True
                reach |= globals_behind(thing, self._namespace)
        found = {}
        for name in reach:
            thing = self._namespace.get(name, MISSING)
            if self._is_looked_into(type(thing)):
                found[name] = self._contents(thing, _MANY if calls else _FEW)
        return found

    def changed(self, before: Mapping[str, Contents], touched: Iterable[str]) -> Iterator[str]:
        """Names whose thing holds something else by now.

        Parameters
        ----------
        before : dict
            What `before` has told.
        touched : iterable of str
            Names whose thing was changed by what the statement says; they are not told again.
        """
        parts, told = set[int](), set(touched)
        for name, held in before.items():
            thing = self._namespace.get(name, MISSING)
            if thing is MISSING:
                continue
            now = self._contents(thing, held.most)
            different = now.changed_from(held)
            if not (held.is_whole and now.is_whole) and (held.most == _MANY or name in told):
                different = {identity(thing), *now.parts}  # too much to tell
            if name in told and identity(thing) not in now.parts.keys() & held.parts.keys():
                different |= held.shown()  # ``view += series`` binds another thing as well
            if different:
                parts |= different
                if name not in told:
                    told.add(name)
                    yield name
        if parts:
            yield from self._sharing(parts, told)

    def _sharing(self, parts: Set[int], told: Set[str]) -> Iterator[str]:
        """Other names for what was changed, for what holds it, and for views of it."""
        for name, thing in list(self._namespace.items()):
            if name in told or name.startswith("_"):
                continue
            if hasattr(type(thing), "fit") and not parts.isdisjoint(_arrays_of(thing)):
                yield name
            if not self._is_looked_into(type(thing)):
                continue
            held = self._contents(thing, _FEW)
            roots = (identity(root_of(array)) for array in held.arrays)
            if not parts.isdisjoint(held.parts) or not parts.isdisjoint(roots):
                yield name

    def _contents(self, thing: Any, most: int) -> Contents:
        return contents_of(thing, self._is_users, most)

    def is_library(self, thing: Any) -> bool:
        """Whether a thing is an imported module that is not the user's."""
        if not isinstance(thing, types.ModuleType):
            return False
        return sys.modules.get(thing.__name__) is thing and not self._is_users(thing.__name__)

    def _is_code(self, thing: Any) -> bool:
        """Whether a thing may run code of the user's."""
        if isinstance(thing, types.ModuleType):
            return self._is_users(thing.__name__)
        kind = thing if isinstance(thing, (types.FunctionType, type)) else type(thing)
        return self._is_users(kind.__module__ or "")

    def _is_looked_into(self, kind: type) -> bool:
        found = self._kinds.get(kind)
        if found is None:
            found = self._kinds[kind] = kind is not type and is_looked_into(kind, self._is_users)
        return found


def _arrays_of(estimator: Any) -> Iterator[int]:
    """`identity` of the memory that arrays show which an estimator has learned."""
    for each in (own(estimator) or {}).values():
        if is_array(type(each)):
            yield identity(root_of(each))
