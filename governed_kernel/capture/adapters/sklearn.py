"""scikit-learn: splitting into parts, and into folds by the numbers of rows."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.scalars import VALUE
from governed_kernel.capture.steps import Step, Unasked
from governed_kernel.capture.untold import untold

__all__ = ["arm", "folds", "node_of"]


def rows_of(thing: Any) -> int:
    """How many rows some data has; -1 where it has none.

    A sparse matrix has a length and raises when it is asked for it.
    """
    shape = getattr(thing, "shape", None)
    if isinstance(shape, tuple) and shape:
        return int(shape[0])
    return len(thing) if hasattr(thing, "__len__") else -1


def node_of(step: Step, thing: Any) -> Node | None:
    """The node of something given to scikit-learn; None when nothing is known of it."""
    if "pandas" in sys.modules:
        from governed_kernel.capture.adapters.pandas.subjects import look

        if (seen := look(thing)) is not None:
            return step.node(thing, *seen)
    return step.observation.registry.get(thing)


def split(observation: Observation, observed: Observed) -> None:
    """``train_test_split``: rows go one way or the other, columns stay."""
    arrays, parts = observed["arrays"], observed.result
    for place, thing in enumerate(arrays):
        pair = parts[2 * place : 2 * place + 2]
        for variant, part in zip(("train", "test"), pair, strict=True):
            step = Step(observation, observed)
            node = node_of(step, thing)
            if node is None or node.kind == "group":
                continue
            step.same(node)
            by = node_of(step, observed["stratify"])
            if by is not None:
                step.decides(by, by.columns[-1:], "FILTER")
            step.facts["part"] = variant
            rows_in, rows_out = map(rows_of, (thing, part))
            step.finish(
                part,
                node.kind,
                node.columns,
                rows_in=rows_in,
                rows_out=rows_out,
                patient=True,
                variant=variant,
            )


def folds(observation: Observation, observed: Observed) -> None:
    """``KFold(5).split(X)``: numbers of rows, which owe to nothing but what keeps rows apart."""
    step = Step(observation, Unasked(observed.operation, observed.library))
    kinds = [each.__name__ for each in type(observed.subject).__mro__]
    by = {"y"} if any("Stratified" in name for name in kinds) else set()
    by |= {"groups"} if "GroupsConsumerMixin" in kinds else set()
    for name in ("X", "y", "groups"):
        thing = observed[name]
        node = None if thing is None else node_of(step, thing)
        if observation.doings:
            divided = observation.doings[-1].divided
            divided[f"split({name})"] = name not in by and divided.get(f"split({name})", True)
        if name in by:
            if node is None and (isinstance(thing, list) or hasattr(thing, "__array__")):
                node = untold(observation, thing)
            if node is not None:
                step.product((VALUE,), node, node.columns[-1:] or ("*",))
        elif node is not None:
            step.take(node)
    step.finish(observed.result, "folds", (VALUE,))


def arm(observation: Observation, name: str, module: ModuleType) -> None:  # noqa: ARG001
    """Observe scikit-learn."""
    observe(observation, "sklearn", module, "train_test_split", split, label="train_test_split")
