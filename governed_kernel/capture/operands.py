"""What the operation that is under way takes, by its text: which literals, and which names.

A number that was computed may equal one that is written out nearby, and Python has one object for
both. Where each is taken tells them apart: in ``frame.a * int(frame.b.max()) + 3`` the product
takes no literal, whatever the sum takes.
"""

from __future__ import annotations

import ast
import functools
import types
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from governed_kernel.capture.definitions import Place, is_at, place_of

__all__ = ["Operands", "operands_at"]

_GIVING = (ast.Call, ast.NamedExpr, ast.Await, ast.Lambda, ast.comprehension)
"""What may give something that has no name."""
_OPERATIONS = (ast.Call, ast.BinOp, ast.Compare, ast.Subscript, ast.AugAssign)


class Operands(NamedTuple):
    """What an operation takes.

    Attributes
    ----------
    literals : frozenset
        Values that it takes as they are written, by themselves or in a list.
    names : frozenset of str
        All names in what it takes.
    computed : tuple of frozenset
        Of each other expression that it takes, the literals within that.
    parts : tuple of expr
        The expressions.
    given : tuple of expr
        What calls give of it, those in a list one by one: all else has a name, or is a part of
        what has.
    picked : tuple of expr
        What calls give of it, or what is an item of something.
    """

    literals: frozenset[Any]
    names: frozenset[str]
    computed: tuple[frozenset[Any], ...]
    parts: tuple[ast.expr, ...]
    given: tuple[ast.expr, ...]
    picked: tuple[ast.expr, ...]


@functools.lru_cache(maxsize=2_000)
def operands_at(within: ast.stmt, code: types.CodeType, instruction: int) -> Operands | None:
    """The operands of the operation that an instruction is; None where it is none."""
    place = place_of(code, instruction)
    if place is None:
        return None
    found = ((node, _taken(node, place)) for node in ast.walk(within))
    operation, taken = next(((node, taken) for node, taken in found if taken), (None, []))
    if operation is None:
        return None
    literals, computed = set[Any](), list[frozenset[Any]]()
    for part in _parts(taken):
        if isinstance(part, ast.Constant):
            literals |= _values([part])
        elif isinstance(part, ast.UnaryOp) and isinstance(part.operand, ast.Constant):
            literals |= _values([part.operand])
        elif not isinstance(part, ast.Name):
            computed.append(_values(ast.walk(part)))
    if literals and isinstance(operation, ast.BinOp | ast.Compare):
        computed.clear()  # the other operand is what it is computed with
    each_one = [part for part in _parts(taken) if isinstance(part, ast.expr)]
    inner = [each for part in taken for each in ast.walk(part)]
    names = {each.id for each in inner if isinstance(each, ast.Name)}
    return Operands(
        frozenset(literals),
        frozenset(names),
        tuple(computed),
        tuple(each for each in map(_expression, taken) if isinstance(each, ast.expr)),
        tuple(part for part in each_one if _is_given(part)),
        tuple(part for part in each_one if _is_given(part) or isinstance(part, ast.Subscript)),
    )


def _taken(node: ast.AST, place: Place) -> list[ast.AST]:
    """What a node takes, if it is the operation at a place."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is not None and any(is_at(each, place) for each in targets):
            keys = [each.slice for each in targets if isinstance(each, ast.Subscript)]
            return [node.value, *keys]
    if not isinstance(node, _OPERATIONS) or not is_at(node, place):
        return []
    match node:
        case ast.Call():
            return [*node.args, *node.keywords]
        case ast.BinOp():
            return [node.left, node.right]
        case ast.Compare():
            return [node.left, *node.comparators]
        case ast.Subscript():
            return [node.slice]
        case _:
            return [node.target, node.value]


def _parts(taken: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The expressions whose values are taken: those in a list or a slice, one by one."""
    for node in taken:
        match node:
            case ast.IfExp():
                yield from _parts([node.body, node.orelse])
            case ast.NamedExpr() | ast.keyword() | ast.Starred():
                yield from _parts([node.value])
            case ast.Dict():
                yield from _parts([*filter(None, node.keys), *node.values])
            case ast.List() | ast.Tuple() | ast.Set() | ast.Slice() | ast.BoolOp():
                yield from _parts(
                    each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)
                )
            case _:
                yield node


def _is_given(part: ast.expr) -> bool:
    return any(isinstance(each, _GIVING) for each in ast.walk(part))


def _expression(node: ast.AST) -> ast.AST:
    return node.value if isinstance(node, ast.keyword) else node


def _values(nodes: Iterable[ast.AST]) -> frozenset[Any]:
    """The constants among nodes; a sign stands before a number."""
    values = {node.value for node in nodes if isinstance(node, ast.Constant)}
    numbers = [each for each in values if isinstance(each, (int, float))]
    return frozenset(values.union(-each for each in numbers))
