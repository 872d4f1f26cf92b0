"""Which entity an object is: identity plus a weak reference, so that nothing is kept alive."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple, TypeAlias

from governed_kernel.lineage.events import Evidence, Relation

__all__ = ["Entry", "Influence", "Node", "Registry", "identity"]

identity = object.__hash__
"""What tells one living object from all others, as `id` does. But each `id` is an audit event,
which costs whoever has an audit hook three times as much as the number itself."""

Influence: TypeAlias = tuple[str, str, Relation, Evidence]
"""Entity, column, relation and evidence of something that decided which rows there are."""


_FEW = 1_000


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


class Registry:
    """Object → node, forgotten after the object.

    An identity alone is not enough, because Python gives the identity of a dead object to a new
    one: the weak reference tells them apart. Objects that admit no weak reference (lists,
    numbers, strings) are known while a variable holds them.
    """

    def __init__(self) -> None:
        self._nodes: dict[int, Entry] = {}
        self._enough = _FEW
        self._named: dict[int, tuple[dict[str, Any], str, Node]] = {}
        self._names: dict[tuple[int, str], int] = {}

    def get(self, thing: object) -> Node | None:
        """The node of `thing`, or None when it was never seen."""
        known = identity(thing)
        entry = self._nodes.get(known)
        if entry is not None:
            return entry[1] if entry[0]() is thing else None
        named = self._named.get(known)
        if named is not None and named[0].get(named[1]) is thing:
            return named[2]
        return None

    def entry(self, thing: object) -> Entry | None:
        """What is kept of `thing`, where it admits weak references."""
        entry = self._nodes.get(identity(thing))
        return entry if entry is not None and entry[0]() is thing else None

    def put(self, thing: object, node: Node) -> bool:
        """Let `thing` be `node` from now on; false when it can't be tracked."""
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

    def put_named(self, namespace: dict[str, Any], name: str, thing: object, node: Node) -> None:
        """Let `thing`, which admits no weak reference, be `node` while `name` stands for it."""
        before = self._names.get((id(namespace), name))
        if before is not None:
            self._named.pop(before, None)
        self._names[id(namespace), name] = identity(thing)
        self._named[identity(thing)] = (namespace, name, node)

    def named(self, namespace: dict[str, Any], name: str) -> Node | None:
        """The node of what `name` stands for, also where Python has one object for many uses."""
        known = self._names.get((id(namespace), name))
        found = self._named.get(known) if known is not None else None
        if found is None or found[0] is not namespace or found[1] != name:
            return None
        return found[2] if name in namespace and identity(namespace[name]) == known else None

    def of_kind(self, kind: str) -> list[tuple[Any, Node]]:
        """Every living thing of one kind."""
        found = ((reference(), node) for reference, node in list(self._nodes.values()))
        return [(thing, node) for thing, node in found if thing is not None and node.kind == kind]

    def __len__(self) -> int:
        self._forget_the_dead()
        return len(self._nodes)
