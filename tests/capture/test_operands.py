from __future__ import annotations

import ast
import sys
from typing import Any

from governed_kernel.capture.operands import Operands, operands_at

_found: list[Operands | None] = []
_within: list[ast.stmt] = []


class Here:
    """Tells what the operation takes in which it stands."""

    def _look(self, *_arguments: Any, **_named: Any) -> Here:
        frame = sys._getframe(1)
        _found.append(operands_at(_within[0], frame.f_code, frame.f_lasti))
        return self

    __add__ = __radd__ = __gt__ = __getitem__ = __setitem__ = __call__ = take = _look


def taken(text: str) -> list[Operands | None]:
    """What each operation with `here` takes, in the order in which they are carried out."""
    tree = ast.parse(text)
    _found.clear()
    _within[:] = [tree.body[0]]
    exec(compile(tree, "<text>", "exec"), {"here": Here(), "n": 3})
    return list(_found)


def test_a_literal_is_taken_by_the_operation_that_it_stands_in_alone() -> None:
    first, second = taken("(here > 3) + n")
    assert first is not None
    assert second is not None
    assert 3 in first.literals
    assert 3 not in second.literals
    assert "n" in second.names


def test_literals_in_lists_slices_and_choices_are_taken_one_by_one() -> None:
    (found,) = taken("here([1, n], key={'a': 2}, other=4 if n else 5)")
    assert found is not None
    assert {1, 2, 4, 5} <= found.literals
    assert found.computed == ()
    assert [each.literals >= {6, 7} for each in taken("here[6:7]") if each] == [True]


def test_what_is_computed_for_an_argument_is_told_with_the_literals_within_it() -> None:
    (found,) = taken("here(max(n, 8), 9)")
    assert found is not None
    assert 9 in found.literals
    assert 8 not in found.literals
    assert [8 in each for each in found.computed] == [True]


def test_a_sign_before_a_number_belongs_to_it() -> None:
    (found,) = taken("here + -3")
    assert found is not None
    assert -3 in found.literals


def test_an_assignment_to_a_part_takes_its_value() -> None:
    (found,) = taken("here['x'] = 3")
    assert found is not None
    assert 3 in found.literals


def test_a_method_that_is_called_in_another_line_is_found() -> None:
    (found,) = taken("(\n    here\n    .take(3)\n)")
    assert found is not None
    assert 3 in found.literals


def test_what_is_no_operation_of_the_text_takes_nothing_that_is_known() -> None:
    frame = sys._getframe()
    assert operands_at(ast.parse("x = 1").body[0], frame.f_code, frame.f_lasti) is None
