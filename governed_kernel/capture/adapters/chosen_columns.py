"""Which columns of a frame a fitted pipeline of scikit-learn has taken.

A ``ColumnTransformer`` is given a whole frame, names the columns that it takes, and drops the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["columns_taken", "parts_fitted", "parts_set"]

_DEEPEST = 5
_MOST = 100


def columns_taken(estimator: Any, data: Any, deep: int = _DEEPEST) -> tuple[str, ...] | None:
    """The columns that went in; None where all did, or that is not known.

    Parameters
    ----------
    estimator : object
        Fitted, or a search that has fitted one.
    data : object
        What it was given.
    """
    columns = getattr(data, "columns", None)
    is_own = type(estimator).__module__.startswith("sklearn.")  # whose look-ups run no other code
    if not (deep and is_own and columns is not None and hasattr(columns, "__len__")):
        return None
    held = vars(estimator)
    if (best := held.get("best_estimator_")) is not None:
        return columns_taken(best, data, deep - 1)
    if type(steps := held.get("steps")) is list and steps:
        return columns_taken(steps[0][-1], data, deep - 1)
    if type(parts := held.get("transformers_")) is not list:
        return None
    taken: dict[str, None] = {}
    for _, transformer, chosen in parts:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        names = _names(chosen, [str(column) for column in columns])
        if names is None:
            return None
        taken.update(dict.fromkeys(names))
    return tuple(taken)


def parts_set(estimator: Any) -> Iterator[Any]:
    """The estimators that one was made with, which it fits itself or copies of them."""
    lists, single = ("steps", "transformers", "estimators"), ("estimator", "base_estimator")
    return (part for part in _parts(estimator, lists, single) if hasattr(part, "fit"))


def parts_fitted(estimator: Any) -> Iterator[Any]:
    """The estimators that a pipeline or a ``ColumnTransformer`` has fitted with itself."""
    return _parts(estimator, ("steps", "transformers_"))


def _parts(estimator: Any, lists: Sequence[str], single: Sequence[str] = ()) -> Iterator[Any]:
    """What lies in these attributes of an estimator, of each of these, and so on."""
    pending, left = [estimator], _MOST
    while pending and left:
        each, left = pending.pop(), left - 1
        if not type(each).__module__.startswith("sklearn."):
            continue
        held = getattr(each, "__dict__", {})
        named = [part for name in lists for part in _listed(held.get(name))]
        inner = [part[1] for part in named if not isinstance(part[1], str | None)]
        inner += [held[name] for name in single if name in held]
        pending += inner
        yield from inner


def _listed(parts: Any) -> list[Any]:
    return parts if type(parts) is list else []


def _names(chosen: Any, columns: list[str]) -> list[str] | None:
    """What a transformer's columns are called; it may say them by place or by a mask."""
    if isinstance(chosen, slice):
        ends = (chosen.start, chosen.stop, chosen.step)
        return columns[chosen] if all(isinstance(end, int | None) for end in ends) else None
    if isinstance(chosen, str | int):
        chosen = [chosen]
    if hasattr(chosen, "tolist"):
        chosen = chosen.tolist()
    if not isinstance(chosen, list | tuple):
        return None
    if chosen and all(isinstance(each, bool) for each in chosen):
        return [name for name, kept in zip(columns, chosen, strict=False) if kept]
    if all(isinstance(each, int) and -len(columns) <= each < len(columns) for each in chosen):
        return [columns[each] for each in chosen]
    known = all(isinstance(each, str) and each in columns for each in chosen)
    return list(map(str, chosen)) if known else None
