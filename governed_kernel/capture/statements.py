"""What a statement reads, and which of its names owe what to which: from its syntax alone.

The observers see calls. Between them lies plain Python (loops, comprehensions, the user's own
functions), which turns frames into lists, and lists into tensors. This module reads that off the
syntax of one top-level statement; `capture.variables` puts real things in the places of names.
What is found so is *inferred*: a name is taken to owe to whatever its expression mentions.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from governed_kernel.capture.magics import code_of
from governed_kernel.capture.references import (
    LENGTH,
    NONE,
    NOTHING,
    Made,
    Reference,
    References,
    closed,
    extended,
)
from governed_kernel.capture.writing import is_place

__all__ = ["CALLED", "Flow", "Reader", "flow_of"]


class Flow(NamedTuple):
    """What one statement does with names.

    Attributes
    ----------
    reads : frozenset of Reference
        What the values of its expressions owe to.
    writes : dict of str to Made
        Names that are bound anew.
    touches : dict of str to Made
        Names whose thing is changed in place: ``x[i] = …``, ``x.append(…)``.
    given : frozenset of Reference
        What values owe to that are assigned to a part of something, or that are an argument.
    places : dict of str to tuple of str
        Where attributes lead from a touched name to what is changed: ``os.environ[i] = …``.
    """

    reads: References
    writes: dict[str, Made]
    touches: dict[str, Made]
    given: References
    places: dict[str, set[tuple[str, ...]]]


def flow_of(statement: ast.stmt) -> Flow:
    """The flow of one top-level statement."""
    reader = Reader()
    reader.run([statement])
    written = {
        name: made
        for name, made in reader.bound.items()
        if name not in reader.hidden and name in reader.written
    }
    return Flow(
        frozenset(reader.reads), written, reader.touched, frozenset(reader.given), reader.places
    )


_ROWS = {
    *("itertuples", "iterrows", "iter_rows", "iter_slices", "items", "rows", "named", "values"),
    *("to_dict", "to_dicts", "tolist", "to_list", "to_numpy", "numpy", "copy"),
    *("head", "tail", "sample", "sort", "sort_values", "reset_index"),
}
"""Methods whose results have the subject's own columns."""
_CHANGING = {
    *("append", "appendleft", "extend", "extendleft", "insert", "add", "update", "setdefault"),
    *("put", "push", "write", "writerow", "writerows", "load_state_dict"),
    *("fit", "partial_fit", "fit_transform", "fit_predict"),
}
"""Methods that change their subject, and by their arguments."""
CALLED = ("()",)
"""The place of what is not in a thing, but in what a call of it gives."""
_PASSING = {"list", "tuple", "sorted", "reversed", "iter", "set", "frozenset", "next"}
"""Functions whose result holds what their first argument holds."""
_DEEPEST_TWICE = 4
"""Loops within loops that are read for two turns."""


class Reader:
    """Runs statements over what names owe to, instead of over values."""

    def __init__(self) -> None:
        self.reads: set[Reference] = set()
        self.bound: dict[str, Made] = {}
        self.written: set[str] = set()
        self.touched: dict[str, Made] = {}
        self.given: set[Reference] = set()
        self.places: dict[str, set[tuple[str, ...]]] = {}
        self.hidden: set[str] = set()
        self.conditions: list[References] = []
        self.depth = 0

    # --- statements -------------------------------------------------------------------------

    def run(self, body: Iterable[ast.stmt]) -> None:
        """One statement after the other."""
        for statement in body:
            self.run_one(statement)

    def take(self, node: ast.expr) -> Made:
        """The value of an expression that stands in a statement."""
        made = self.value(node)
        self.reads |= made.all
        return made

    def run_one(self, node: ast.stmt) -> None:
        """One statement."""
        match node:
            case ast.Assign():
                made = self.take(node.value)
                for target in node.targets:
                    self.bind(target, made, node.value)
            case ast.AnnAssign(value=ast.expr() as value):
                self.bind(node.target, self.take(value), value)
            case ast.AugAssign():
                before, added = self.take(_as_load(node.target)), self.take(node.value)
                if isinstance(node.target, ast.Name):
                    self.touch(node.target, added)  # an array stays the thing that it is
                self.bind(node.target, before | added, None)
            case ast.For() | ast.AsyncFor():
                self._loop(node)
            case ast.While():
                self.conditions.append(self.take(node.test).all)
                self._twice(lambda: self.run(node.body))
                self.conditions.pop()
                self.run(node.orelse)
            case ast.If():
                self._branch([node.body, node.orelse], self.take(node.test))
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    made = self.take(item.context_expr)
                    if item.optional_vars is not None:
                        self.bind(item.optional_vars, made, None)
                self.run(node.body)
            case ast.Try() | ast.TryStar():
                handlers = [handler.body for handler in node.handlers]
                self.run(node.body)
                self._branch([*handlers, node.orelse], NOTHING)
                self.run(node.finalbody)
            case ast.Match():
                self._match(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.write(node.name, NOTHING)  # what it will read is seen when it is called
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    self.write((alias.asname or alias.name).partition(".")[0], NOTHING)
            case ast.Delete():
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.bound[target.id] = NOTHING
                        self.written.discard(target.id)
            case ast.Expr():
                self.take(node.value)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.take(child)

    def _loop(self, node: ast.For | ast.AsyncFor) -> None:
        source = self.take(node.iter)

        def turn() -> None:
            self._each(node.target, node.iter, source)
            self.run(node.body)

        self._twice(turn)
        self.run(node.orelse)

    def _twice(self, turn: Callable[[], None]) -> None:
        """At least one turn of a loop, in which names may come from the turn before.

        Deep inside others one turn is enough: those around it take turns, which would double with
        each level.
        """
        before = dict(self.bound)
        self.depth += 1
        turn()
        self._join([before, self.bound])
        if self.depth <= _DEEPEST_TWICE:
            turn()
        self.depth -= 1

    def _match(self, node: ast.Match) -> None:
        subject = self.take(node.subject)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                name = getattr(part, "name", None) or getattr(part, "rest", None)
                if isinstance(name, str):
                    self.write(name, subject)
        self._branch([case.body for case in node.cases], subject)

    def _branch(self, bodies: list[list[ast.stmt]], test: Made) -> None:
        """One of `bodies` is run; `test` decides which."""
        self.conditions.append(test.all)
        start, ends = dict(self.bound), []
        for body in bodies:
            self.bound = dict(start)
            self.run(body)
            ends.append(self.bound)
        self._join(ends)
        self.conditions.pop()

    def _join(self, ends: list[dict[str, Made]]) -> None:
        """What holds if any of these does; a name that one of them leaves alone may be the old."""
        names = dict.fromkeys(name for end in ends for name in end)
        joined = {}
        for name in names:
            old = Made(frozenset((Reference(name),)))
            made = NOTHING
            for end in ends:
                made = made | end.get(name, old)
            joined[name] = made
        self.bound = joined

    # --- names ------------------------------------------------------------------------------

    def write(self, name: str, made: Made) -> None:
        """Bind `name`, under the conditions that hold here."""
        deciding = NONE.union(*self.conditions) if self.conditions else NONE
        self.bound[name] = Made(made.direct, made.indirect | deciding)
        self.written.add(name)

    def bind(self, target: ast.expr, made: Made, source: ast.expr | None) -> None:
        """Bind whatever stands on the left of an assignment."""
        match target:
            case ast.Name():
                self.write(target.id, made)
            case ast.Starred():
                self.bind(target.value, made, None)
            case ast.Tuple() | ast.List():
                parts = self._parts(source, target.elts)
                for number, part in enumerate(target.elts):
                    own = self.value(parts[number]) if parts else made
                    self.bind(part, own, parts[number] if parts else None)
            case ast.Attribute() | ast.Subscript():
                self.given |= made.all
                if self.depth and is_place(target) and isinstance(target, ast.Subscript):
                    self.given |= self.value(target.slice).all  # a turn says in which rows
                if isinstance(target, ast.Subscript):
                    made = made | closed(self.value(target.slice))
                self.touch(target.value, made)
            case _:
                pass

    @staticmethod
    def _parts(source: ast.expr | None, targets: list[ast.expr]) -> list[ast.expr]:
        """``a, b = x, y`` part by part."""
        given = source.elts if isinstance(source, ast.Tuple | ast.List) else []
        starred = any(isinstance(part, ast.Starred) for part in [*given, *targets])
        return given if len(given) == len(targets) and not starred else []

    def touch(self, subject: ast.expr, made: Made) -> None:
        """The thing behind an expression is changed in place."""
        place: tuple[str, ...] = ()
        is_called = False
        while isinstance(subject, ast.Attribute | ast.Subscript | ast.Call):
            place = (subject.attr, *place) if isinstance(subject, ast.Attribute) else ()
            is_called |= isinstance(subject, ast.Call)
            subject = subject.func if isinstance(subject, ast.Call) else subject.value
        if not isinstance(subject, ast.Name):
            return
        name = subject.id
        self.places.setdefault(name, set()).add(CALLED if is_called else place)
        if name in self.bound:
            self.bound[name] = self.bound[name] | made
        if name not in self.hidden:
            deciding = NONE.union(*self.conditions) if self.conditions else NONE
            made = Made(made.direct, made.indirect | deciding)
            self.touched[name] = self.touched.get(name, NOTHING) | made

    def _each(self, target: ast.expr, iterable: ast.expr, source: Made) -> None:
        """Bind the target of a loop to what one turn gives."""
        call = iterable if isinstance(iterable, ast.Call) else None
        name = call.func.id if call and isinstance(call.func, ast.Name) else ""
        if call is not None and isinstance(target, ast.Tuple):
            if name == "zip" and len(call.args) == len(target.elts):
                for part, argument in zip(target.elts, call.args, strict=True):
                    self._each(part, argument, self.value(argument))
                return
            if name == "enumerate" and len(target.elts) == 2 and call.args:
                self.bind(target.elts[0], NOTHING, None)
                self._each(target.elts[1], call.args[0], self.value(call.args[0]))
                return
        self.bind(target, source, None)

    # --- expressions ------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Made:
        """What the value of an expression owes to."""
        match node:
            case ast.Name():
                return self._name(node.id)
            case ast.Attribute():
                return extended(self.value(node.value), node.attr)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Call():
                return self._call(node)
            case ast.IfExp():
                test = self.value(node.test)
                chosen = self.value(node.body) | self.value(node.orelse)
                return Made(chosen.direct, chosen.indirect | test.all)
            case ast.NamedExpr():
                made = self.value(node.value)
                self.bind(node.target, made, node.value)
                return made
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                return self._comprehension(node.generators, [node.elt])
            case ast.DictComp():
                return self._comprehension(node.generators, [node.key, node.value])
            case ast.Lambda():
                return self._lambda(node)
            case ast.Starred():
                return self.value(node.value)
            case _:
                return closed(self._all(_expressions(node)))

    def _all(self, nodes: Iterable[ast.expr]) -> Made:
        made = NOTHING
        for node in nodes:
            made = made | self.value(node)
        return made

    def _name(self, name: str) -> Made:
        if name in self.bound:
            return self.bound[name]
        if name in self.hidden:
            return NOTHING
        return Made(frozenset((Reference(name),)))

    def _subscript(self, node: ast.Subscript) -> Made:
        subject = self.value(node.value)
        match node.slice:
            case ast.Constant(value=str() | int() as key) if not isinstance(key, bool):
                return extended(subject, key)
            case ast.List(elts=parts) | ast.Tuple(elts=parts) if parts and all(
                isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts
            ):
                made = NOTHING
                for part in parts:
                    made = made | extended(subject, str(getattr(part, "value", "")))
                return made
            case ast.Tuple(elts=[*rows, ast.Constant(value=str() as key)]):
                # ``frame.loc[rows, "a"]``, ``frame.at[row, "a"]``
                made = extended(subject, key)
                return Made(made.direct, made.indirect | self._all(rows).all)
            case ast.Tuple(elts=[*rows, ast.Constant(value=int() as place)]) if isinstance(
                node.value, ast.Attribute
            ) and node.value.attr in ("iat", "iloc"):
                made = extended(subject, place)
                return Made(made.direct, made.indirect | self._all(rows).all)
        index = self.value(node.slice)
        return Made(subject.direct, subject.indirect | index.all)

    def _call(self, node: ast.Call) -> Made:
        if (code := code_of(node)) is not None:
            return self._code(code)
        if self._counts(node):
            return extended(self.value(node.args[0]), LENGTH)
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        given = NOTHING
        for argument in arguments:
            given = given | self.argument(argument)
        self.given |= given.all
        for keyword in node.keywords:
            if keyword.arg == "out":
                self.touch(keyword.value, closed(given))
        if isinstance(node.func, ast.Attribute):
            subject = self.value(node.func.value)
            method = node.func.attr
            if method in _CHANGING:
                self.touch(node.func.value, closed(given))
            kept = subject if method in _ROWS else closed(extended(subject, method))
            return kept | closed(given)
        if isinstance(node.func, ast.Name) and node.func.id in _PASSING and not node.keywords:
            return given
        return closed(self.value(node.func)) | closed(given)

    def argument(self, node: ast.expr) -> Made:
        """What an argument of a call owes to."""
        return self.value(node)

    def _counts(self, node: ast.Call) -> bool:
        """Whether a call asks how long a thing of the statement's start is: ``len(frame)``.

        What a loop runs over may be a value, whose length tells of it.
        """
        if not isinstance(node.func, ast.Name) or node.func.id != "len" or node.keywords:
            return False
        thing = node.args[0] if len(node.args) == 1 else node
        while isinstance(thing, ast.Attribute | ast.Subscript):
            thing = thing.value
        if not isinstance(thing, ast.Name):
            return False
        return thing.id not in self.bound and thing.id not in self.hidden

    def _code(self, code: str) -> Made:
        """Code that a magic runs."""
        try:
            body = ast.parse(code).body
        except SyntaxError:
            return NOTHING
        self.run(body)
        return NOTHING

    def _comprehension(self, generators: list[ast.comprehension], elements: list[ast.expr]) -> Made:
        first = self.value(generators[0].iter)  # in the scope around it

        def inside() -> Made:
            deciding, counted = NOTHING, first.all
            for number, generator in enumerate(generators):
                source = self.value(generator.iter) if number else first
                self._each(generator.target, generator.iter, source)
                deciding = deciding | self._all(generator.ifs)
                counted |= source.all
            made = self._all(elements)
            # How many there are is the iterable's doing, if nothing else is.
            return Made(made.direct or counted, made.indirect | deciding.all)

        names = {name for generator in generators for name in _names(generator.target)}
        return self._inside(names, inside)

    def _lambda(self, node: ast.Lambda) -> Made:
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        every += [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
        names = {argument.arg for argument in every}
        return self._inside(names, lambda: self.value(node.body))

    def _inside(self, names: set[str], work: Callable[[], Made]) -> Made:
        """Evaluate with `names` of an inner scope, and forget them after."""
        bound, hidden, written = dict(self.bound), set(self.hidden), set(self.written)
        for name in names:
            self.bound.pop(name, None)
        self.hidden |= names
        made = work()
        kept = {name: value for name, value in self.bound.items() if name not in names}
        self.bound = {**{name: bound[name] for name in names if name in bound}, **kept}
        self.hidden = hidden
        self.written = written | {name for name in self.written if name not in names}
        return made


def _as_load(target: ast.expr) -> ast.expr:
    return target  # the context is not looked at


def _names(target: ast.expr) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name):
            yield node.id


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """The nearest expressions below a node that has no rule of its own."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif not isinstance(child, ast.stmt):
            yield from _expressions(child)
