"""Which expressions of a statement may fail, and what takes the error: from the syntax alone.

In ``try: {0: 1}[b]; n = 1`` nothing is made of ``b``, and yet ``n`` tells of it: the statement
before has failed, or it has not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["may_fail", "raises_again", "suppresses", "takes_errors"]

_SAFE = {"append", "appendleft", "add", "extend", "copy"}
"""Methods that fail for no value of what they are given."""
_SUPPRESSING = ("suppress", "raises")
_FAILING = (
    *(ast.Subscript, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Await, ast.YieldFrom),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


def may_fail(statement: ast.stmt) -> Iterator[ast.expr]:
    """Expressions that decide whether a statement fails, not those of statements within it."""
    if isinstance(statement, ast.Assert):
        yield statement.test
        return
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.expr):
            yield from _deciding(child)
        elif isinstance(child, ast.withitem):
            yield from _deciding(child.context_expr)
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.For | ast.AsyncFor):
        targets, value = [statement.target], statement.iter
    else:
        return
    if any(isinstance(target, ast.Tuple | ast.List) for target in targets):
        yield value


def _deciding(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Subscript(ctx=ast.Store(), slice=key):
            yield key
        case ast.Call(func=ast.Attribute(value=subject, attr=method), args=given) if (
            method in _SAFE
        ):
            for part in (subject, *given):
                yield from _deciding(part)
        case ast.Call(func=called, args=given, keywords=keywords):
            yield called.value if isinstance(called, ast.Attribute) else called
            yield from given
            yield from (keyword.value for keyword in keywords)
        case ast.FormattedValue(value=value, format_spec=ast.expr()):
            yield value
        case ast.Lambda():
            return
        case _ if isinstance(node, _FAILING):
            yield node
        case _:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    yield from _deciding(child)


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Whether what a handler catches ends all as if nobody had caught it."""
    return isinstance(handler.body[-1], ast.Raise)


def takes_errors(function: ast.stmt) -> bool:
    """Whether a context manager may keep an error that is raised within it.

    Parameters
    ----------
    function : ast.stmt
        Its ``__exit__``, or the generator that ``contextlib.contextmanager`` was given.
    """
    for node in ast.walk(function):
        match node:
            case ast.Return(value=ast.expr() as value):
                if not (isinstance(value, ast.Constant) and not value.value):
                    return True
            case ast.Try(handlers=handlers) | ast.TryStar(handlers=handlers):
                if not all(map(raises_again, handlers)):
                    return True
            case ast.withitem(context_expr=context) if suppresses(context):
                return True
    return False


def suppresses(context: ast.expr) -> bool:
    """Whether a ``with`` may take an error that is raised within it, as far as its name says."""
    called = context.func if isinstance(context, ast.Call) else context
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return any(word in name.lower() for word in _SUPPRESSING)
