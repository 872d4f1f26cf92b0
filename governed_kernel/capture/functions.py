"""What a function or class of the notebook's own reads beside its arguments, when it is called."""

from __future__ import annotations

import ast
import dis
import functools
import itertools
import operator
import types
from collections.abc import Callable, Iterator
from typing import Any

from governed_kernel.capture.relations import asks_membership

__all__ = [
    "CONTAINS",
    "columns_read",
    "enclosed",
    "files_behind",
    "functions_of",
    "global_names",
    "globals_behind",
    "held_by",
    "imported_names",
    "read_by",
    "speaks_of",
    "within_reach",
]

CONTAINS = "__contains__"
"""What ``in`` looks up."""
_DEEPEST = 4
_MOST = 50


_BOUND = (types.MethodType, types.BuiltinFunctionType)
"""Types of methods that keep what they are of: ``last = frame["a"].tolist``."""


def read_by(
    code: Any, namespace: dict[str, Any], is_user_file: Callable[[str], bool]
) -> Iterator[Any]:
    """Things that a callable finds in its closure, its defaults and among the notebook's variables,
    and what it is a method of.

    What its functions call is followed too, as far as it is the user's own.
    """
    seen: set[int] = set()
    pending = [code]
    while pending and len(seen) < _MOST:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        owner = getattr(current, "__self__", None)
        if isinstance(current, _BOUND) and not isinstance(owner, (types.ModuleType, type)):
            yield owner
        for function in functions_of(current):
            if not is_user_file(function.__code__.co_filename):
                continue
            for thing in within_reach(function, namespace):
                if isinstance(thing, (types.FunctionType, type)):
                    pending.append(thing)
                else:
                    yield thing


def held_by(
    function: Any, namespace: dict[str, Any], is_user_file: Callable[[str], bool]
) -> Iterator[Any]:
    """Things that a callable of any kind has within reach beside what it is called with."""
    if isinstance(function, functools.partial):
        yield from function.args
        yield from function.keywords.values()
        yield from held_by(function.func, namespace, is_user_file)
        return
    owner = getattr(function, "__self__", None)
    if isinstance(function, (types.MethodType, types.BuiltinMethodType)):
        if not isinstance(owner, (types.ModuleType, type)):
            yield owner
    elif not isinstance(function, (types.FunctionType, type)):
        yield function
        if type(function).__module__ == "__main__":
            yield from vars(function).values() if hasattr(function, "__dict__") else ()
            function = type(function)
    for thing in read_by(function, namespace, is_user_file):
        if not isinstance(thing, types.ModuleType):
            yield thing


def speaks_of(function: Any, attribute: str, is_user_file: Callable[[str], bool]) -> bool:
    """Whether a callable, or user code that it has within reach, looks up an attribute."""
    pending, seen = [function], set[int]()
    while pending and len(seen) < _MOST:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, functools.partial):
            pending += [current.func, *current.args, *current.keywords.values()]
            continue
        if isinstance(current, operator.attrgetter):
            if any(attribute in path.split(".") for path in current.__reduce__()[1]):
                return True
            continue
        if not isinstance(current, (types.FunctionType, types.MethodType, type)):
            current = type(current)
        for each in functions_of(current):
            if not is_user_file(each.__code__.co_filename):
                continue
            attributes = _attributes(each.__code__)
            if attribute in attributes:
                return True
            for thing in (*enclosed(each), *map(each.__globals__.get, global_names(each.__code__))):
                if isinstance(thing, types.ModuleType):
                    pending += [vars(thing)[name] for name in attributes if name in vars(thing)]
                elif thing is not None:
                    pending.append(thing)
    return bool(pending)


@functools.lru_cache(maxsize=1_000)
def _attributes(code: types.CodeType) -> frozenset[str]:
    """Names that code, and code inside it, may look up of things; by ``getattr`` or ``in`` too."""
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    texts = [each for each in code.co_consts if isinstance(each, str)]
    found = {*code.co_names, *(texts if "getattr" in code.co_names else ())}
    if _asks_by_in(code) or any(map(asks_membership, code.co_names)):
        found.add(CONTAINS)
    return frozenset(found.union(*map(_attributes, inner)))


def _asks_by_in(code: types.CodeType) -> bool:
    """Whether code asks by ``in`` of anything but what its own text writes out."""
    steps = [step.opname for step in dis.get_instructions(code)]
    return any(
        step == "CONTAINS_OP" and before != "LOAD_CONST"
        for before, step in itertools.pairwise(steps)
    )


def within_reach(function: types.FunctionType, namespace: dict[str, Any]) -> Iterator[Any]:
    """What lies in a function's closure, its defaults, and under its names in a namespace."""
    yield from enclosed(function)
    if function.__globals__ is namespace:
        for name in global_names(function.__code__):
            if name in namespace:
                yield namespace[name]


def enclosed(function: Any) -> Iterator[Any]:
    """What lies in a function's closure and its defaults."""
    if not isinstance(function, types.FunctionType):
        return
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # it is still empty
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()


def functions_of(code: Any) -> Iterator[types.FunctionType]:
    """The functions behind a callable: itself, what it caches, or the methods of a class."""
    if isinstance(code, functools._lru_cache_wrapper):
        code = code.__wrapped__
    if isinstance(code, types.MethodType):
        code = code.__func__
    if isinstance(code, types.FunctionType):
        yield code
    elif isinstance(code, type):
        yield from _methods(code) if code.__module__ == "__main__" else _lasting_methods(code)


def _methods(code: type) -> Iterator[types.FunctionType]:
    for value in vars(code).values():
        plain = getattr(value, "__func__", value)
        if isinstance(plain, types.FunctionType):
            yield plain


@functools.lru_cache(maxsize=500)
def _lasting_methods(code: type) -> tuple[types.FunctionType, ...]:
    """The methods of a class that lies in a module, where few change them."""
    return tuple(_methods(code))


def files_behind(thing: Any, is_user_file: Callable[[str], bool]) -> set[str]:
    """The user's files that hold the code of a thing, and of what that calls by name."""
    files: set[str] = set()
    pending, seen = [thing, type(thing)], set[int]()
    while pending and len(seen) < _MOST:
        each = pending.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        file = getattr(each, "__file__", None) if isinstance(each, types.ModuleType) else None
        if file and is_user_file(file):
            files.add(file)
        for function in functions_of(each):
            if is_user_file(function.__code__.co_filename):
                files.add(function.__code__.co_filename)
                own = function.__globals__
                pending += [own[name] for name in global_names(function.__code__) if name in own]
    return files


def globals_behind(thing: Any, namespace: dict[str, Any]) -> set[str]:
    """The notebook's names that a function or class of its own looks up, and what that calls."""
    names: set[str] = set()
    pending = [thing if isinstance(thing, (types.FunctionType, type)) else type(thing)]
    while pending:
        for function in functions_of(pending.pop()):
            if function.__globals__ is namespace:
                new = [name for name in global_names(function.__code__) if name not in names]
                names.update(new)
                things = (namespace.get(name) for name in new)
                pending += [
                    each if isinstance(each, (types.FunctionType, type)) else type(each)
                    for each in things
                ]
    return names


def columns_read(function: Any, columns: tuple[str, ...]) -> tuple[str, ...] | None:
    """Which of a frame's columns a function of the frame reads, by its code alone.

    Returns
    -------
    tuple of str or None
        None where the code does more than take columns by constant names and compute with them.
    """
    if type(function).__name__ == "Expression" and type(function).__module__.startswith("pandas."):
        return _columns_spoken_of(repr(function))
    code = getattr(function, "__code__", None)
    if (
        not isinstance(code, types.CodeType)
        or code.co_argcount != 1
        or code.co_freevars
        or code.co_cellvars
    ):
        return None
    frame, found, holding = code.co_varnames[0], dict[str, None](), False
    key: Any = None
    for instruction in dis.get_instructions(code):
        name, value = instruction.opname, instruction.argval
        if name in _NOTHING_READ:
            continue
        if holding and name == "LOAD_CONST" and isinstance(value, str):
            key = value
        elif holding and (name == "BINARY_SUBSCR" or (name == "BINARY_OP" and value == 26)):
            if key is None:
                return None
            found[key], holding, key = None, False, None
        elif holding and name == "LOAD_ATTR" and value in columns:
            found[value], holding = None, False
        elif holding:
            return None
        elif name == "LOAD_FAST" and value == frame:
            holding = True
        elif name == "LOAD_GLOBAL" and value in _HARMLESS and value not in function.__globals__:
            continue
        elif name.startswith(_READING):
            return None
    return None if holding else tuple(found)


def _columns_spoken_of(text: str) -> tuple[str, ...] | None:
    """Columns in what pandas writes of an expression: ``(col('a') + 1).abs()``."""
    try:
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    except SyntaxError:  # it holds something that is written otherwise, such as a function
        return None
    named = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.args]
    found = [name.value for name in named if isinstance(name, ast.Constant)]
    return tuple(dict.fromkeys(map(str, found))) if len(found) == len(named) else None


_READING = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_FAST", "STORE_", "IMPORT_", "FOR_")
_HARMLESS = ("abs", "bool", "float", "int", "len", "max", "min", "round", "str", "sum")
_NOTHING_READ = ("RESUME", "NOP", "CACHE", "PRECALL", "EXTENDED_ARG")


@functools.lru_cache(maxsize=1_000)
def global_names(code: types.CodeType) -> frozenset[str]:
    """Names that a code object, and those inside it, look up among the globals."""
    return frozenset(_looked_up(code, 0))


@functools.lru_cache(maxsize=1_000)
def imported_names(code: types.CodeType) -> frozenset[str]:
    """Modules that a code object, and those inside it, import when they are run."""
    found = {
        str(instruction.argval)
        for instruction in dis.get_instructions(code)
        if instruction.opname == "IMPORT_NAME"
    }
    inner = (each for each in code.co_consts if isinstance(each, types.CodeType))
    return frozenset(found.union(*map(imported_names, inner)))


def _looked_up(code: types.CodeType, depth: int) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and depth < _DEEPEST:
            yield from _looked_up(constant, depth + 1)
