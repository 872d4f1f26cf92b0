"""What a statement reads, and which of its names owe what to which: from its syntax alone.

The observers see calls. Between them lies plain Python (loops, comprehensions, the user's own
functions), which turns frames into lists, and lists into tensors. This module reads that off the
syntax of one top-level statement; `capture.variables` puts real things in the places of names.
What is found so is *inferred*: a name is taken to owe to whatever its expression mentions.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import NamedTuple

from governed_kernel.capture.expressions import Expressions
from governed_kernel.capture.references import NOTHING, Made, Reference, References

__all__ = ["Flow", "Reader", "flow_of"]


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


_LEAVING = (ast.Return, ast.Continue, ast.Break)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


def _leaves(node: ast.stmt, ways: tuple[type[ast.stmt], ...]) -> bool:
    """Whether a statement may end the loop's turn, the loop or the function that it stands in."""
    if isinstance(node, ways):
        return True
    if isinstance(node, _SCOPES):
        return False
    if isinstance(node, _LOOPS):
        ways = tuple(each for each in ways if each not in (ast.Continue, ast.Break))
    return any(
        _leaves(each, ways)
        for part in ast.iter_child_nodes(node)
        for each in (part.body if isinstance(part, (ast.ExceptHandler, ast.match_case)) else [part])
        if isinstance(each, ast.stmt)
    )


_DEEPEST_TWICE = 4
"""Loops within loops that are read for two turns."""


class Reader(Expressions):
    """Runs statements over what names owe to, instead of over values."""

    def __init__(self) -> None:
        super().__init__()
        self.caught = 0
        """How many handlers there are around for what is raised; elsewhere it ends everything."""

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
                before, added = self.take(node.target), self.take(node.value)
                if isinstance(node.target, ast.Name):
                    self.touch(node.target, added)  # an array stays the thing that it is
                self.bind(node.target, before | added, None)
            case ast.For() | ast.AsyncFor():
                self._loop(node)
            case ast.While():
                self.conditions.append(self.take(node.test).all)
                self._looped(node, lambda: self.run(node.body))
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
                self.caught += bool(handlers)
                tried = self._tried(node.body)
                self.caught -= bool(handlers)
                self._branch([*handlers, node.orelse], tried if handlers else NOTHING)
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

        self._looped(node, turn)
        self.run(node.orelse)

    def _looped(self, node: ast.stmt, turn: Callable[[], None]) -> None:
        """Turns of a loop: what has ended one, or all, decides about the next and what it binds."""
        before = self.left
        self._twice(turn)
        if not _leaves(node, (ast.Return,)):
            self.left = before

    def _tried(self, body: list[ast.stmt]) -> Made:
        """Statements that may fail; gives what they read, which decides whether they do."""
        before, self.reads = self.reads, set()
        self.run(body)
        tried = Made(frozenset(self.reads))
        self.reads |= before
        return tried

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
        leaving = (*_LEAVING, ast.Raise) if self.caught else _LEAVING
        if test.all and any(_leaves(each, leaving) for body in bodies for each in body):
            self.left |= test.all

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
