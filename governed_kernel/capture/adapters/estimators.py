"""scikit-learn's estimators, and whatever is built on its base classes: fitted, and applied.

There are hundreds of classes, so the methods of one are observed when the notebook first mentions
it or one of its instances. What an estimator gives owes to what it is given and, through its
fitted state, to what it was fitted on.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from typing import Any

from governed_kernel.capture.adapters.chosen_columns import (
    columns_taken,
    parts_fitted,
    parts_set,
)
from governed_kernel.capture.adapters.features import Feature, features_of
from governed_kernel.capture.adapters.sklearn import folds, node_of, rows_of
from governed_kernel.capture.adapters.torch import owes
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.capture.untold import untold
from governed_kernel.lineage.events import Evidence, Relation

__all__ = ["meet"]

_KIND = "estimator"
_FITTING = ("fit", "partial_fit")
_BOTH = ("fit_transform", "fit_predict", "fit_resample")
_APPLYING = (
    *("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples"),
    *("transform", "inverse_transform", "score"),
)
_LEARNED: Relation = "TRANSFORMATION"
_BACK = "inverse_transform"
_TRANSFORMING = ("transform", "fit_transform", _BACK)
_FRAMES = ("X", "X_train", "X_test")
_GIVEN = ("X", "y", "X_train", "y_train", "raw_documents", "X_test")


def meet(observation: Observation, kind: type) -> None:
    """Observe the methods of an estimator's class, or a splitter's, when it is first seen."""
    for owner in kind.__mro__:
        if not owner.__module__.startswith("sklearn."):
            continue
        # What is a generator itself is called by another one, which gives it.
        if not inspect.isgeneratorfunction(vars(owner).get("split", meet)):
            observe(observation, "sklearn", owner, "split", folds)
        for name in (*_FITTING, *_BOTH, *_APPLYING):
            found = vars(owner).get(name)
            if found is None:
                continue
            rule = _fitted if name in _FITTING else _both if name in _BOTH else _applied
            if isinstance(function := getattr(found, "fn", None), type(meet)):
                # A method that is there only if another one is: its descriptor keeps the function.
                del function
                observe(observation, "sklearn", found, "fn", rule, label=f"{kind.__name__}.{name}")
            else:
                before = _is_not_users if name in _BOTH else None
                observe(observation, "sklearn", owner, name, rule, before=before)


def _is_not_users(observation: Observation, call: Call) -> bool:
    """Whether an estimator's two steps are a library's: the user's own are code to be followed."""
    kind, second = type(call.arguments[0]), call.target.name.removeprefix("fit_")
    steps = [inspect.unwrap(getattr(kind, name, meet)) for name in ("fit", second)]
    return not all(
        isinstance(step, types.FunctionType) and observation.is_user_file(step.__code__.co_filename)
        for step in steps
    )


def _given(observed: Observed) -> dict[str, Any]:
    """Arguments by the names that users see, of a decorated method as well."""
    arguments = observed.arguments
    if "args" not in arguments and "kwargs" not in arguments:
        return arguments
    plain = {name: value for name, value in arguments.items() if name not in ("args", "kwargs")}
    signature = inspect.signature(observed.target.function)
    try:
        bound = signature.bind(
            *plain.values(), *arguments.get("args", ()), **arguments.get("kwargs", {})
        )
    except TypeError:
        return plain
    return dict(bound.arguments)


def _data(
    step: Step, observed: Observed, names: tuple[str, ...] = _GIVEN
) -> list[tuple[Any, Node, tuple[str, ...] | None]]:
    """What was given to a method and is known, and the columns that it takes of it where it names
    them; what is not known leaves the step open.
    """
    given, found = _given(observed), []
    for name in names:
        thing = given.get(name)
        if thing is None:
            continue
        node = node_of(step, thing)
        if node is None:
            step.open()
        else:
            taken = columns_taken(observed.subject, thing) if name in _FRAMES else None
            is_known = taken is not None and set(taken) <= set(node.columns)
            found.append((thing, node, taken if is_known else None))
    return found


def _beside(step: Step, observed: Observed) -> Iterator[tuple[str, Node]]:
    """What else was given to ``fit``: weights, groups, what a pipeline hands on to its steps."""
    for name, thing in _given(observed).items():
        if name in (*_GIVEN, "self") or thing is None:
            continue
        for called, part in thing.items() if isinstance(thing, dict) else ((name, thing),):
            node = node_of(step, part)
            if node is None and (isinstance(part, (list, tuple)) or hasattr(part, "__array__")):
                node = untold(step.observation, part)
            if node is not None:
                yield called, node


def _settings(observation: Observation, subject: Any) -> Iterator[Node]:
    """What is known of the values that an estimator was made with: ``class_weight``, ``init``."""
    for part in (subject, *parts_set(subject)):
        for name, value in vars(part).items() if hasattr(part, "__dict__") else ():
            if not name.startswith("_") and not name.endswith("_"):  # what ``fit`` has left
                node = observation.scalars.get(value)
                if node is not None and node.kind != _KIND:
                    yield node
                for inner in value.values() if type(value) is dict else ():
                    if (node := observation.scalars.get(inner)) is not None:
                        yield node


def _fitted(observation: Observation, observed: Observed) -> None:
    """``fit``: the estimator afterwards is another one than before."""
    subject = observed.subject
    step = Step(observation, observed)
    columns = _learn(step, observed)
    node = step.finish(subject, _KIND, columns, patient=True, rows_in=_rows(observed))
    _know_parts(observation, subject, node)


def _know_parts(observation: Observation, subject: Any, node: Node) -> None:
    """What was fitted within a pipeline has learned what that has."""
    if observation.doings:
        observation.doings[-1].taught.add(node.entity)
    for part in parts_fitted(subject):
        observation.registry.put(part, node)


def _sure(step: Step, observed: Observed) -> Evidence:
    """How it is known what a pipeline takes of its data: a step of the user's may leave out any."""
    is_user_file = step.observation.is_user_file
    parts = (type(part) for part in parts_set(observed.subject))
    found = (inspect.unwrap(getattr(kind, name, meet)) for kind in parts for name in _STEPS)
    codes = (getattr(function, "__code__", meet.__code__) for function in found)
    return "conservative" if any(is_user_file(each.co_filename) for each in codes) else "observed"


_STEPS = ("fit", "transform")


def _apart(observed: Observed, columns: tuple[str, ...]) -> tuple[list[Feature], list[int]] | None:
    """What a fitted transformer gives, and the places of what it has learned of; None where it
    learns of all columns together.
    """
    if "*" in columns or len(set(columns)) < len(columns):
        return None  # names have to tell them apart
    found = features_of(observed.subject, len(columns))
    if found is None:
        return None
    return found, sorted(frozenset[int]().union(*(each.places for each in found)))


def _learn(step: Step, observed: Observed) -> tuple[str, ...]:
    """What ``fit`` makes of its data; returns the columns that each stand for what it has learned
    of one, where it learns of each apart.
    """
    sure, table = _sure(step, observed), _given(observed).get("X")
    learned: tuple[str, ...] = ()
    for thing, node, taken in _data(step, observed):
        columns = _value_columns(thing, node)
        apart = _apart(observed, columns) if thing is table else None
        if apart is not None:
            learned = tuple(columns[place] for place in apart[1])
            step.pairs(node, list(zip(learned, learned, strict=True)), "TRANSFORMATION", sure)
        elif taken is not None:
            step.product(("*",), node, taken)
        else:
            owes(step, node, "TRANSFORMATION", sure if thing is table else "observed")
    for name, node in _beside(step, observed):
        # groups only say which rows are kept together where a search divides them
        owes(step, node, "GROUP_BY" if name == "groups" else "TRANSFORMATION")
    for node in _settings(step.observation, observed.subject):
        owes(step, node, "TRANSFORMATION")
    before = step.observation.registry.get(observed.subject)
    if before is not None and (
        before.kind != _KIND  # what was made with settings, or has got some since, and not fitted
        or observed.target.name == "partial_fit"
        or getattr(observed.subject, "warm_start", False)
    ):
        if learned and len(before.columns) == len(learned):
            pairs = list(zip(learned, before.columns, strict=True))
            step.pairs(before, pairs, "TRANSFORMATION")
        else:
            owes(step, before, "TRANSFORMATION")
    step.facts["class"] = type(observed.subject).__name__
    return learned


def _both(observation: Observation, observed: Observed) -> None:
    """``fit_transform``: fitted, and applied to the same data."""
    result = observed.result
    fitting = Step(observation, observed)
    columns = _learn(fitting, observed)
    subject = observed.subject
    node = fitting.finish(subject, _KIND, columns, patient=True, rows_in=_rows(observed))
    _know_parts(observation, subject, node)
    _apply(observation, observed, result, ("X", "raw_documents"))


def _applied(observation: Observation, observed: Observed) -> None:
    """``predict``, ``transform``, ``score``: what comes out owes to data and estimator."""
    _apply(observation, observed, observed.result)


def _apply(
    observation: Observation, observed: Observed, result: Any, names: tuple[str, ...] = _GIVEN
) -> None:
    subject = observed.subject
    step = Step(observation, observed)
    kind, columns = _seen(result)
    values = columns or ("*",)
    fitted, learned = observation.registry.get(subject), _LEARNED
    for thing, node, taken in _data(step, observed, names):
        if _passes(step, observed, (thing, node), fitted, values):
            fitted = None
            continue
        into = (_value_columns(thing, node) if taken is None else taken) or ("*",)
        pairs, relation, evidence = _ways(observed, values, into)
        if _sure(step, observed) == "conservative":
            evidence = "conservative"
        if pairs:
            step.pairs(node, pairs, relation, evidence)
            if relation == "IDENTITY":  # what it has learned has only chosen these columns
                learned = "CONDITIONAL"
        else:
            step.product(values, node, into, relation, evidence)
    if fitted is not None:
        owes(step, fitted, learned)
    rows = _rows(observed)
    step.finish(result, kind, columns, rows_in=rows, variant="applied", patient=True)


def _passes(
    step: Step,
    observed: Observed,
    given: tuple[Any, Node],
    fitted: Node | None,
    values: tuple[str, ...],
) -> bool:
    """Whether each column of the result owes to some of what was given, and to what was learned of
    these: then it is told here.
    """
    thing, node = given
    called = observed.operation.rpartition(".")[2]
    if called not in _TRANSFORMING or fitted is None:
        return False
    columns = _value_columns(thing, node)
    found = _apart(observed, columns)
    if found is None or len(found[0]) != len(values) or len(found[1]) != len(fitted.columns):
        return False
    if called == _BACK and any({place} != each.places for place, each in enumerate(found[0])):
        return False
    learned = dict(zip(found[1], fitted.columns, strict=True))
    for value, (places, is_sure, is_same) in zip(values, found[0], strict=True):
        evidence: Evidence = "observed" if is_sure else "conservative"
        for place in places:
            if is_same:
                step.pairs(node, [(value, columns[place])], "IDENTITY", evidence)
                continue
            step.pairs(node, [(value, columns[place])], "TRANSFORMATION", evidence)
            step.pairs(fitted, [(value, learned[place])], "TRANSFORMATION", evidence)
    return True


def _ways(
    observed: Observed, values: tuple[str, ...], into: tuple[str, ...]
) -> tuple[list[tuple[str, str]], Relation, Evidence]:
    """Which column of the result owes to which: pairs, or none when each owes to all."""
    from sklearn.base import OneToOneFeatureMixin

    subject, name = observed.subject, observed.target.name
    if name.startswith(("predict", "decision", "score", "fit_predict")) or name == "fn":
        return [], "TRANSFORMATION", "observed"
    if isinstance(subject, OneToOneFeatureMixin) and len(values) == len(into):
        return list(zip(values, into, strict=True)), "TRANSFORMATION", "observed"
    if callable(getattr(subject, "get_support", None)):
        kept = [column for column, keep in zip(into, subject.get_support(), strict=False) if keep]
        if len(kept) == len(values):
            return list(zip(values, kept, strict=True)), "IDENTITY", "observed"
    return [], "TRANSFORMATION", "conservative"


def _seen(result: Any) -> tuple[str, tuple[str, ...]]:
    """Kind and columns of what a method gave."""
    import sys

    if "pandas" in sys.modules:
        from governed_kernel.capture.adapters.pandas.subjects import look

        if (seen := look(result)) is not None:
            return seen
    shape = getattr(result, "shape", None)
    if isinstance(shape, tuple) and len(shape) in (1, 2):
        return "array", tuple(map(str, range(shape[1] if len(shape) == 2 else 1)))
    return "value", ()


def _value_columns(thing: Any, node: Node) -> tuple[str, ...]:
    """The node's columns without a frame's index, in the order of the data's own."""
    columns = getattr(thing, "columns", None)
    width = len(columns) if columns is not None and hasattr(columns, "__len__") else 0
    return node.columns[-width:] if width else node.columns


def _rows(observed: Observed) -> int:
    return rows_of(_given(observed).get("X"))
