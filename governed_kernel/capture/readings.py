"""What the text of a top-level statement says, before it is executed: `read` needs no values."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from governed_kernel.capture.references import References
from governed_kernel.capture.statements import Flow, flow_of

__all__ = ["Reading", "read"]

_MANY = 1_000


class Reading(NamedTuple):
    """One statement, read.

    Attributes
    ----------
    statement : ast.stmt
    flow : Flow
        What it does with names.
    mentioned : frozenset of Reference
        All that its values, and the names that it binds or changes, owe to.
    counts : Counter of str
        How often it looks up each name; of a statement that is no simple one, nothing.
    items : frozenset of str
        Names that it looks up for nothing but their items: ``name[…]``.
    """

    statement: ast.stmt
    flow: Flow
    mentioned: References
    counts: Counter[str]
    items: frozenset[str]


def read(statement: ast.stmt) -> Reading:
    """Read a top-level statement."""
    flow = flow_of(statement)
    made = (*flow.writes.values(), *flow.touches.values(), *flow.every.values())
    owed = [each.all for each in made]
    counts = Counter(_loads(statement)) if isinstance(statement, _SIMPLE) else Counter[str]()
    others = frozenset(_others(statement))
    items = frozenset(_items(statement)) - others if not others & _BY_NAME else frozenset[str]()
    return Reading(statement, flow, flow.reads.union(*owed), counts, items)


_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)
_REPEATED = (
    *(ast.For, ast.AsyncFor, ast.While, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
"""What may be run many times, or not at all."""


def _loads(statement: ast.AST) -> Iterator[str]:
    """The names that a statement looks up, each time; many times where code is repeated."""
    for node in ast.iter_child_nodes(statement):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, _REPEATED):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name):
                    yield from (inner.id,) * _MANY
        else:
            yield from _loads(node)


_BY_NAME = frozenset(("eval", "exec", "globals", "locals", "vars", "get_ipython"))
"""Built-in names by which a variable can be reached that the text does not name."""
_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.GeneratorExp)
"""What is run by whoever asks for it: within an observed call that is no call of its own."""


def _items(node: ast.AST) -> Iterator[str]:
    """The names of which a statement takes an item."""
    for child in ast.walk(node):
        if isinstance(child, ast.Subscript) and isinstance(child.value, ast.Name):
            yield child.value.id


def _others(node: ast.AST) -> Iterator[str]:
    """The names that it looks up for something else, or in what is run later."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _LATER):
            yield from (each.id for each in ast.walk(child) if isinstance(each, ast.Name))
        elif isinstance(child, ast.Name):
            if not (isinstance(node, ast.Subscript) and node.value is child):
                yield child.id
        else:
            yield from _others(child)
