"""By which names a statement can get at data that no observer has linked to them."""

from __future__ import annotations

import types
from typing import Any

__all__ = ["MISSING", "may_bring_data"]

MISSING = object()
"""Stands for what a name means where it means nothing."""
_CODE = (
    *(types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType),
    type,
)
_PLAIN = (int, float, complex, str, bytes, bool, type(None))
_LEADING_ANYWHERE = {
    *("open", "input", "globals", "locals", "vars", "dir", "getattr", "eval", "exec", "compile"),
    *("__import__", "get_ipython", "object", "type", "super"),
}
"""Built-in names by which everything can be reached."""
_GENERATING = {"random", "itertools", "datetime"}
_CALCULATING = {
    *("numpy", "pandas", "polars", "pyarrow", "scipy", "torch", "math", "cmath", "statistics"),
    *("decimal", "fractions", "string", "time", "uuid", "secrets", "functools", "operator"),
    *("collections", *_GENERATING),
}
"""Modules whose functions give what they were given, chance, or the time."""


def may_bring_data(name: str, thing: Any) -> bool:
    """Whether a name can bring in data by itself: not a constant, nor what only calculates.

    Parameters
    ----------
    thing : object
        What the name stands for; `MISSING` for a built-in one.
    """
    if thing is MISSING:
        return name in _LEADING_ANYWHERE
    if isinstance(thing, _PLAIN):
        return False
    if isinstance(thing, types.ModuleType):
        return thing.__name__.partition(".")[0] not in _CALCULATING
    kind = thing if isinstance(thing, _CODE) else type(thing)
    module = getattr(kind, "__module__", None) or ""
    allowed = _CALCULATING if isinstance(thing, _CODE) else _GENERATING
    return not (module.startswith("numpy.random") or module.partition(".")[0] in allowed)
