"""Functions that are observed in place stay what they were."""

from __future__ import annotations

import inspect
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from governed_kernel.capture.rewriting import Hooks, NotRewritable, argument_names, rewrite

log: list[Any] = []
HOOKS = Hooks(
    lambda values: log.append(values) or len(log),  # type: ignore[func-returns-value]
    lambda token, value: log.append((token, value)) or value,  # type: ignore[func-returns-value]
    lambda token: log.append((token, "failed")),
)


class Base:
    def double(self, value: int) -> int:
        return value * 2


class Derived(Base):
    def double(self, value: int, *more: int, step: int = 1, **rest: Any) -> Any:
        """Twice, or the variables that there are."""
        squares = {number: number**2 for number in range(2)}
        if value == 0:
            return sorted(locals())
        if value < 0:
            raise ValueError(value)
        try:
            return super().double(value) + step + squares[1]
        finally:
            more = ()


class _Account:
    def __init__(self, state: int) -> None:
        self.__state = state

    def spend(self, amount: int) -> list[int]:
        self.__state -= amount
        return [each + self.__state for each in range(2)]


def count(limit: int) -> Iterator[int]:
    yield from range(limit)


def silent(value: int) -> None:
    if value:
        value += 1
    # A comment makes no code.


def looks_around() -> object:
    return dir()


async def waits() -> None: ...


account = _Account(10)
before = (inspect.signature(Derived.double), Derived.double.__doc__, Derived.double)
plain_variables = Derived().double(0)
double: Any = Derived.double
spend: Any = _Account.spend
observed: list[Any] = [double, count, silent, spend]
for each in observed:
    rewrite(each, HOOKS)


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    log.clear()


def test_values_and_arguments_pass_through_the_hooks() -> None:
    derived = Derived()
    assert derived.double(2, 7, other=1) == 6
    assert log == [(derived, 2, 1, (7,), {"other": 1}), (1, 6)]
    assert argument_names(double) == ("self", "value", "step", "more", "rest")


def test_signature_docstring_and_identity_stay() -> None:
    assert (inspect.signature(Derived.double), Derived.double.__doc__, Derived.double) == before
    assert pickle.loads(pickle.dumps(silent)) is silent


def test_the_function_sees_its_own_variables_only() -> None:
    assert Derived().double(0) == plain_variables


def test_an_exception_passes_with_one_entry_at_its_own_line() -> None:
    with pytest.raises(ValueError, match="-1") as caught:
        Derived().double(-1)
    lines = traceback.extract_tb(caught.value.__traceback__)
    assert [line.name for line in lines[1:]] == ["double"]
    assert lines[-1].line == "raise ValueError(value)"
    assert log[-1] == (1, "failed")


def test_a_function_that_returns_nothing_still_ends() -> None:
    assert silent(1) is None  # type: ignore[func-returns-value]
    assert log == [(1,), (1, None)]


def test_private_names_are_those_of_the_class() -> None:
    assert account.spend(3) == [7, 8]
    assert [value for _, value in log[1:]] == [[7, 8]]
    inner = [item for item in spend.__code__.co_consts if inspect.iscode(item)]
    assert {item.co_qualname for item in inner} <= {"_Account.spend.<locals>.<listcomp>"}


def test_a_generator_is_seen_when_it_starts() -> None:
    numbers = count(2)
    assert log == []
    assert list(numbers) == [0, 1]
    assert log == [(2,)]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (looks_around, "looks at its own variables"),
        (waits, "coroutine"),
        (lambda: 1, "not defined by a def"),
        (silent, "observed already"),
    ],
)
def test_what_cannot_be_rewritten_says_why(function: Any, reason: str) -> None:
    with pytest.raises(NotRewritable, match=reason):
        rewrite(function, HOOKS)


def test_a_function_whose_source_was_edited_is_left_alone(tmp_path: Any) -> None:
    file = tmp_path / "edited.py"
    file.write_text("def work(value):\n    return value + one\n")
    names: dict[str, Any] = {"one": 1}
    exec(compile(file.read_text(), str(file), "exec"), names)
    file.write_text("def work(value):\n    return value + two\n")
    with pytest.raises(NotRewritable, match="not the program of its source"):
        rewrite(names["work"], HOOKS)
    assert names["work"](1) == 2
