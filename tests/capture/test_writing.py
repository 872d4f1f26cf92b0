"""What a statement's own text says a value is."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from governed_kernel.capture.writing import Written


@pytest.mark.parametrize(
    ("text", "value", "is_there"),
    [
        ("f['a'] = [1, -2]", [1, -2], True),
        ("f['a'] = [1, -2]", [1, 2], False),
        ("f['a'] = [1, -2]", [-2, 1], False),
        ("f['a'] = ['x'] * 2 + ['y']", ["x", "x", "y"], True),
        ("f['a'] = [0, 1] * len(f)", [0, 1, 0, 1], True),
        ("f['a'] = [0, 1] * len(f)", [0, 0, 1, 1], False),
        ("f['a'] = [1 if x else 0 for x in y]", [1, 0], False),
        ("f = F({'a': [1, 2], 'b': x})", {"a": [1, 2]}, True),
        ("f.fillna({'a': 0, 'b': -1})", {"a": 0, "b": -1}, True),
        ("f.fillna(dict(a=0))", {"a": 0}, True),
        ("f['a'] = []", [], True),
        ("f['a'] = {**x, 'b': 1}", {"b": 1}, False),
        ("f['a'] = 5", 5, True),
        ("f['a'] = -5", -5, True),
    ],
)
def test_a_container_stands_in_the_text_as_a_whole(text: str, value: Any, is_there: bool) -> None:
    assert Written(ast.parse(text).body[0]).holds(value) is is_there
    assert Written(ast.parse(text).body[0]).assigns(value) is is_there


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("f.at[0, 'a'] = int(g.iloc[0])", 0),
        ("f['a'] = 1 if x > 5 else 0", 1),
        ("f['a'] = x and 1 or 0", 0),
        ("f['a'] = [7, 8][x]", 8),
        ("f['a'] = x > 5", True),
    ],
)
def test_a_place_and_what_a_condition_chooses_are_no_written_values(text: str, value: Any) -> None:
    assert not Written(ast.parse(text).body[0]).assigns(value)
    assert Written(ast.parse(text).body[0]).holds(value)


def test_lists_that_hold_themselves_or_things_of_the_users_are_looked_at_without_a_word() -> None:
    class Mine:
        def __eq__(self, other: object) -> bool:
            raise AssertionError("asked")

        __hash__ = None  # type: ignore[assignment]

    written = Written(ast.parse("f['a'] = [[1], 2]; g['a'] = [1]").body[0])
    itself: list[Any] = [1]
    itself.append(itself)
    assert not written.holds(itself)
    assert not written.holds([[Mine()], 2])
    assert not written.holds([Mine(), Mine()])
    many: list[Any] = [1.5]
    for _ in range(200):
        many = [many, many]
    assert not written.holds(many)
