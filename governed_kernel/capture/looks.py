"""What a thing is by its looks, without running code of its class."""

from __future__ import annotations

from typing import Any

from governed_kernel.capture.bringing import MISSING, PLAIN
from governed_kernel.capture.references import LENGTH
from governed_kernel.capture.registry import Node

__all__ = [
    "SIZES",
    "column_at",
    "constant_text",
    "is_size",
    "item",
    "kind_of",
    "may_be_taught",
    "own",
]

_CONTAINERS = (dict, list, tuple, set, frozenset)
_MOST = 1_000
_TABLES = ("frame", "series", "index", "group", "relation", "array")
_PARTS = {"select_dtypes", "drop", "head", "tail", "copy", "filter", "sample", "iloc", "loc"}
SIZES = frozenset((LENGTH, "shape", "ndim", "columns", "dtypes", "dtype", "empty"))
"""Steps to how large a thing is, or what its columns are called."""
_WITH_COLUMNS = ("frame", "table", "dataset")
_SIZES_OF_COLUMNS = frozenset(
    (
        *("shape", "height", "width", "size", "num_rows", "num_columns", "nbytes", "schema"),
        "column_names",
    )
)
"""Such steps of what has columns alone: of a series they may be labels of its rows."""


def constant_text(thing: Any, most: int = _MOST) -> str | None:
    """All that a thing holds, as text, where these are plain values; None of any other thing."""
    values = thing if type(thing) in _CONTAINERS else _settings(thing)
    if values is None:
        return None
    pending, left = [values], most
    while pending:
        part = pending.pop()
        if type(part) in _CONTAINERS:
            left -= len(part)
            if left < 0:
                return None
            pending += [*part, *part.values()] if isinstance(part, dict) else part
        elif type(part) not in PLAIN:
            return None
    return repr(values)


def _settings(thing: Any) -> dict[str, Any] | None:
    """What a thing holds that is nothing but names for values."""
    kind = type(thing)
    if kind.__module__ in ("__main__", "types", "argparse"):
        return own(thing)
    return None


def is_size(node: Node, path: tuple[str | int, ...]) -> bool:
    """Whether a path leads to how large a thing is, or what its columns are called."""
    if node.kind in _WITH_COLUMNS and path[:1] and path[0] in _SIZES_OF_COLUMNS:
        return path[0] not in node.columns
    if (node.kind in ("frame", "relation") and path[:1] and path[0] in node.columns) or path[
        :1
    ] == ("index",):
        path = path[1:]
    elif node.kind in _TABLES and path[:1] != (LENGTH,):
        path = _of_part(path)
    if not path or path[0] not in SIZES or node.kind == "value":
        return False
    return path[0] == LENGTH or node.kind in _TABLES


def _of_part(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """What comes after methods that give a part of a table, called by the same names."""
    while path and path[0] in _PARTS:
        path = path[1:]
        while path and path[0] in ("*", "()"):
            path = path[1:]
    return path


def may_be_taught(kind: type) -> bool:
    """Whether things of this type take in data while they live: estimators, the user's own."""
    return kind.__module__ == "__main__" or hasattr(kind, "fit")


def own(thing: Any) -> dict[str, Any] | None:
    """A thing's own attributes, without running code of its class."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return None
    return own if type(own) is dict else None


def item(container: Any, key: str | int) -> Any:
    """What lies in a plain container, whose look-up runs no code of the user's."""
    try:
        return container[key]
    except (KeyError, IndexError, TypeError):
        return MISSING


def column_at(frame: Any, node: Node, path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The column of a frame that a number means, as its only step."""
    width = getattr(frame, "shape", (0, 0))[-1]
    own = node.columns[len(node.columns) - width :] if len(node.columns) >= width else ()
    place = path[0] if path else None
    return (own[place],) if isinstance(place, int) and -len(own) <= place < len(own) else ()


def kind_of(thing: Any) -> str:
    """What kind of thing it is called on record."""
    if hasattr(type(thing), "parameters") and hasattr(type(thing), "state_dict"):
        return "model"
    if isinstance(thing, (int, float, complex, str, bytes, bool)):
        return "value"
    name = type(thing).__name__
    return {"ndarray": "array", "Tensor": "array"}.get(name, name)
