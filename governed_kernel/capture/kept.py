"""Single values that the user's functions and objects keep from one statement to the next.

``nonlocal top``, ``self.top = frame["b"].max()``: a number in a closure or an attribute has no name
that a later statement could mention, and admits no weak reference. So such places are looked at
before and after a statement that mentions their function or object, as global names are
(`capture.rebound`), and what is found there is known while it stays.
"""

from __future__ import annotations

import types
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from governed_kernel.capture.bringing import MISSING
from governed_kernel.capture.contents import module_judge
from governed_kernel.capture.functions import functions_of, global_names
from governed_kernel.capture.looks import own
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.registry import Node, identity
from governed_kernel.capture.scalars import is_single

__all__ = ["Kept", "Place"]

_MOST = 200
"""Things that are looked at from one name."""
_HOLDERS = 1_000
_CONTENTS = ""
"""Name of what a cell of a closure holds."""
_Key: TypeAlias = tuple[int, str]
_SINGLE, _LEADING, _CODE, _NEITHER = "single", "leading", "code", "neither"


class _Cell(NamedTuple):
    """A cell of a closure, by which functions share a variable."""

    thing: types.CellType

    def get(self, _name: str, default: Any = None) -> Any:
        try:
            return self.thing.cell_contents
        except ValueError:  # it is still empty
            return default

    def is_of(self, thing: Any) -> bool:
        return self.thing is thing


class _Attributes(NamedTuple):
    """What lies in an object, a class or a function: none of which is kept alive."""

    reference: weakref.ref[Any]

    def get(self, name: str, default: Any = None) -> Any:
        thing = self.reference()
        held = vars(thing) if isinstance(thing, type) else own(thing)
        return default if held is None else held.get(name, default)

    def is_of(self, thing: Any) -> bool:
        return self.reference() is thing


class _Holding(NamedTuple):
    """What is known of what a cell or an object keeps.

    Attributes
    ----------
    nodes : dict of str to Node
        Of values that were computed.
    constants : dict of str to object
        Values that texts write out, or that nothing went into.
    """

    holder: _Cell | _Attributes
    nodes: dict[str, Node]
    constants: dict[str, Any]


class Place(NamedTuple):
    """Where a single value is kept: in a cell, or under a name in something else."""

    thing: Any
    name: str
    value: Any

    @property
    def key(self) -> _Key:
        """Tells it from all other places that there are now."""
        return identity(self.thing), self.name


class Kept:
    """Knows the single values that the user's functions and objects keep.

    Parameters
    ----------
    observation : Observation
    """

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self._is_user_file = observation.is_user_file
        self._is_users = module_judge(observation.is_user_file)
        self._holders = OrderedDict[int, _Holding]()
        self._kinds: dict[type, str] = {}

    def places(self, things: Iterable[Any]) -> Iterator[Place]:
        """Where single values are kept within reach of the user's code among some things."""
        pending, seen = [each for each in things if self._leads_on(each)], set[int]()
        while pending and len(seen) < _MOST:
            thing = pending.pop()
            if identity(thing) in seen:
                continue
            seen.add(identity(thing))
            if isinstance(thing, types.MethodType):
                pending += filter(self._leads_on, (thing.__self__, thing.__func__))
                continue
            is_code = isinstance(thing, (types.FunctionType, type))
            for name, value in _attributes(thing):
                looks = self._looks(value)
                if looks is _SINGLE:
                    yield Place(thing, name, value)
                elif looks is _LEADING and not (is_code and isinstance(value, types.FunctionType)):
                    pending.append(value)
            if not is_code:
                pending.append(type(thing))
            for function in functions_of(thing):
                for cell in function.__closure__ or ():
                    value = _Cell(cell).get(_CONTENTS)
                    looks = self._looks(value)
                    if looks is _SINGLE:
                        yield Place(cell, _CONTENTS, value)
                    elif looks is _LEADING:
                        pending.append(value)
                own_names = function.__globals__
                for name in global_names(function.__code__):
                    if self._leads_on(value := own_names.get(name)):
                        pending.append(value)

    def _looks(self, thing: Any) -> str:
        """Whether a thing is a single value, or may lead to some."""
        kind = type(thing)
        known = self._kinds.get(kind)
        if known is None:
            if is_single(thing):
                known = _SINGLE
            elif kind in (types.FunctionType, types.MethodType) or issubclass(kind, type):
                known = _CODE
            else:
                is_users = kind.__module__ != "builtins" and self._is_users(kind.__module__)
                known = _LEADING if is_users else _NEITHER
            self._kinds[kind] = known
        if known is not _CODE:
            return known
        if kind is types.MethodType:
            thing = thing.__func__
        if isinstance(thing, types.FunctionType):
            is_users = self._is_user_file(thing.__code__.co_filename)
        else:
            is_users = isinstance(thing, type) and self._is_users(thing.__module__)
        return _LEADING if is_users else _NEITHER

    def _leads_on(self, thing: Any) -> bool:
        """Whether a thing is code of the user's, or an object of a class of theirs."""
        return self._looks(thing) is _LEADING

    def put(self, place: Place, node: Node | None) -> None:
        """Let what a place keeps be `node` while it does; a constant without one."""
        holding = self._holding(place.thing)
        if holding is None:
            return
        if holding.nodes.pop(place.name, None) is not None:
            self._observation.registry.forget_name(holding.holder, place.name)
        holding.constants.pop(place.name, None)
        if node is None:
            holding.constants[place.name] = place.value
        else:
            holding.nodes[place.name] = node
            self._observation.scalars.put_named(holding.holder, place.name, place.value, node)

    def node(self, place: Place) -> Node | None:
        """What is known of the value that a place keeps."""
        holding = self._known(place.thing)
        if holding is None or place.name not in holding.nodes:
            return None
        return self._observation.registry.named(holding.holder, place.name)

    def is_constant(self, place: Place) -> bool:
        """Whether a place keeps what it did when that was found to be a constant."""
        holding = self._known(place.thing)
        return holding is not None and (holding.constants.get(place.name, MISSING) is place.value)

    def at(self, thing: Any, name: str | int) -> tuple[Node | None, bool]:
        """What is known of a single value that is an attribute of a thing, and whether it is one
        of a thing of which all such values are known: it is a constant, if nothing is.
        """
        if not self._holders or not isinstance(name, str) or not self._leads_on(thing):
            return None, False
        found = _owner(thing, name)
        if found is None:
            return None, False
        node = self.node(Place(found[0], name, None))
        is_single = self._looks(found[1]) is _SINGLE
        is_watched = any(self._known(each) is not None for each in (thing, found[0]))
        return node, node is not None or (is_single and is_watched)

    def nodes(self, thing: Any, path: tuple[str | int, ...] = ()) -> Iterator[Node]:
        """What is known of single values that a path from a thing may give.

        A call may give whatever is kept within reach of what is called, an attribute that is no
        code only what is within its own.
        """
        if not self._holders or not self._leads_on(thing):
            return
        found = _owner(thing, str(path[0])) if path else None
        is_data = found is not None and not hasattr(type(found[1]), "__get__")
        things = [found[1]] if found is not None and is_data else [thing]
        yield from filter(None, map(self.node, self.places(things)))

    def _known(self, thing: Any) -> _Holding | None:
        holding = self._holders.get(identity(thing))
        return holding if holding is not None and holding.holder.is_of(thing) else None

    def _holding(self, thing: Any) -> _Holding | None:
        """What is known of a thing, which is noted from now on; None where it can't be."""
        known = self._known(thing)
        if known is not None:
            return known
        if identity(thing) in self._holders:
            self._drop(identity(thing))
        elif len(self._holders) >= _HOLDERS:
            self._drop(next(iter(self._holders)))
        try:
            is_cell = isinstance(thing, types.CellType)
            holder = _Cell(thing) if is_cell else _Attributes(weakref.ref(thing))
        except TypeError:  # a class with slots
            return None
        made = self._holders[identity(thing)] = _Holding(holder, {}, {})
        return made

    def _drop(self, key: int) -> None:
        holder, nodes, _ = self._holders.pop(key)
        for name in nodes:
            self._observation.registry.forget_name(holder, name)


def _attributes(thing: Any) -> list[tuple[str, Any]]:
    """What lies in a thing by names that are not Python's own."""
    held = vars(thing) if isinstance(thing, type) else own(thing)
    return [each for each in (held or {}).items() if not each[0].startswith("__")]


def _owner(thing: Any, name: str) -> tuple[Any, Any] | None:
    """What holds an attribute of a thing, it or a class of its, and the attribute."""
    kind = thing if isinstance(thing, type) else type(thing)
    for each in (thing, *kind.__mro__):
        held = vars(each) if isinstance(each, type) else own(each)
        if held is not None and name in held:
            return each, held[name]
    return None
