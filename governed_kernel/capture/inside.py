"""What a statement within a function of the user's owes to, when a value of its goes into data.

A top-level statement tells it by the names that it mentions. ``table = features(load())`` mentions
none: what ``frame["bin"] = list(range(len(frame)))`` within ``features`` owes to is read off the
function's own text, with the things in the places of names that its frame has at that moment.
"""

from __future__ import annotations

import ast
import datetime
import decimal
import functools
import inspect
import linecache
import numbers
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

from governed_kernel.capture.bringing import CODE, MISSING, PLAIN
from governed_kernel.capture.definitions import (
    Function,
    bindings_of,
    definition_of,
    parameters_of,
)
from governed_kernel.capture.failing import takes_errors
from governed_kernel.capture.functions import global_names
from governed_kernel.capture.references import (
    NONE,
    Reference,
    References,
)
from governed_kernel.capture.registry import Node
from governed_kernel.capture.within import (
    PARAMETER,
    UNTOLD,
    Read,
    read_function,
    read_statement,
)
from governed_kernel.capture.writing import Written

__all__ = ["Inside", "Level", "Look", "files_under_way", "inside", "written_in"]

_FURTHEST = 40
"""Frames that may lie between an observed call and the user's code."""
_FIXED = (*PLAIN, decimal.Decimal, datetime.date, datetime.timedelta, numbers.Number)
"""Types of things that nothing changes in place."""
_MANY = 1_000
_HEARING = ("logging", "loguru", "structlog", "random", "numpy")
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


class Level(NamedTuple):
    """A function that is under way, or the statement of the notebook around all of them.

    Attributes
    ----------
    owed : frozenset of Reference
        What is asked about: of the innermost function what values owe to that go into something in
        its present statement, of those around it what decides that they make their call.
    names, variables : mapping of str to object
        What its own names stand for, and its global ones.
    gone : set of str
        Names that stand for something else by now, or may.
    given : mapping of str to frozenset of Reference
        What its parameters owe to, in the names of the level around it, as far as that is known.
    is_notebook : bool
        Whether it is the notebook's statement.
    among : frozenset of Reference
        What it is asked of whether something is in it.
    """

    owed: References
    names: Mapping[str, Any]
    variables: Mapping[str, Any]
    gone: Set[str]
    given: Mapping[str, References]
    is_notebook: bool = False
    among: References = NONE

    def thing(self, name: str) -> Any:
        """What a name stands for, a parameter by now; `MISSING` for a built-in one."""
        name = name.removeprefix(PARAMETER)
        for names in (self.names, self.variables):
            if name in names:
                return names[name]
        return MISSING


class Inside(NamedTuple):
    """Functions of the user's that are under way.

    Attributes
    ----------
    levels : sequence of Level
        Innermost first; the last may be the notebook's statement.
    constants : sequence
        What stands in the text of these functions.
    """

    levels: Sequence[Level]
    constants: Sequence[Any]

    def writes_out(self, value: Any) -> bool:
        """Whether a single value stands in the text of a function that is under way."""
        return isinstance(value, PLAIN) and any(
            type(each) is type(value) and each == value for each in self.constants
        )


_UNREAD = Inside((Level(frozenset((Reference(PARAMETER),)), {}, {}, {PARAMETER}, {}),), ())
"""Stands for functions of which the text of one is not at hand."""


class Look(NamedTuple):
    """How functions that are under way are looked at.

    Attributes
    ----------
    is_user_file : callable
        Whether code of a file is the user's.
    known : callable
        What an observer that follows a thing knows of it.
    read : callable
        Has the text of a file read, which is not at hand.
    statement : ast.stmt
        The notebook's statement that is executed.
    variables : dict of str to object
        The notebook's.
    names : frozenset of str, optional
        Names of the argument that is asked about, as far as its call mentions it.
    """

    is_user_file: Callable[[str], bool]
    known: Callable[[Any], Node | None]
    read: Callable[[str], object]
    statement: ast.stmt
    variables: Mapping[str, Any]
    names: frozenset[str] | None = None


def inside(look: Look, argument: Any = MISSING, deep: int = 1) -> Inside | None:
    """What the user's functions do now that called an observer; None at the top level.

    Parameters
    ----------
    look : Look
    argument : object, optional
        The value that is asked about, if it is an argument of a call.
    deep : int
        Frames of the caller's own.
    """
    frames = list(_frames(sys._getframe(deep + 1), look.is_user_file))
    if not frames or not _is_function(frames[0].code):
        return None
    levels: list[Level] = []
    around: Read | None = None
    for number in reversed(range(len(frames))):
        found = _level(look, frames[number], argument, around, is_last=not number)
        if found is None:
            return _UNREAD
        levels.insert(0, found[0])
        around = found[1]
    function = definition_of(frames[0].code)
    assert function is not None
    return Inside(levels, list(_constants(frames, function)))


class _Frame(NamedTuple):
    """A frame of the user's.

    Attributes
    ----------
    code, instruction : code and int
        Where it is.
    calls : tuple of code and int
        Where that is from which the frame within it was called: it, or a comprehension of its.
    is_called : bool
        Whether code of the user's has called it, and nothing in between.
    """

    frame: types.FrameType
    code: types.CodeType
    instruction: int
    calls: tuple[types.CodeType, int]
    is_called: bool


def _frames(frame: types.FrameType | None, is_user_file: Callable[[str], bool]) -> Iterator[_Frame]:
    """The user's functions that are under way, innermost first, and the notebook's statement."""
    calls, between = None, 0
    while frame is not None and between < _FURTHEST:
        code, between = frame.f_code, between + 1
        if is_user_file(code.co_filename):
            between = 0
            calls = calls or (code, frame.f_lasti)
            if code.co_name not in _COMPREHENSIONS:
                behind = frame.f_back
                is_called = behind is not None and is_user_file(behind.f_code.co_filename)
                yield _Frame(frame, code, frame.f_lasti, calls, is_called)
                calls = None
                if not _is_function(code):
                    return
        elif calls is not None:
            calls = None
        frame = frame.f_back


def _is_function(code: types.CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_NEWLOCALS)


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


def _constants(frames: Sequence[_Frame], function: Function) -> Iterator[Any]:
    given = function.args
    for default in (*given.defaults, *given.kw_defaults):
        if isinstance(default, ast.Constant):
            yield default.value
    for frame in frames:
        yield from frame.code.co_consts


def _columns(node: Node) -> tuple[str, ...]:
    return node.columns if node.kind in ("frame", "relation") else ()


class _Judged(NamedTuple):
    """What was found of a function's global names, and what these stood for then."""

    stood_for: list[tuple[int, type]]
    names: tuple[frozenset[str], frozenset[str]]


_judged: dict[types.CodeType, _Judged] = {}


def _globals_of(
    code: types.CodeType, variables: Mapping[str, Any], is_user_file: Callable[[str], bool]
) -> tuple[frozenset[str], frozenset[str]]:
    """Global names of a function that stand for what others wrote; and those of context managers
    of the user's that may take an error.
    """
    things = {name: variables.get(name) for name in global_names(code)}
    # Of data the type is enough; to hold it would keep it alive.
    stand_for = [
        (id(thing) if isinstance(thing, CODE) else 0, type(thing)) for thing in things.values()
    ]
    found = _judged.get(code)
    if found is None or found.stood_for != stand_for:
        if len(_judged) >= _MANY:
            _judged.clear()
        names = {
            name
            for name, thing in things.items()
            if isinstance(thing, CODE) or _changes_no_argument(thing)
        }
        users = {name for name in names if _is_users(things[name], is_user_file)}
        passing = frozenset(name for name in users if _takes_errors(things[name]))
        found = _judged[code] = _Judged(stand_for, (frozenset(names - users), passing))
    return found.names


def _takes_errors(manager: Any) -> bool:
    """Whether a context manager of the user's may keep an error, by its text."""
    is_class = isinstance(manager, type)
    function = getattr(manager, "__exit__" if is_class else "__wrapped__", None)
    if not isinstance(function, types.FunctionType):
        return False
    written = definition_of(function.__code__)
    return written is None or takes_errors(written)


def _changes_no_argument(thing: Any) -> bool:
    """Whether it is a logger or a generator of chance, which keeps nothing of what it is given."""
    package = str(type(thing).__module__).partition(".")[0]
    return package in _HEARING and not callable(thing) and not hasattr(type(thing), "__getitem__")


def _is_users(thing: Any, is_user_file: Callable[[str], bool]) -> bool:
    module = thing
    if not isinstance(thing, types.ModuleType):
        name = getattr(thing, "__module__", None) or ""
        if name == "__main__":
            return True
        module = sys.modules.get(name)
    return is_user_file(str(getattr(module, "__file__", None) or ""))


def _level(
    look: Look, frame: _Frame, argument: Any, around: Read | None, *, is_last: bool
) -> tuple[Level, Read] | None:
    """What is known of a frame; `around` tells of the one that has called it."""
    code, names = frame.code, frame.frame.f_locals
    calls = None if is_last else frame.calls
    if not _is_function(code):
        if frame.frame.f_globals is not look.variables:
            return Level(NONE, {}, {}, frozenset(), {}), UNTOLD
        read = read_statement(look.statement, code, frame.instruction, calls)
        if read is None:
            return None
        return Level(read.deciding, {}, look.variables, frozenset(), {}, is_notebook=True), read
    if code.co_filename not in linecache.cache:
        look.read(code.co_filename)
    nodes = {name: look.known(thing) for name, thing in names.items()}
    tracked = frozenset((name, _columns(node)) for name, node in nodes.items() if node is not None)
    asked = None
    if argument is not MISSING and is_last:
        asked = look.names
        if asked is None:
            asked = frozenset(name for name, thing in names.items() if thing is argument)
    caught = around is not None and around.is_caught
    fixed = frozenset(name for name, thing in names.items() if isinstance(thing, _FIXED))
    others = fixed, *_globals_of(code, frame.frame.f_globals, look.is_user_file)
    read = read_function(code, frame.instruction, tracked, asked, caught, calls, others)
    function = definition_of(code)
    if read is None or function is None:
        return None
    times = bindings_of(function)
    gone = {PARAMETER + name for name in parameters_of(function) if times[name] > 1}
    given = {}
    if around is not None and around.call is not None and frame.is_called:
        given = around.call.given(function, code, names)
    owed = read.found if is_last else read.deciding
    level = Level(owed, names, frame.frame.f_globals, gone, given, among=read.among)
    return level, read
