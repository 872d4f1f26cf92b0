"""Identity and weak reference together name an object, and keep none alive."""

from __future__ import annotations

import gc

from governed_kernel.capture.registry import Node, Registry


class Thing:
    pass


def test_an_object_is_forgotten_with_its_last_reference() -> None:
    registry, thing = Registry(), Thing()
    registry.put(thing, Node("memory://s/1", "frame", ("a",)))
    assert registry.get(thing) == Node("memory://s/1", "frame", ("a",))
    del thing
    gc.collect()
    assert len(registry) == 0


def test_a_changed_object_is_another_entity() -> None:
    registry, thing = Registry(), Thing()
    registry.put(thing, Node("memory://s/1", "frame", ()))
    registry.put(thing, Node("memory://s/2", "frame", ()))
    found = registry.get(thing)
    assert found is not None
    assert found.entity == "memory://s/2"
    assert len(registry) == 1


def test_the_identity_of_a_dead_object_says_nothing_of_a_new_one() -> None:
    registry = Registry()
    for number in range(1000):
        thing = Thing()
        assert registry.get(thing) is None
        registry.put(thing, Node(f"memory://s/{number}", "frame", ()))


def test_what_admits_no_weak_reference_is_not_tracked() -> None:
    registry = Registry()
    assert not registry.put([1, 2], Node("memory://s/1", "list", ()))
    assert not registry.put(1.5, Node("memory://s/1", "value", ()))
