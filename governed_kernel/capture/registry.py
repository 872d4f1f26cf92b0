"""Which entity an object is: identity plus a weak reference, so that nothing is kept alive."""

from __future__ import annotations

import math
import weakref
from typing import Any, NamedTuple, Protocol, TypeAlias

from governed_kernel.lineage.events import Evidence, Relation

__all__ = ["Entry", "Holder", "Influence", "Node", "Registry", "identity", "is_shared"]

identity = object.__hash__
"""What tells one living object from all others, as `id` does. But each `id` is an audit event,
which costs whoever has an audit hook three times as much as the number itself."""

Influence: TypeAlias = tuple[str, str, Relation, Evidence]
"""Entity, column, relation and evidence of something that decided which rows there are."""


_Place: TypeAlias = tuple[int, str]
"""A namespace, by its identity, and a name in it."""
_ABSENT = object()
_FEW = 1_000
_SMALL = 256
_SHARED = ("bool", "bool_", "NaTType", "NAType")


class Holder(Protocol):
    """What gives things by their names: a namespace, or something else that keeps some."""

    def get(self, name: str, default: Any = None, /) -> Any:
        """What stands under a name."""


class Node(NamedTuple):
    """What is known of one object as it is now; a changed object gets another node."""

    entity: str
    kind: str
    columns: tuple[str, ...]
    rows: tuple[Influence, ...] = ()
    extra: Any = None
    """What a library's rules keep for their own use (the keys of a group …)."""


Entry: TypeAlias = tuple[weakref.ref[Any], Node]
"""What is kept of one object; as long as it is the same tuple, it is the same node."""


def is_shared(thing: object) -> bool:
    """Whether there may be one object for all uses of a value: small integers, texts, ``nan`` …"""
    kind = type(thing)
    if kind is int:
        return bool(-_SMALL <= thing <= _SMALL)  # type: ignore[operator]
    if kind is float:
        return not math.isfinite(thing)  # type: ignore[arg-type]
    return kind in (bool, str, bytes) or kind.__name__ in _SHARED


class Registry:
    """Object → node, forgotten after the object.

    An identity alone is not enough, because Python gives the identity of a dead object to a new
    one: the weak reference tells them apart. Objects that admit no weak reference (lists,
    numbers, strings) are known while a variable holds them; what Python has one object of for many
    uses, only by the variable's name.
    """

    def __init__(self) -> None:
        self._nodes: dict[int, Entry] = {}
        self._enough = _FEW
        self._named: dict[int, dict[_Place, tuple[Holder, Node]]] = {}
        self._names: dict[_Place, int] = {}

    def get(self, thing: object) -> Node | None:
        """The node of `thing`, or None when it was never seen."""
        known = identity(thing)
        entry = self._nodes.get(known)
        if entry is not None:
            return entry[1] if entry[0]() is thing else None
        named = self._named.get(known)
        return None if named is None or is_shared(thing) else _held(thing, named)

    def entry(self, thing: object) -> Entry | None:
        """What is kept of `thing`, where it admits weak references."""
        entry = self._nodes.get(identity(thing))
        return entry if entry is not None and entry[0]() is thing else None

    def put(self, thing: object, node: Node) -> bool:
        """Let `thing` be `node` from now on; false when it can't be tracked."""
        if type(thing).__name__ in _SHARED:
            return False
        try:
            self._nodes[identity(thing)] = (weakref.ref(thing), node)
        except TypeError:
            return False
        if len(self._nodes) > self._enough:
            self._forget_the_dead()
        return True

    def forget(self, thing: object) -> None:
        """Know nothing more of `thing`: it may not be looked at again."""
        self._nodes.pop(identity(thing), None)

    def _forget_the_dead(self) -> None:
        """A reference without a callback is many times cheaper, so the dead go all at once."""
        dead = [identity for identity, (ref, _) in list(self._nodes.items()) if ref() is None]
        for identity in dead:
            held = self._nodes.get(identity)
            if held is not None and held[0]() is None:
                del self._nodes[identity]
        self._enough = 2 * len(self._nodes) + _FEW

    def put_named(self, namespace: Holder, name: str, thing: object, node: Node) -> None:
        """Let `thing`, which admits no weak reference, be `node` while `name` stands for it."""
        self.forget_name(namespace, name)
        place, known = (id(namespace), name), identity(thing)
        self._names[place] = known
        names = self._named.setdefault(known, {})
        if not is_shared(thing):
            names.update({each: (held, node) for each, (held, _) in names.items()})
        names[place] = namespace, node

    def forget_name(self, namespace: Holder, name: str) -> None:
        """Know nothing of what `name` stands for, which may be the same object as before."""
        place = id(namespace), name
        known = self._names.pop(place, None)
        if known is not None and (left := self._named.get(known)) is not None:
            left.pop(place, None)
            if not left:
                del self._named[known]

    def named(self, namespace: Holder, name: str) -> Node | None:
        """The node of what `name` stands for, also where Python has one object for many uses."""
        place = id(namespace), name
        known = self._names.get(place)
        found = self._named[known].get(place) if known is not None else None
        if found is None or found[0] is not namespace:
            return None
        return found[1] if identity(namespace.get(name, _ABSENT)) == known else None

    def of_any_name(self, thing: object) -> Node | None:
        """The node of a thing by any of its names: it may be the value of another one."""
        return _held(thing, self._named.get(identity(thing), {}))

    def of_kind(self, kind: str) -> list[tuple[Any, Node]]:
        """Every living thing of one kind."""
        found = ((reference(), node) for reference, node in list(self._nodes.values()))
        return [(thing, node) for thing, node in found if thing is not None and node.kind == kind]

    def __len__(self) -> int:
        self._forget_the_dead()
        return len(self._nodes)


def _held(thing: object, names: dict[_Place, tuple[Holder, Node]]) -> Node | None:
    """The node of the first name that still stands for a thing."""
    for (_, name), (namespace, node) in list(names.items()):
        if namespace.get(name) is thing:
            return node
    return None
