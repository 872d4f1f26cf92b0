"""Which values a statement's own text writes out: these come from nowhere else.

``frame["a"] = [1, 2]`` holds what its text says. ``[1 if x > 5 else 2 for x in …]`` holds nothing
else than these two numbers either, but which of them stands where is what the condition has told:
so a list has to stand in the text as a whole, and what a condition chooses is not written out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

__all__ = ["Written", "is_place"]

_MANY = 1_000
_CONTAINERS = (list, tuple, set, dict)
_DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict)
_UNKNOWN = object()
_DECIDING = (
    *(ast.If, ast.While, ast.match_case, ast.For, ast.AsyncFor),
    *(ast.Try, ast.TryStar),
)
_COMPUTING = (ast.BinOp, ast.Compare, ast.AugAssign)
_PLACES = ("loc", "iloc", "at", "iat")


class Written:
    """The values in the text of one statement."""

    def __init__(self, statement: ast.AST) -> None:
        constants: set[Any] = set()
        places: set[int] = set()
        operands: set[int] = set()
        chosen: set[Any] = set()
        taken: set[int] = set()
        self._displays: list[Any] = []
        self._by_size: dict[int, list[Any]] | None = None
        self._repeated: list[Any] = []
        self._chosen: list[Any] = []
        """Containers of which a condition, or a turn of a loop, has told which goes where."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Constant):
                constants.add(node.value)
            elif isinstance(node, ast.Subscript):
                places.update(map(id, _parts(node.slice)))
                if isinstance(node.value, _DISPLAYS):
                    taken.add(id(node.value))
                    chosen.update(_constants(node.value))
            elif part_of := list(_told(node)):
                chosen.update(each for part in part_of for each in _constants(part))
                self._chosen += map(_evaluated, part_of)
            elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
                for part in (node.left, node.right):
                    if isinstance(part, ast.List | ast.Tuple):
                        self._repeated.append(_evaluated(part))
            if isinstance(node, _COMPUTING):
                operands.update(map(id, ast.iter_child_nodes(node)))
            if isinstance(node, (*_DISPLAYS, ast.BinOp, ast.Call)) and id(node) not in taken:
                self._displays.append(_evaluated(node))
        self.constants = constants
        standing = [node for node in ast.walk(statement) if isinstance(node, ast.Constant)]
        self._values = {node.value for node in standing if id(node) not in places} - chosen
        given = {node.value for node in standing if id(node) not in places | operands}
        self._given = given - chosen

    def holds(self, value: Any) -> bool:
        """Whether a value stands in the text: a single one anywhere, a container as a whole."""
        if isinstance(value, _CONTAINERS):
            return len(value) <= _MANY and self._holds_container(value)
        if value is None or isinstance(value, bool):
            return True
        if not isinstance(value, (int, float, str, bytes)):
            return False
        return value in self.constants or _negative(value) in self.constants

    def assigns(self, value: Any) -> bool:
        """The same of what becomes a value: no place, and nothing that a condition has chosen."""
        if isinstance(value, _CONTAINERS):
            return self.holds(value) and not any(_same(each, value) for each in self._chosen)
        if value is None or isinstance(value, bool):
            return value in self._values
        return self.holds(value) and (value in self._values or _negative(value) in self._values)

    def gives(self, value: Any) -> bool:
        """Whether a single value stands there by itself: in no computation, and not chosen."""
        return self.holds(value) and (value in self._given or _negative(value) in self._given)

    def _holds_container(self, value: Any) -> bool:
        pending, seen = [value], set[int]()
        while pending:
            part = pending.pop()
            if not isinstance(part, _CONTAINERS) or len(part) > _MANY:
                return False
            if id(part) in seen or not part or self._stands(part):  # it may hold itself
                continue
            seen.add(id(part))
            if isinstance(part, dict) and not all(map(self.holds, part)):
                return False
            pending += part.values() if isinstance(part, dict) else part
        return True

    def _stands(self, value: Any) -> bool:
        if self._by_size is None:
            self._by_size = {}
            for each in self._displays:
                if isinstance(each, _CONTAINERS):
                    self._by_size.setdefault(len(each), []).append(each)
        return any(_same(each, value) for each in self._by_size.get(len(value), ())) or any(
            _repeats(each, value) for each in self._repeated
        )


def _same(written: Any, value: Any) -> bool:
    """Whether a value is one that is made of constants; asks nothing of the user's objects."""
    if isinstance(written, (list, tuple)):
        return (
            type(value) is type(written)
            and len(value) == len(written)
            and all(map(_same, written, value))
        )
    if isinstance(written, dict):
        return (
            type(value) is dict
            and len(value) == len(written)
            and all(
                _same(key, other) and _same(part, value[other])
                for (key, part), other in zip(written.items(), value, strict=True)
            )
        )
    if isinstance(written, set):
        return type(value) is set and all(map(_is_plain, value)) and value == written
    return _is_plain(value) and value == written


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (int, float, complex, str, bytes))


def _repeats(display: Any, value: Any) -> bool:
    """Whether ``value == display * n``."""
    if not display or display is _UNKNOWN or type(display) is not type(value):
        return False
    times, rest = divmod(len(value), len(display))
    return not rest and _same(display * times, value)


def _told(node: ast.AST) -> Iterator[ast.expr]:
    """Expressions of which a node tells whether, or to which rows, their values go."""
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, _DECIDING):
        is_loop = isinstance(node, ast.For | ast.AsyncFor)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Assign) and (not is_loop or any(map(is_place, inner.targets))):
                yield inner.value


def is_place(target: ast.expr) -> bool:
    """Whether an assignment goes to some rows: ``frame.loc[i, "a"]``."""
    return (
        isinstance(target, ast.Subscript)
        and isinstance(target.value, ast.Attribute)
        and target.value.attr in _PLACES
    )


def _parts(key: ast.expr) -> Iterator[ast.expr]:
    """The constants that a subscript is made of."""
    if isinstance(key, ast.Tuple):
        for part in key.elts:
            yield from _parts(part)
    elif isinstance(key, ast.Slice):
        for bound in (key.lower, key.upper, key.step):
            if bound is not None:
                yield from _parts(bound)
    elif isinstance(key, ast.UnaryOp):
        yield key.operand
    else:
        yield key


def _constants(node: ast.expr) -> Iterator[Any]:
    """The constants that an expression gives, as it is or in a display."""
    if isinstance(node, ast.Constant):
        yield node.value
    elif isinstance(node, ast.UnaryOp):
        yield from _constants(node.operand)
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        for part in node.elts:
            yield from _constants(part)
    elif isinstance(node, ast.Dict):
        for part in node.values:
            yield from _constants(part)


def _evaluated(node: ast.AST) -> Any:
    """The value of an expression that is made of constants alone."""
    match node:
        case ast.Constant():
            return node.value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            values = [_evaluated(part) for part in parts]
            if any(value is _UNKNOWN for value in values):
                return _UNKNOWN
            kind = {ast.List: list, ast.Tuple: tuple}.get(type(node), set)
            return _made(kind, values)
        case ast.Dict(keys=keys, values=parts):
            pairs = [
                (_evaluated(key) if key is not None else _UNKNOWN, _evaluated(part))
                for key, part in zip(keys, parts, strict=True)
            ]
            if any(part is _UNKNOWN for pair in pairs for part in pair):
                return _UNKNOWN
            return _made(dict, pairs)
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=[*keywords]) if keywords:
            pairs = [(each.arg, _evaluated(each.value)) for each in keywords]
            if any(name is None or value is _UNKNOWN for name, value in pairs):
                return _UNKNOWN
            return dict(pairs)
        case ast.BinOp(op=ast.Add() | ast.Mult() as op, left=left, right=right):
            return _combined(op, _evaluated(left), _evaluated(right))
    return _UNKNOWN


def _made(kind: Any, parts: list[Any]) -> Any:
    try:
        return kind(parts)
    except TypeError:  # what can't be a key
        return _UNKNOWN


def _combined(op: ast.operator, left: Any, right: Any) -> Any:
    """``["a"] * 3 + ["b"] * 2``, as far as that is a short list."""
    if isinstance(op, ast.Add):
        together = type(left) is type(right) and isinstance(left, (list, tuple))
        return left + right if together and len(left) + len(right) <= _MANY else _UNKNOWN
    if isinstance(right, (list, tuple)):
        left, right = right, left
    if isinstance(left, (list, tuple)) and isinstance(right, int):
        return left * right if len(left) * right <= _MANY else _UNKNOWN
    return _UNKNOWN


def _negative(value: Any) -> Any:
    """``-1`` stands in a text as 1 behind a sign."""
    return -value if isinstance(value, (int, float)) else value
