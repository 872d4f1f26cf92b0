"""Which columns each feature is made of that a transformer of scikit-learn gives.

A scaler learns of each column apart and changes it by that alone; so do encoders, imputers and
whatever puts such steps together. What is learned of all columns at once (`PCA`), or by code that
is not scikit-learn's, is made of all that it was given.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Feature", "features_of"]

_CODE = (types.FunctionType, property, staticmethod, classmethod)
_DEEPEST = 5


class Feature(NamedTuple):
    """A column that a transformer gives.

    Attributes
    ----------
    places : frozenset of int
        Of the columns that it is made of, among those that were given.
    is_sure : bool
        Whether it is known to be made of each of these.
    is_same : bool
        Whether it is the one column as it was given, and nothing was learned of it.
    """

    places: frozenset[int]
    is_sure: bool = True
    is_same: bool = False


_Features: TypeAlias = list[Feature]


def features_of(transformer: Any, width: int) -> _Features | None:
    """What each column of a transformer's result is made of.

    Parameters
    ----------
    transformer : object
        Fitted.
    width : int
        How many columns it was fitted on, and is given.

    Returns
    -------
    list of Feature, or None
        None where each is made of all columns, or that is not known.
    """
    return _of(transformer, width, _DEEPEST)


def _of(transformer: Any, width: int, deep: int) -> _Features | None:
    kind = _kind(transformer)
    if not deep or kind is None or getattr(transformer, "n_features_in_", None) != width:
        return None
    if kind in _TOGETHER:
        return _TOGETHER[kind](transformer, width, deep - 1)
    counted = _ALONE[kind](transformer, width)
    if counted is None or len(counted) != width:
        return None
    same = kind == "FunctionTransformer" and transformer.func is None
    return [
        _one(place)._replace(is_same=same)
        for place, count in enumerate(counted)
        for _ in range(count)
    ]


def _kind(transformer: Any) -> str | None:
    """The name of the class whose methods run, where that is one of scikit-learn's known ones.

    What a class of the user's defines beside may be what these methods call.
    """
    owners = {_owner(type(transformer), name) for name in ("fit", "transform")}
    if len(owners) != 1:
        return None
    (owner,) = owners
    known = owner is not None and owner.__module__.startswith("sklearn.")
    above = itertools.takewhile(lambda each: each is not owner, type(transformer).__mro__)
    defined = (each for kind in above for each in vars(kind).values())
    known = known and not any(isinstance(each, _CODE) for each in defined)
    name = owner.__name__ if known else ""
    return name if name in _ALONE or name in _TOGETHER else None


def _one(place: int) -> Feature:
    return Feature(frozenset((place,)))


def _same(place: int) -> Feature:
    return Feature(frozenset((place,)), is_same=True)


def _through(last: Feature, first: Sequence[Feature]) -> Feature:
    """A feature of features."""
    made_of = [first[place] for place in last.places]
    places = frozenset[int]().union(*(each.places for each in made_of))
    is_sure = last.is_sure and all(each.is_sure for each in made_of)
    return Feature(places, is_sure, last.is_same and all(each.is_same for each in made_of))


def _owner(kind: type, method: str) -> Any:
    return next((each for each in kind.__mro__ if method in vars(each)), None)


def _each_one(_: Any, width: int) -> Sequence[int]:
    return [1] * width


def _encoded(encoder: Any, _: int) -> Sequence[int] | None:
    """One column a category, but for those that are dropped, or taken together as rare."""
    found: list[int] | None = getattr(encoder, "_n_features_outs", None)
    return found


def _binned(binner: Any, width: int) -> Sequence[int]:
    return [1] * width if binner.encode == "ordinal" else [int(count) for count in binner.n_bins_]


def _splines(splines: Any, width: int) -> Sequence[int] | None:
    each, rest = divmod(splines.n_features_out_, width)
    return None if rest else [each] * width


def _imputed(imputer: Any, width: int) -> Sequence[int] | None:
    """A column without any value is left out; with indicators there are more."""
    found: list[int] | None = None
    if not getattr(imputer, "add_indicator", True):
        kept = getattr(imputer, "keep_empty_features", False)
        empty = [value != value for value in imputer.statistics_]  # no number
        found = [1 if kept or not each else 0 for each in empty]
    return found if found is not None and len(found) == width else None


def _as_it_is(function: Any, width: int) -> Sequence[int] | None:
    """What stands for ``"passthrough"``, and functions of numpy's that make one value of one.

    A function of the user's may make anything of anything.
    """
    made = function.func
    is_one = type(made).__name__ == "ufunc" and (made.nin, made.nout) == (1, 1)
    return [1] * width if made is None or is_one else None


def _by_target(encoder: Any, width: int) -> Sequence[int] | None:
    return [1] * width if getattr(encoder, "target_type_", "") != "multiclass" else None


_ALONE: dict[str, Callable[[Any, int], Sequence[int] | None]] = {
    **dict.fromkeys(("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler"), _each_one),
    **dict.fromkeys(("QuantileTransformer", "PowerTransformer", "Binarizer"), _each_one),
    "OrdinalEncoder": _each_one,
    "OneHotEncoder": _encoded,
    "KBinsDiscretizer": _binned,
    "SplineTransformer": _splines,
    "SimpleImputer": _imputed,
    "TargetEncoder": _by_target,
    "FunctionTransformer": _as_it_is,
}
"""How many columns are made of each one, by classes that learn of each column apart."""


def _multiplied(polynomial: Any, width: int, _: int) -> _Features | None:
    """Powers of columns, and products of them; of the column of ones nothing is."""
    powers = polynomial.powers_.tolist()
    if any(len(each) != width for each in powers):
        return None
    return [Feature(frozenset(place for place, n in enumerate(each) if n)) for each in powers]


def _united(union: Any, width: int, deep: int) -> _Features | None:
    """``FeatureUnion``: each part is given all columns, and stands beside the others."""
    made: _Features = []
    for _, part in union.transformer_list:
        if part == "drop":
            continue
        found = list(map(_same, range(width))) if part == "passthrough" else _of(part, width, deep)
        if found is None:
            return None
        made += found
    return made


def _chained(pipeline: Any, width: int, deep: int) -> _Features | None:
    """One step after the other; the last one's columns are made of what its own are made of."""
    made: _Features = list(map(_same, range(width)))
    for _, step in pipeline.steps:
        if step is None or step == "passthrough":
            continue
        found = _of(step, len(made), deep)
        if found is None:
            return None
        made = [_through(each, made) for each in found]
    return made


def _side_by_side(transformer: Any, width: int, deep: int) -> _Features | None:
    """``ColumnTransformer``: each part has its own places among what goes in and comes out."""
    chosen = getattr(transformer, "_transformer_to_input_indices", None)
    placed = getattr(transformer, "output_indices_", None)
    if chosen is None or placed is None:
        return None
    made: dict[int, Feature] = {}
    for name, part, _ in transformer.transformers_:
        inputs, outputs = list(chosen.get(name, ())), placed.get(name, slice(0, 0))
        places = range(outputs.start, outputs.stop)
        found = _part(part, len(inputs), len(places), deep)
        if len(found) != len(places) or any(each >= width for each in inputs):
            return None
        for place, within in zip(places, found, strict=True):
            made[place] = within._replace(places=frozenset(inputs[each] for each in within.places))
    return (
        [made[place] for place in sorted(made)] if len(made) == max(made, default=-1) + 1 else None
    )


def _part(part: Any, width: int, given: int, deep: int) -> _Features:
    """A part's columns: of one that is not known, each of all."""
    if part == "passthrough":
        return list(map(_same, range(width)))
    found = None if isinstance(part, str) else _of(part, width, deep)
    return found if found is not None else [Feature(frozenset(range(width)), False)] * given


_TOGETHER: dict[str, Callable[[Any, int, int], _Features | None]] = {
    "Pipeline": _chained,
    "ColumnTransformer": _side_by_side,
    "FeatureUnion": _united,
    "PolynomialFeatures": _multiplied,
}
