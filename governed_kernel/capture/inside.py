"""What a statement within a function of the user's owes to, when a value of its goes into data.

A top-level statement tells it by the names that it mentions. ``table = features(load())`` mentions
none: what ``frame["bin"] = list(range(len(frame)))`` within ``features`` owes to is read off the
function's own text, with the things in the places of names that its frame has at that moment.
"""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import sys
import types
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple, TypeAlias

from governed_kernel.capture.bringing import MISSING, PLAIN
from governed_kernel.capture.references import NONE, NOTHING, Made, Reference, References
from governed_kernel.capture.registry import Node
from governed_kernel.capture.statements import Reader
from governed_kernel.capture.writing import Written, is_place

__all__ = ["PARAMETER", "Inside", "files_under_way", "inside", "written_in"]

_FURTHEST = 40
"""Frames that may lie between an observed call and the user's code."""
PARAMETER = "()"
"""Begins the name of what a parameter stood for when its function was called."""
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_Named: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_NAMING = (_Named, ast.Import, ast.ImportFrom)
_TAKING = {"pop", "popitem", "clear", "update", "insert"}
"""Methods that take something out of their subject, or put another in its place."""
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


class Inside(NamedTuple):
    """A function of the user's that is under way.

    Attributes
    ----------
    owed : frozenset of Reference
        What values owe to that go into something in its present statement.
    things : dict of str to object
        What the references' names stand for.
    gone : set of str
        Names of `things` that stand for something else by now, or may.
    constants : sequence
        What stands in the text of the user's functions that are under way.
    variables : dict of str to object
        The function's global names.
    """

    owed: References
    things: dict[str, Any]
    gone: Set[str]
    constants: Sequence[Any]
    variables: dict[str, Any]

    def writes_out(self, value: Any) -> bool:
        """Whether a single value stands in the text of a function that is under way."""
        return isinstance(value, PLAIN) and any(
            type(each) is type(value) and each == value for each in self.constants
        )


_UNREAD = Inside(frozenset((Reference(PARAMETER),)), {PARAMETER: MISSING}, {PARAMETER}, (), {})
"""Stands for a function whose text is not at hand."""


def inside(
    is_user_file: Callable[[str], bool],
    known: Callable[[Any], Node | None],
    read: Callable[[str], object],
    argument: Any = MISSING,
    deep: int = 1,
) -> Inside | None:
    """What the user's function that called an observer does now; None at the top level.

    Parameters
    ----------
    is_user_file : callable
        Whether code of a file is the user's.
    known : callable
        What an observer that follows a thing knows of it.
    read : callable
        Has the text of a file read, which is not at hand.
    argument : object, optional
        The value that is asked about, if it is an argument of a call.
    deep : int
        Frames of the caller's own.
    """
    frame = _users(sys._getframe(deep + 1), is_user_file)
    if frame is None or not frame.f_code.co_flags & 2:  # CO_NEWLOCALS: no code of a module
        return None
    if frame.f_code.co_filename not in linecache.cache:
        read(frame.f_code.co_filename)
    nodes = {name: known(thing) for name, thing in frame.f_locals.items()}
    tracked = frozenset((name, _columns(node)) for name, node in nodes.items() if node is not None)
    names = frozenset(name for name, thing in frame.f_locals.items() if thing is argument)
    asked = None if argument is MISSING else names
    owed = _owed(frame.f_code, frame.f_lasti, tracked, asked)
    function = _definition(frame.f_code)
    if owed is None or function is None:
        return _UNREAD
    things = {name: _looked_up(name, frame) for name, _ in owed}
    times = _bindings(function)
    gone = {PARAMETER + name for name in _parameters(function) if times[name] > 1}
    constants = list(_constants(frame, function, is_user_file))
    return Inside(owed, things, gone, constants, frame.f_globals)


def _columns(node: Node) -> tuple[str, ...]:
    return node.columns if node.kind in ("frame", "relation") else ()


def files_under_way(is_user_file: Callable[[str], bool]) -> Iterator[str]:
    """The user's files whose code is under way in this thread, innermost first."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_user_file(frame.f_code.co_filename):
            yield frame.f_code.co_filename
        frame = frame.f_back


@functools.lru_cache(maxsize=50)
def written_in(text: str) -> Written | None:
    """The values that a text of code writes out."""
    try:
        return Written(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError):
        return None


def _users(
    frame: types.FrameType | None, is_user_file: Callable[[str], bool]
) -> types.FrameType | None:
    for _ in range(_FURTHEST):
        if frame is None:
            return None
        code = frame.f_code
        if code.co_name not in _COMPREHENSIONS and is_user_file(code.co_filename):
            return frame
        frame = frame.f_back
    return None


def _constants(
    frame: types.FrameType | None, function: _Function, is_user_file: Callable[[str], bool]
) -> Iterator[Any]:
    given = function.args
    for default in (*given.defaults, *given.kw_defaults):
        if isinstance(default, ast.Constant):
            yield default.value
    while frame is not None:
        if is_user_file(frame.f_code.co_filename):
            yield from frame.f_code.co_consts
        frame = frame.f_back


def _looked_up(name: str, frame: types.FrameType) -> Any:
    """What a name stands for, a parameter by now; `MISSING` for a built-in one."""
    name = name.removeprefix(PARAMETER)
    for names in (frame.f_locals, frame.f_globals):
        if name in names:
            return names[name]
    return MISSING


@functools.lru_cache(maxsize=500)
def _definition(code: types.CodeType) -> _Function | None:
    """The definition of a function, where its text is at hand and is what was compiled."""
    text = "".join(linecache.getlines(code.co_filename))
    found = _definitions(text).get(code.co_firstlineno)
    return found[1] if found is not None and code in found[0] else None


@functools.lru_cache(maxsize=50)
def _definitions(text: str) -> dict[int, tuple[list[types.CodeType], _Function]]:
    """The functions of a text by the line that they begin in, each with what it is compiled to.

    A file may have been edited since it was imported: then its text is another function's.
    """
    try:
        tree = ast.parse(text)
        compiled = list(_codes(compile(tree, "", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            own = [
                each
                for each in compiled
                if (each.co_firstlineno, each.co_name) == (first, node.name)
            ]
            found[first] = own, node
    return found


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def _parameters(function: _Function) -> set[str]:
    given = function.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    every += [each for each in (given.vararg, given.kwarg) if each is not None]
    return {each.arg for each in every}


@functools.lru_cache(maxsize=500)
def _bindings(function: _Function) -> Counter[str]:
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
    return Counter((*_parameters(function), *stored, *_changed(function)))


def _changed(function: _Function) -> Iterator[str]:
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


@functools.lru_cache(maxsize=2_000)
def _owed(
    code: types.CodeType,
    instruction: int,
    tracked: frozenset[tuple[str, tuple[str, ...]]],
    asked: frozenset[str] | None,
) -> References | None:
    """What is given or assigned in the statement of a function that an instruction belongs to.

    None where it is not known which one that is. Of an argument (`asked`: the names that it has)
    only what these owe to, or what is not a part of something known.
    """
    function = _definition(code)
    at = None if function is None else _statement(function, code, instruction)
    if function is None or at is None:
        return None
    times = _bindings(function)
    columns = dict(tracked)
    lasting = frozenset(name for name in columns if times[name] == 1)
    reader = _Reader(at, columns, lasting, asked)
    reader.own = frozenset((*code.co_varnames, *code.co_cellvars))
    for name in _parameters(function):
        reader.write(name, Made(frozenset((Reference(PARAMETER + name),))))
    reader.run(function.body)
    return reader.found


def _statement(function: _Function, code: types.CodeType, instruction: int) -> ast.stmt | None:
    """The innermost statement of a function that an instruction belongs to."""
    places = itertools.islice(code.co_positions(), instruction // 2, None)
    line, last_line, column, last_column = next(places, (None,) * 4)
    if line is None or last_line is None or column is None or last_column is None:
        return None  # an interpreter that was told to keep lines only
    found = [
        node
        for node in _within(function)
        if (node.lineno, node.col_offset) <= (line, column)
        and (last_line, last_column) <= (node.end_lineno or 0, node.end_col_offset or 0)
    ]
    return max(found, key=lambda node: (node.lineno, node.col_offset), default=None)


def _within(function: _Function) -> Iterator[ast.stmt]:
    for node in ast.walk(function):
        if isinstance(node, ast.stmt) and node is not function:
            yield node


def _only(reference: Reference) -> References:
    return frozenset((reference,))


def _imported_as(alias: ast.alias) -> str:
    return (alias.asname or alias.name).partition(".")[0]


class _Reader(Reader):
    """Runs a function's statements, and keeps what values of one of them owe to.

    Parameters
    ----------
    at : ast.stmt
        That statement.
    tracked : dict of str to tuple of str
        Local names whose things are known as they are now, by whatever way they came, and the
        columns of those that are tables.
    lasting : set of str
        Those of them that stood for nothing else before.
    asked : set of str, optional
        Names of the argument that is asked about, if it is one and has any.
    """

    def __init__(
        self,
        at: ast.stmt,
        tracked: Mapping[str, tuple[str, ...]],
        lasting: Set[str],
        asked: Set[str] | None,
    ) -> None:
        super().__init__()
        self._asked = asked
        self._is_at = False
        self._within_arguments = 0
        self._lasting = lasting
        self.found: References = NONE
        self.own: frozenset[str] = frozenset()
        self._at = at
        self._tracked = tracked

    def argument(self, node: ast.expr) -> Made:
        """As of the reader; a part of what is known is known itself, so it is not asked about."""
        is_outermost = self._is_at and not self._within_arguments
        if is_outermost and self._asked is not None and self._is_part(node):
            return NOTHING
        self._within_arguments += 1
        made = super().argument(node)
        self._within_arguments -= 1
        return made

    def _is_part(self, node: ast.expr) -> bool:
        """``frame[name]``, ``frame.a``: what follows things gives something that is followed."""
        if not isinstance(node, ast.Attribute | ast.Subscript):
            return False
        while isinstance(node, ast.Attribute | ast.Subscript):
            if isinstance(node, ast.Attribute) and node.attr == "attrs":
                return False
            node = node.value
        return isinstance(node, ast.Name) and node.id in self._tracked

    def _is_from_outside(self, name: str) -> bool:
        made = self.bound.get(name)
        own = (Reference(name), Reference(PARAMETER + name))
        return made is None or (not made.indirect and made.direct in map(_only, own))

    def unbound(self, name: str) -> Made:
        """As of the reader; a name of the function's own stands for nothing at first."""
        return NOTHING if name in self.own else super().unbound(name)

    def _risk(self, statement: ast.stmt) -> References:
        """As of the reader; a check of a whole table tells of no value, nor does who checks it."""
        return frozenset(each for each in super()._risk(statement) if not self._is_whole(each))

    def _is_whole(self, reference: Reference) -> bool:
        columns = self._tracked.get(reference.name.removeprefix(PARAMETER))
        return bool(columns) and frozenset(columns or ()).isdisjoint(reference.path)

    def bind(self, target: ast.expr, made: Made, source: ast.expr | None) -> None:
        """As of the reader; it may be the rows that are asked about: ``frame.loc[rows, "a"] =``."""
        if self._is_at and self._asked is not None and not self._asked and is_place(target):
            assert isinstance(target, ast.Subscript)
            self.given |= self.value(target.slice).all
        super().bind(target, made, source)

    def write(self, name: str, made: Made) -> None:
        """As of the reader; what is known by itself needs no telling where it came from."""
        super().write(name, Made(frozenset((Reference(name),))) if name in self._lasting else made)

    def run_one(self, node: ast.stmt) -> None:
        """As of the reader; of its own statement what it finds is kept."""
        if isinstance(node, _NAMING):
            names = [node.name] if isinstance(node, _Named) else map(_imported_as, node.names)
            for name in names:
                self.write(name, Made(frozenset((Reference(name),))))
            return
        if node is not self._at:
            super().run_one(node)
            return
        before, given = self.bound, self.given
        self.bound = {**before, **{name: Made(_only(Reference(name))) for name in self._tracked}}
        start = dict(self.bound)
        self.given = set()
        self._is_at = True
        for name in self._asked or ():
            self.found |= self.value(ast.Name(name, ast.Load())).all
        super().run_one(node)
        self._is_at = False
        if not self._asked:
            self.found |= self.given
        self.found |= self.deciding()
        bound = {name: made for name, made in self.bound.items() if made is not start.get(name)}
        self.bound = {**before, **bound}
        self.given |= given
