"""By which names a statement can get at data that no observer has linked to them."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

from governed_kernel.capture.functions import (
    functions_of,
    global_names,
    imported_names,
    within_reach,
)
from governed_kernel.capture.references import Reference

__all__ = [
    *("CODE", "MISSING", "PLAIN", "may_bring_data", "may_give", "may_lead_to_data", "may_read"),
]

MISSING = object()
"""Stands for what a name means where it means nothing."""
CODE = (
    *(types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType),
    *(functools._lru_cache_wrapper, type),
)
"""Types of things that are no data, and may lead to some."""
PLAIN = (int, float, complex, str, bytes, bool, type(None))
"""Types of single values of plain Python."""
_MOST = 200
_LEADING_ANYWHERE = {
    *("open", "input", "globals", "locals", "vars", "dir", "getattr", "eval", "exec", "compile"),
    *("__import__", "get_ipython", "object", "type", "super"),
}
"""Built-in names by which everything can be reached."""
_GENERATING = {"random", "itertools", "datetime"}
_CALCULATING = {
    *("numpy", "pandas", "polars", "pyarrow", "scipy", "torch", "math", "cmath", "statistics"),
    *("decimal", "fractions", "string", "time", "uuid", "secrets", "functools", "operator"),
    *("collections", *_GENERATING),
    *("types", "dataclasses", "enum", "typing", "argparse", "pathlib"),
}
"""Modules whose functions give what they were given, chance, or the time; or are seen to read."""
_GIVING_BACK = {
    *("builtins", "numpy", "math", "cmath", "statistics", "decimal", "fractions", "string"),
    *("time", "uuid", "secrets", "operator", "collections", *_GENERATING),
}
_READERS = {("load",), ("loadtxt",), ("genfromtxt",), ("fromfile",), ("memmap",), ("open",)}


def may_read(thing: Any, path: tuple[str | int, ...]) -> bool:
    """Whether what lies in a module, or is from one, can give data that it was not given."""
    if not isinstance(thing, CODE):
        return False
    module = thing.__name__ if isinstance(thing, types.ModuleType) else str(thing.__module__)
    called = path[:1] if isinstance(thing, types.ModuleType) else (thing.__name__,)
    return module.partition(".")[0] not in _GIVING_BACK or called[:1] in _READERS


def may_give(thing: Any, reference: Reference, is_user_file: Callable[[str], bool]) -> bool:
    """Whether a call by a reference can give what it was not given, though it be seen to read it.

    A function of the user's can, if it has a name of anything but constants and calculations.
    """
    pending, seen = [(thing, reference.path)], set[int]()
    while pending:
        each, path = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        within = [each for each in functions_of(each) if is_user_file(each.__code__.co_filename)]
        for function in within:
            found = list(_names_in(function))
            if len(seen) > _MOST or any(_is_open(called, other) for called, other in found):
                return True
            pending += [(other, ()) for _, other in found]
        if not within and may_read(each, path):
            return True
    return False


def _is_open(name: str, thing: Any) -> bool:
    """Whether a name that a function uses may give anything: it is no code and no constant."""
    if thing is MISSING:
        return name in _LEADING_ANYWHERE
    if isinstance(thing, types.ModuleType):
        package = thing.__name__.partition(".")[0]
        return package not in _GIVING_BACK or package == "numpy"
    return not isinstance(thing, (*CODE, *PLAIN))


def may_lead_to_data(
    name: str,
    thing: Any,
    is_user_file: Callable[[str], bool],
    is_known: Callable[[Any], bool],
) -> bool:
    """As `may_bring_data`; of the user's functions and classes, whether one of their names can.

    What their own observed calls bring in is on record, and what is known is no way unseen.
    """
    pending, seen = [(name, thing)], set[int]()
    while pending:
        called, each = pending.pop()
        if is_known(each) or id(each) in seen:
            continue
        seen.add(id(each))
        within = [each for each in functions_of(each) if is_user_file(each.__code__.co_filename)]
        if within and len(seen) < _MOST:
            for function in within:
                generated = isinstance(each, type) and _is_generated(function, each)
                pending += _defaults_in(function) if generated else _names_in(function)
        elif may_bring_data(called, each):
            return True
    return False


def _is_generated(function: types.FunctionType, of: Any) -> bool:
    """Whether `dataclasses` has written a method: it uses nothing but its fields' defaults."""
    return function.__code__.co_filename == "<string>" and "__dataclass_fields__" in vars(of)


def _defaults_in(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    for thing in within_reach(function, {}):
        if not isinstance(thing, type):
            yield "", thing


def _names_in(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    own = function.__globals__
    for name in global_names(function.__code__):
        yield name, own.get(name, MISSING)
    for name in imported_names(function.__code__):
        yield name, types.ModuleType(name)
    for thing in within_reach(function, {}):
        yield "", thing


def may_bring_data(name: str, thing: Any) -> bool:
    """Whether a name can bring in data by itself: not a constant, nor what only calculates.

    Parameters
    ----------
    thing : object
        What the name stands for; `MISSING` for a built-in one.
    """
    if thing is MISSING:
        return name in _LEADING_ANYWHERE
    if isinstance(thing, PLAIN):
        return False
    if isinstance(thing, types.ModuleType):
        return thing.__name__.partition(".")[0] not in _CALCULATING
    kind = thing if isinstance(thing, CODE) else type(thing)
    module = getattr(kind, "__module__", None) or ""
    allowed = _CALCULATING if isinstance(thing, CODE) else _GENERATING
    return not (module.startswith("numpy.random") or module.partition(".")[0] in allowed)
