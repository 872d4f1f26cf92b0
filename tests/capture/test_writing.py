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
