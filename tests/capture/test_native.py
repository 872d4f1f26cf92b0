"""Native functions are observed and can't tell, nor can who calls them."""

from __future__ import annotations

import copy
import functools
import gc
import inspect
import operator
import pickle
import pydoc
import sys
import threading
import traceback
import types
import weakref
from typing import Any

import pytest

from governed_kernel.capture.native import as_method, observed, works
from governed_kernel.capture.rewriting import Hooks


class Journal:
    """Writes down what the hooks were told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def hooks(self) -> Hooks:
        def enter(values: tuple[Any, ...]) -> Any:
            self.told.append(("enter", values))
            return len(self.told)

        def leave(token: Any, value: Any) -> Any:
            self.told.append(("leave", value))
            return value

        return Hooks(enter, leave, lambda token: self.told.append(("fail", token)))


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_it_works_here() -> None:
    assert works()


def test_arguments_and_result_are_told(journal: Journal) -> None:
    assert observed(sorted, journal.hooks())([2, 1], reverse=True) == [2, 1]
    assert journal.told == [("enter", (([2, 1],), {"reverse": True})), ("leave", [2, 1])]


def test_the_function_runs_in_its_callers_frame(journal: Journal) -> None:
    assert observed(sys._getframe, journal.hooks())() is sys._getframe()
    secret = 7
    assert observed(locals, journal.hooks())()["secret"] == secret


def test_an_exception_has_no_frames_of_ours(journal: Journal) -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        observed(int, journal.hooks())("x")
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [frame.filename for frame in frames] == [__file__]
    assert [what for what, _ in journal.told] == ["enter", "fail"]


def test_an_error_of_a_hook_that_is_meant_for_the_user_reaches_him_as_it_is() -> None:
    def enter(values: tuple[Any, ...]) -> Any:
        raise PermissionError("not this one")

    never = observed(print, Hooks(enter, lambda token, value: value, lambda token: None))
    with pytest.raises(PermissionError, match="not this one"):
        never("this must not be printed")


def test_nested_too_deeply_is_pythons_own_error_at_any_depth(journal: Journal) -> None:
    greatest = observed(max, journal.hooks())

    def below(depth: int) -> Any:
        return greatest(1, 2) if depth == 0 else below(depth - 1)

    found = set()
    for depth in range(sys.getrecursionlimit() - 200, sys.getrecursionlimit()):
        try:
            found.add(below(depth))
        except RecursionError:
            found.add("too deep")
    assert found == {2, "too deep"}
    journal.told.clear()
    assert greatest(1, 2) == 2
    assert [what for what, _ in journal.told] == ["enter", "leave"]


def test_it_looks_like_the_function(journal: Journal) -> None:
    seen = observed(sorted, journal.hooks())
    assert (seen.__name__, seen.__doc__, repr(seen)) == ("sorted", sorted.__doc__, repr(sorted))
    assert inspect.isbuiltin(seen)
    assert inspect.signature(seen) == inspect.signature(sorted)
    assert pydoc.render_doc(seen) == pydoc.render_doc(sorted)
    assert pickle.loads(pickle.dumps(observed("a".upper, journal.hooks())))() == "A"
    assert str(type(seen).__name__) == "builtin_function_or_method"


def test_its_copies_are_the_function_itself(journal: Journal) -> None:
    """So a model that holds one can be cloned, as grid searches do."""
    function = observed(sorted, journal.hooks())
    assert copy.copy(function) is function
    assert copy.deepcopy([functools.partial(function)])[0].func is function


def test_methods_are_bound_as_before(journal: Journal) -> None:
    class Owner:
        first = as_method(observed(operator.getitem, journal.hooks()))

        def __getitem__(self, place: int) -> int:
            return place

    owner = Owner()
    assert owner.first(3) == 3
    assert isinstance(owner.first, types.MethodType)
    assert journal.told[0] == ("enter", ((owner, 3), {}))


def test_calls_inside_calls_are_kept_apart(journal: Journal) -> None:
    inner = observed(abs, journal.hooks())
    failing = observed(int, journal.hooks())

    def key(value: int) -> int:
        with pytest.raises(ValueError, match="literal"):
            failing("x")
        return int(inner(value))

    assert observed(max, journal.hooks())(-3, 2, key=key) == -3
    kinds = [what for what, _ in journal.told]
    assert kinds == ["enter", *["enter", "fail", "enter", "leave"] * 2, "leave"]


def test_threads_do_not_mix(journal: Journal) -> None:
    barrier = threading.Barrier(4)
    seen = observed(pow, journal.hooks())
    results: list[int] = []

    def work(number: int) -> None:
        barrier.wait(10)
        results.extend(seen(number, 2) for _ in range(500))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(number**2 for number in range(4) for _ in range(500))


def test_nothing_is_kept_alive_and_many_arguments_fit(journal: Journal) -> None:
    class Thing:
        pass

    quiet = observed(id, Hooks(lambda values: None, lambda token, value: value, lambda token: None))
    thing = Thing()
    gone = weakref.ref(thing)
    quiet(thing)
    before = sys.getrefcount(thing)
    for _ in range(100):
        quiet(thing)
    assert sys.getrefcount(thing) == before
    del thing
    gc.collect()
    assert gone() is None
    assert observed(max, journal.hooks())(*range(1000)) == 999
    assert observed(dict, journal.hooks())(**{f"k{n}": n for n in range(100)})["k99"] == 99
