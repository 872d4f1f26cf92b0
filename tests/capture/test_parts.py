"""The parts of arguments, in lists and dictionaries of each other."""

from __future__ import annotations

from typing import Any

from governed_kernel.capture.parts import parts_of


def test_parts_are_found_in_lists_and_dictionaries_of_each_other() -> None:
    things = [3, {"a": [4]}, (5,), "six"]
    assert list(parts_of(things)) == [3, "six", 5, 4]
    assert list(parts_of(things, with_lists=True)) == [3, {"a": [4]}, (5,), "six", [4], 5, 4]


def test_a_list_that_holds_itself_is_looked_at_once() -> None:
    around: list[Any] = [1]
    around.append({"again": around})
    assert list(parts_of([around])) == [1]


def test_lists_of_the_same_lists_come_to_an_end() -> None:
    nested: list[Any] = [1]
    for _ in range(20):
        nested = [nested] * 50
    assert list(parts_of([nested])) == [1]


def test_lists_of_many_lists_are_not_looked_at_to_the_last() -> None:
    nested = [[[1] for _ in range(40)] for _ in range(40)]
    assert 0 < len(list(parts_of([nested, 2]))) < 1600
