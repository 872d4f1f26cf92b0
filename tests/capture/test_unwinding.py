"""A frame that an exception has passed stands where it was raised, observed or not."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from governed_kernel.capture.rewriting import Hooks, rewrite
from governed_kernel.capture.unwinding import leave_where_raised

MARKER = "@fail"
NOTHING = Hooks(lambda _values: 1, lambda _token, value: value, lambda _token: None)


def plain(things: Any) -> Any:
    found = things[0]
    for number in range(3):
        try:
            found = things[number]
        except IndexError:
            with memoryview(b""):
                raise ValueError(number) from None
        finally:
            number += 1
    if found == "again":
        try:
            things[7]
        except KeyError:
            found = None

    def later() -> Any:
        return found

    return later()


def observed_twin() -> Callable[[Any], Any]:
    code = plain.__code__
    twin = types.FunctionType(code, globals(), "plain")
    rewrite(twin, NOTHING)
    assert twin.__code__ is not code
    return twin


observed = observed_twin()


def stands_after(function: Callable[[Any], Any], things: Any) -> tuple[str, int, int]:
    """What was raised, the line of its traceback, and where the frame stands."""
    with pytest.raises((TypeError, KeyError, IndexError, ValueError)) as caught:
        function(things)
    entry = caught.tb.tb_next
    assert entry is not None
    return caught.typename, entry.tb_lineno, entry.tb_frame.f_lineno


@pytest.mark.parametrize(
    "things",
    [None, {}, [], [1], [1, 2, "again"], {0: 1, 1: 2}],
    ids=["first line", "key", "index", "handler", "within try", "loop"],
)
def test_a_frame_stands_where_it_stands_without_an_observer(things: Any) -> None:
    assert stands_after(observed, things) == stands_after(plain, things)


def test_a_frame_stands_at_the_line_that_raised_and_not_at_its_last() -> None:
    _, raised, stands = stands_after(observed, None)
    assert stands == raised == plain.__code__.co_firstlineno + 1


def test_what_was_handled_before_is_handled_after() -> None:
    outer = LookupError("outer")
    try:
        raise outer
    except LookupError:
        stands_after(observed, None)
        meanwhile = sys.exc_info()[1]
    assert meanwhile is outer
    assert sys.exc_info() == (None, None, None)


def test_thousands_of_exceptions_leave_nothing_behind() -> None:
    def blocks() -> int:
        for _ in range(1_000):
            with pytest.raises(TypeError):
                observed(None)
        return sys.getallocatedblocks()

    first = [blocks() for _ in range(3)][-1]
    assert [blocks() for _ in range(3)][-1] - first < 500


def test_a_function_without_such_a_handler_stays_what_it_is() -> None:
    assert leave_where_raised(plain.__code__, MARKER) is plain.__code__


def test_a_handler_that_does_not_end_in_raise_stays_what_it_is() -> None:
    def swallows() -> Any:
        try:
            return int("x")
        except:  # noqa: E722 - as an observer's
            return "@fail"

    assert leave_where_raised(swallows.__code__, MARKER) is swallows.__code__
    assert swallows() == MARKER
