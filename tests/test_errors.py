"""The tree of errors: three parts, an exit code each, and safe to hand between processes."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from governed_kernel import errors
from governed_kernel.errors import GovernedError, MissingExtra

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, GovernedError)
]


def made(kind: type[GovernedError]) -> GovernedError:
    return MissingExtra("torch", "train") if kind is MissingExtra else kind("what", "why", "next")


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_what_why_and_next(kind: type[GovernedError]) -> None:
    error = made(kind)
    assert str(error).splitlines()[1].startswith("why:")
    assert str(error).splitlines()[2].startswith("next:")
    assert error.describe()["error"] == kind.__name__
    assert error.describe()["exit_code"] == kind.exit_code


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_being_pickled(kind: type[GovernedError]) -> None:
    # what is pickled here was made here
    copy = pickle.loads(pickle.dumps(made(kind)))
    assert type(copy) is kind
    assert str(copy) == str(made(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_drawn_tree_tells_each_exit_code(kind: type[GovernedError]) -> None:
    found = re.search(rf"\b{kind.__name__}\s+(\d)\b", errors.__doc__ or "")
    assert found is not None
    assert int(found.group(1)) == kind.exit_code


def test_a_part_that_is_not_given_is_not_shown() -> None:
    assert str(GovernedError("only this")) == "only this"
