"""What the text of a function tells of the statement that it is at: what goes in, what decides.

The function's statements are run over what names owe to, as those of a notebook are; of the one
that is under way it is kept what is given or assigned there, and what its call gives to another
function of the user's.
"""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Mapping, Set
from typing import Any, NamedTuple, TypeAlias

from governed_kernel.capture.definitions import (
    Function,
    bindings_of,
    call_at,
    defaults_of,
    definition_of,
    parameters_of,
    statement_at,
)
from governed_kernel.capture.leftovers import LABELS
from governed_kernel.capture.references import (
    NONE,
    NOTHING,
    Made,
    Reference,
    References,
    is_whole,
    opened,
)
from governed_kernel.capture.sharing import Sharing, Things
from governed_kernel.capture.statements import Reader
from governed_kernel.capture.writing import is_place

__all__ = [
    "PARAMETER",
    "UNTOLD",
    "Call",
    "Read",
    "asked_by_calls",
    "read_function",
    "read_statement",
]

PARAMETER = "()"
"""Begins the name of what a parameter stood for when its function was called."""
_Named: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_NAMING = (_Named, ast.Import, ast.ImportFrom)


class Call(NamedTuple):
    """What a call in the text gives to a function of the user's."""

    called: str
    placed: tuple[References, ...]
    named: Mapping[str | None, References]
    subject: References
    is_starred: bool

    def given(
        self, function: Function, code: types.CodeType, names: Mapping[str, Any]
    ) -> dict[str, References]:
        """What the parameters owe to of the function that is called, if it is that."""
        parameters = parameters_of(function)
        first = parameters[0] if parameters else ""
        name = code.co_name
        if name == "__init__":
            name = type(names.get(first)).__name__
        if self.called != name or code.co_flags & _LATER:
            return {}
        given = function.args
        placed = [each.arg for each in (*given.posonlyargs, *given.args)]
        found: dict[str, References] = {}
        if first in ("self", "cls") and len(self.placed) < len(placed):
            found[PARAMETER + first] = self.subject
            placed.pop(0)
        every = NONE.union(*self.placed, *self.named.values())
        for place, parameter in enumerate(placed):
            if self.is_starred or None in self.named:
                found[PARAMETER + parameter] = every
            elif place < len(self.placed):
                found[PARAMETER + parameter] = self.placed[place]
        for parameter in parameters:
            if parameter in self.named:
                found[PARAMETER + parameter] = self.named[parameter]
        for bundle in (given.vararg, given.kwarg):
            if bundle is not None:
                found[PARAMETER + bundle.arg] = every
        for parameter, default in defaults_of(function):
            if isinstance(default, ast.Constant):
                found.setdefault(PARAMETER + parameter, NONE)
        return found


_LATER = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""Of code that is not run by its call."""


class Read(NamedTuple):
    """What the text of a function, or of the notebook's statement, tells of where it is.

    Attributes
    ----------
    found : frozenset of Reference
        What is given or assigned there. Of an argument only what that owes to, or what is not a
        part of something known.
    deciding : frozenset of Reference
        What decides that this is run.
    is_caught : bool
        Whether an error there may be caught.
    call : Call or None
    among : frozenset of Reference
        What it is asked of whether something is in it.
    """

    found: References
    deciding: References
    is_caught: bool
    call: Call | None
    among: References = NONE


UNTOLD = Read(NONE, NONE, is_caught=False, call=None)


@functools.lru_cache(maxsize=2_000)
def read_function(
    code: types.CodeType,
    instruction: int,
    tracked: frozenset[tuple[str, tuple[str, ...]]],
    asked: frozenset[str] | None,
    caught: bool,
    calls: tuple[types.CodeType, int] | None,
    others: tuple[frozenset[str], frozenset[str], frozenset[str]],
) -> Read | None:
    """What the statement tells of a function that an instruction belongs to.

    None where it is not known which one that is. An argument has the names that are `asked`. Of its
    names some can't be changed in place, some global ones are libraries', and some context
    managers that take errors (`others`).
    """
    function = definition_of(code)
    at = None if function is None else statement_at(function, code, instruction)
    if function is None or at is None:
        return None
    times = bindings_of(function)
    columns = dict(tracked)
    lasting = frozenset(name for name in columns if times[name] == 1)
    own = frozenset((*code.co_varnames, *code.co_cellvars))
    things = Things(own, others[0] | lasting, *others[1:])
    reader = _At(at, columns, lasting, asked, things)
    reader.caught += caught
    reader.call = call_at(at, *calls) if calls is not None else None
    for name in parameters_of(function):
        reader.write(name, Made(frozenset((Reference(PARAMETER + name),))))
    reader.run(function.body)
    return reader.read()


@functools.lru_cache(maxsize=200)
def read_statement(
    statement: ast.stmt,
    code: types.CodeType,
    instruction: int,
    calls: tuple[types.CodeType, int] | None,
) -> Read | None:
    """The same of a statement of the notebook."""
    at = statement_at(statement, code, instruction)
    if at is None:
        return None
    reader = _At(at, {}, frozenset(), None, Things())
    reader.call = call_at(at, *calls) if calls is not None else None
    reader.run([statement])
    return reader.read()


def asked_by_calls(statement: ast.stmt, functions: Mapping[str, types.FunctionType]) -> References:
    """What the user's functions that a statement calls by name ask whether something is in it."""
    found: set[Reference] = set()
    for node in ast.walk(statement) if functions else ():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        called = functions.get(node.func.id)
        asked = _asked(called.__code__) if called is not None else NONE
        function = definition_of(called.__code__) if called is not None and asked else None
        if called is None or function is None:
            continue
        reader = _At(statement, {}, frozenset(), None, Things())
        reader.call = node
        reader.run([statement])
        call = reader.read().call
        given = call.given(function, called.__code__, {}) if call is not None else {}
        for reference in asked:
            if opened(reference).path[:1] in [(label,) for label in LABELS]:
                continue
            for each in given.get(reference.name, ()):
                found.add(each._replace(path=(*opened(each).path, *opened(reference).path)))
    return frozenset(found)


@functools.lru_cache(maxsize=500)
def _asked(code: types.CodeType) -> References:
    """What a function asks whether something is in it, of what its parameters stand for."""
    function = definition_of(code)
    if function is None:
        return NONE
    reader = Reader()
    for name in parameters_of(function):
        reader.write(name, Made(frozenset((Reference(PARAMETER + name),))))
    reader.run(function.body)
    return frozenset(each for each in reader.among if each.name.startswith(PARAMETER))


def _only(reference: Reference) -> References:
    return frozenset((reference,))


def _imported_as(alias: ast.alias) -> str:
    return (alias.asname or alias.name).partition(".")[0]


class _At(Sharing):
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
    things : Things
    """

    def __init__(
        self,
        at: ast.stmt,
        tracked: Mapping[str, tuple[str, ...]],
        lasting: Set[str],
        asked: Set[str] | None,
        things: Things,
    ) -> None:
        super().__init__(things)
        self._asked = asked
        self._is_at = False
        self._within_arguments = 0
        self._lasting = lasting
        self.found: References = NONE
        self.call: ast.Call | None = None
        """The call that is under way."""
        self._given: Call | None = None
        self._around: References = NONE
        self._is_caught = False
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
        return NOTHING if name in self._things.own else super().unbound(name)

    def _risk(self, statement: ast.stmt) -> References:
        """As of the reader; a check of a whole table tells of no value, nor does who checks it."""
        return frozenset(each for each in super()._risk(statement) if not self._is_whole(each))

    def _is_whole(self, reference: Reference) -> bool:
        columns = self._tracked.get(reference.name.removeprefix(PARAMETER))
        return bool(columns) and is_whole(reference, columns or ())

    def read(self) -> Read:
        """What was found."""
        deciding = frozenset(each for each in self._around if not self._is_whole(each))
        among = frozenset(self.among)
        return Read(self.found, deciding, self._is_caught, self._given, among)

    def _call(self, node: ast.Call) -> Made:
        if node is self.call and self._is_at:
            self._given = self._what_is_given(node)
        return super()._call(node)

    def _what_is_given(self, node: ast.Call) -> Call:
        called, subject = node.func, NONE
        if isinstance(called, ast.Attribute):
            subject = self.value(called.value).all
        placed = tuple(self.value(each).all for each in node.args)
        named = {each.arg: self.value(each.value).all for each in node.keywords}
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        name = str(getattr(called, "attr", "") or getattr(called, "id", ""))
        return Call(name, placed, named, subject, starred)

    def _run_within(self, name: str, node: ast.Call) -> None:
        """As of the reader; what is done there is no part of the function's own statement."""
        is_at, self._is_at = self._is_at, False
        super()._run_within(name, node)
        self._is_at = is_at

    def _under(self, condition: Made, nodes: list[ast.expr]) -> Made:
        if self._is_at:
            self._around |= condition.all
        return super()._under(condition, nodes)

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
                if isinstance(node, _Named):
                    self.share_within(node, name)
            return
        if node is not self._at:
            super().run_one(node)
            return
        before, given = self.bound, self.given
        self.bound = {**before, **{name: Made(_only(Reference(name))) for name in self._tracked}}
        start = dict(self.bound)
        self.given = set()
        self._is_at = True
        self._around |= self.deciding()
        self._is_caught |= self.caught > 0
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
