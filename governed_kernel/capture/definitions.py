"""The text of the user's functions that are under way: which one it is, and where it stands now."""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import types
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias, TypeVar

__all__ = [
    "Function",
    "Place",
    "bindings_of",
    "call_at",
    "defaults_of",
    "definition_of",
    "is_at",
    "parameters_of",
    "place_of",
    "statement_at",
    "writes_default",
]

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Place: TypeAlias = tuple[int, int, int, int]
_Node = TypeVar("_Node", ast.stmt, ast.expr)
_TAKING = {"pop", "popitem", "clear", "update", "insert"}
"""Methods that take something out of their subject, or put another in its place."""
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_LAMBDA = "<lambda>"


class _Text(NamedTuple):
    """The functions of a text.

    Attributes
    ----------
    compiled : frozenset of code
        What they are compiled to.
    named : dict
        Those that have a name, by the line that they begin in.
    lambdas : dict
        The others by their expression, each as a function with that as its only statement.
    """

    compiled: frozenset[types.CodeType]
    named: dict[int, Function]
    lambdas: dict[ast.expr, Function]


@functools.lru_cache(maxsize=500)
def definition_of(code: types.CodeType) -> Function | None:
    """The definition of a function, where its text is at hand and is what was compiled.

    A file may have been edited since it was imported: then its text is another function's.
    """
    text = _text("".join(linecache.getlines(code.co_filename)))
    if code not in text.compiled:
        return None
    if code.co_name != _LAMBDA:
        return text.named.get(code.co_firstlineno)
    place = place_of(code, len(code.co_code) - 2)  # where it returns, all of it
    around = _innermost(text.lambdas, place) if place is not None else None
    return text.lambdas[around] if around is not None else None


@functools.lru_cache(maxsize=50)
def _text(text: str) -> _Text:
    try:
        tree = ast.parse(text)
        compiled = frozenset(_codes(compile(tree, "", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError, RecursionError):
        return _Text(frozenset(), {}, {})
    named, lambdas = dict[int, Function](), dict[ast.expr, Function]()
    for node in ast.walk(tree):
        if isinstance(node, Function):
            named[min([node.lineno, *(each.lineno for each in node.decorator_list)])] = node
        elif isinstance(node, ast.Lambda):
            body = ast.copy_location(ast.Expr(node.body), node.body)
            function = ast.FunctionDef(_LAMBDA, node.args, [body], [], None)
            lambdas[node.body] = ast.copy_location(function, node)
    return _Text(compiled, named, lambdas)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def parameters_of(function: Function) -> list[str]:
    """Names of a function's parameters, those first that a call may give by their place."""
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    every += [each for each in (given.vararg, given.kwarg) if each is not None]
    return [each.arg for each in every]


def defaults_of(function: Function) -> Iterator[tuple[str, ast.expr]]:
    """Names of those parameters that have a default, and its expression."""
    given = function.args
    placed = [each.arg for each in (*given.posonlyargs, *given.args)]
    yield from zip(reversed(placed), reversed(given.defaults), strict=False)
    for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        if default is not None:
            yield each.arg, default


def writes_default(function: object, value: object) -> bool:
    """Whether a value is a default of a function that its text writes out."""
    code = getattr(function, "__code__", None)
    written = definition_of(code) if isinstance(code, types.CodeType) else None
    defaults = [each for _, each in defaults_of(written)] if written is not None else []
    return any(isinstance(each, ast.Constant) and each.value is value for each in defaults)


@functools.lru_cache(maxsize=500)
def bindings_of(function: Function) -> Counter[str]:
    """How often a function binds each of its names, parameters included; in a loop twice.

    What was made of a name at an earlier turn was made of another thing.
    """
    loops = [each for each in ast.walk(function) if isinstance(each, _LOOPS)]
    stored = (
        node.id
        for within in (function, *loops)
        for node in ast.walk(within)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    )
    return Counter((*parameters_of(function), *stored, *_changed(function)))


def _changed(function: Function) -> Iterator[str]:
    """Names whose thing the function changes so that what was taken of it before is not in it."""
    read = {
        (ast.unparse(node.value), ast.unparse(node.slice))
        for node in ast.walk(function)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
    }
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(value=subject, attr=method), keywords=keywords):
                if method in _TAKING or any(each.arg == "inplace" for each in keywords):
                    yield from _root(subject)
            case ast.Subscript(ctx=ast.Del(), value=subject):
                yield from _root(subject)
            case ast.Subscript(ctx=ast.Store(), value=subject, slice=key):
                is_new = isinstance(key, ast.Constant) and isinstance(subject, ast.Name)
                if not is_new or (ast.unparse(subject), ast.unparse(key)) in read:
                    yield from _root(subject)
            case ast.AugAssign(target=ast.Subscript(value=subject)):
                yield from _root(subject)


def _root(subject: ast.expr) -> Iterator[str]:
    while isinstance(subject, ast.Attribute | ast.Subscript):
        subject = subject.value
    if isinstance(subject, ast.Name):
        yield subject.id


def statement_at(within: ast.stmt, code: types.CodeType, instruction: int) -> ast.stmt | None:
    """The innermost statement of another that an instruction belongs to."""
    place = place_of(code, instruction)
    if place is None:
        return None
    is_function = isinstance(within, Function)
    nodes = (node for node in ast.walk(within) if isinstance(node, ast.stmt))
    return _innermost((node for node in nodes if not is_function or node is not within), place)


def call_at(statement: ast.stmt, code: types.CodeType, instruction: int) -> ast.Call | None:
    """The call in a statement that an instruction is."""
    place = place_of(code, instruction)
    return next(
        (
            node
            for node in ast.walk(statement)
            if isinstance(node, ast.Call) and place is not None and is_at(node, place)
        ),
        None,
    )


def is_at(node: ast.expr | ast.stmt, place: Place) -> bool:
    """Whether a node is what stands at a place."""
    line, column = node.lineno, node.col_offset
    if (line, node.end_lineno, column, node.end_col_offset) == place:
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        # Of a method that is called in another line than its subject begins in, its name counts.
        line, column = node.func.end_lineno or 0, node.func.end_col_offset or 0
        column -= len(node.func.attr)
    return (line, node.end_lineno, column, node.end_col_offset) == place


def place_of(code: types.CodeType, instruction: int) -> Place | None:
    """Where an instruction stands: line, last line, column, last column."""
    found = next(itertools.islice(code.co_positions(), instruction // 2, None), (None,) * 4)
    line, last_line, column, last_column = found
    if line is None or last_line is None or column is None or last_column is None:
        return None  # an interpreter that was told to keep lines only
    return line, last_line, column, last_column


def _innermost(nodes: Iterable[_Node], place: Place) -> _Node | None:
    line, last_line, column, last_column = place
    around = [
        node
        for node in nodes
        if (node.lineno, node.col_offset) <= (line, column)
        and (last_line, last_column) <= (node.end_lineno or 0, node.end_col_offset or 0)
    ]
    return max(around, key=lambda node: (node.lineno, node.col_offset), default=None)
