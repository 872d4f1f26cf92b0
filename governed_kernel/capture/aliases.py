"""Names that lead into the same thing: ``total = totals[key]``, ``rows.append(row)``.

What is changed by one of them is changed for the others: ``total["paid"] += row.paid``. As text
tells it, since which thing a turn of a loop gets nobody can know before.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

__all__ = ["Aliases"]

_GIVING = frozenset(("get", "setdefault", "values", "items"))
"""Methods that give a thing which their subject goes on to hold."""


class Aliases:
    """Which names hold what others stand for, as far as statements were read."""

    def __init__(self) -> None:
        self._holders: defaultdict[str, set[str]] = defaultdict(set)

    def bind(self, name: str, source: ast.expr | None) -> None:
        """A name stands for (a part of) what an expression leads to, and for nothing else."""
        holders = set(_roots(source))
        if isinstance(source, ast.List | ast.Tuple | ast.Dict):
            self.put(name, source.values if isinstance(source, ast.Dict) else source.elts)
        holders.discard(name)
        self._holders[name] = holders

    def put(self, holder: str, values: Iterable[ast.expr]) -> None:
        """What some expressions stand for is put into the thing of a name."""
        for value in values:
            parts = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
            for part in parts:
                if isinstance(part, ast.Name) and part.id != holder:
                    self._holders[part.id].add(holder)

    def holders(self, name: str) -> set[str]:
        """The names through which a thing that is changed by this one is changed as well."""
        found: set[str] = set()
        pending = [name]
        while pending:
            new = self._holders.get(pending.pop(), set()) - found
            found |= new
            pending += new
        return found - {name}


def _roots(source: ast.expr | None) -> Iterator[str]:
    """The names that lead to what an expression stands for, by items, attributes and ``get``."""
    match source:
        case ast.Name(id=name):
            yield name
        case ast.Attribute(value=inner) | ast.Subscript(value=inner):
            yield from _roots(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr=method)) if method in _GIVING:
            yield from _roots(inner)
        case ast.IfExp(body=one, orelse=other):
            yield from (*_roots(one), *_roots(other))
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from _roots(part)
        case ast.NamedExpr(value=inner):
            yield from _roots(inner)
