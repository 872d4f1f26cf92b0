"""What a statement reads, and which of its names owe what to which: from its syntax alone.

The observers see calls. Between them lies plain Python (loops, comprehensions, the user's own
functions), which turns frames into lists, and lists into tensors. This module reads that off the
syntax of one top-level statement; `capture.variables` puts real things in the places of names.
What is found so is *inferred*: a name is taken to owe to whatever its expression mentions.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from governed_kernel.capture.expressions import Expressions
from governed_kernel.capture.failing import may_fail, raises_again, suppresses
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
    among : frozenset of Reference
        What it is asked of whether something is in it.
    every : dict of str to Made
        Names that it binds, and all that they owe to, one time or another.
    """

    reads: References
    writes: dict[str, Made]
    touches: dict[str, Made]
    given: References
    places: dict[str, set[tuple[str, ...]]]
    among: References
    every: dict[str, Made]


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
        frozenset(reader.reads),
        written,
        reader.touched,
        frozenset(reader.given),
        reader.places,
        frozenset(reader.among),
        reader.every,
    )


_LEAVING = (ast.Return, ast.Continue, ast.Break)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_Loop: TypeAlias = ast.For | ast.AsyncFor | ast.While


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


def _values(case: ast.match_case) -> Iterator[ast.expr]:
    """What a case holds its subject against."""
    for part in ast.walk(case.pattern):
        if isinstance(part, ast.pattern):
            yield from (each for each in ast.iter_child_nodes(part) if isinstance(each, ast.expr))
    if case.guard is not None:
        yield case.guard


def _takes_all(case: ast.match_case) -> bool:
    pattern = case.pattern
    return case.guard is None and isinstance(pattern, ast.MatchAs) and pattern.pattern is None


_DEEPEST_TWICE = 4
"""Loops within loops that are read for two turns."""


class Reader(Expressions):
    """Runs statements over what names owe to, instead of over values."""

    def run(self, body: Iterable[ast.stmt]) -> None:
        """One statement after the other."""
        for statement in body:
            if self.risked and isinstance(statement, _LEAVING):
                self.left |= self.risked
            self.run_one(statement)
            if self.caught:
                self.risked |= self._risk(statement)

    def _risk(self, statement: ast.stmt) -> References:
        """What decides whether a statement fails by itself."""
        found: set[Reference] = set()
        for part in may_fail(statement):
            found |= self.value(part).all
        return frozenset(found)

    def suppresses(self, context: ast.expr) -> bool:
        """Whether a ``with`` may take an error that is raised within it."""
        return suppresses(context)

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
            case ast.If():
                self._branch([node.body, node.orelse], self.take(node.test))
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    made = self.take(item.context_expr)
                    if item.optional_vars is not None:
                        self.bind(item.optional_vars, made, None)
                if any(self.suppresses(item.context_expr) for item in node.items):
                    failed, _ = self._tried(node.body)
                    self._join([failed, self.bound])
                else:
                    self.run(node.body)
            case ast.Try() | ast.TryStar():
                self._try(node)
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
                made = self.take(node.value)
                match node.value:
                    case ast.Call(func=ast.Attribute(value=subject, attr="execute")):
                        self.touch(subject, made)  # a cursor keeps what it is going to give
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

    def _looped(self, node: _Loop, turn: Callable[[], None]) -> None:
        """Turns of a loop: what has ended one, or all, decides about the next and what it binds."""
        before = self.left
        self._twice(turn)
        ended = self.left - before
        if not _leaves(node, (ast.Return, ast.Raise) if self.caught else (ast.Return,)):
            self.left = before
        if ended and node.orelse:
            self._branch([node.orelse, []], Made(ended))
        else:
            self.run(node.orelse)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        taking = [handler.body for handler in node.handlers if not raises_again(handler)]
        failed, tried = self._tried(node.body, caught=bool(taking))
        for handler in filter(raises_again, node.handlers):
            ended, self.bound = self.bound, dict(failed)
            self.run(handler.body)
            self.bound = ended
        if taking:
            starts = [failed] * len(taking)
            self._branch([*taking, node.orelse], tried, [*starts, self.bound])
        else:
            self.run(node.orelse)
        if self.caught:
            self._join([failed, self.bound])
        self.run(node.finalbody)

    def _tried(self, body: list[ast.stmt], *, caught: bool = True) -> tuple[dict[str, Made], Made]:
        """Statements that may fail; gives what names stand for if they do, and what decides so."""
        risked, left, passed, before = self.risked, self.left, self.passed, dict(self.bound)
        self.passed = {}
        self.caught += caught
        self.run(body)
        self.caught -= caught
        tried = Made(self.risked.union(self.left) - risked - left)
        failed = dict(self.bound)
        for name, made in self.passed.items():
            failed[name] = made | before.get(name, self.unbound(name))
            passed[name] = made | passed.get(name, NOTHING)
        self.passed = passed
        if caught:
            self.risked = risked
            if not any(_leaves(each, _LEAVING) for each in body):
                self.left = left
        return failed, tried

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
        test = subject = self.take(node.subject)
        for case in node.cases:
            for part in ast.walk(case.pattern):
                name = getattr(part, "name", None) or getattr(part, "rest", None)
                if isinstance(name, str):
                    self.write(name, subject)
            for held_against in _values(case):
                test |= self.take(held_against)
        none = [] if any(map(_takes_all, node.cases)) else [list[ast.stmt]()]
        self._branch([*(case.body for case in node.cases), *none], test)

    def _branch(
        self,
        bodies: list[list[ast.stmt]],
        test: Made,
        starts: list[dict[str, Made]] | None = None,
    ) -> None:
        """One of `bodies` is run; `test` decides which. Each may have a start of its own."""
        self.conditions.append(test.all)
        ends = []
        for body, start in zip(bodies, starts or [self.bound] * len(bodies), strict=True):
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
            made, old = NOTHING, self.unbound(name)
            for end in ends:
                made = made | end.get(name, old)
            joined[name] = made
        self.bound = joined
