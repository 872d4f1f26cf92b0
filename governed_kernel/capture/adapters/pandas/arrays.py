"""numpy's choices among columns: ``np.where`` and ``np.select`` of frames' masks.

Their results are plain arrays, of which nobody else could tell what they are made of.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from governed_kernel.capture import native
from governed_kernel.capture.adapters.pandas.subjects import (
    PLAIN,
    Work,
    array_columns,
    is_single_value,
    own_values,
    size,
)
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import NativeTarget, Observed, hooks_of, observe
from governed_kernel.capture.untold import untold_value
from governed_kernel.lineage.events import Relation

__all__ = ["arm"]


def _goes_in(work: Work, made: tuple[str, ...], thing: Any, relation: Relation) -> None:
    node = work.of(thing)
    if node is None and is_single_value(thing):
        node = untold_value(work.observation, thing)
    if node is not None:
        values = node.columns if node.kind in PLAIN else own_values(node, thing)
        if len(values) == len(made):
            work.pairs(node, zip(made, values, strict=True), relation)
        else:
            work.product(made, node, values or ("*",), relation)
    elif isinstance(thing, (np.ndarray, list, tuple)) or type(thing).__module__ == "numpy":
        work.open()


def _chosen(
    observation: Observation, observed: Observed, conditions: Any, values: Any, result: Any
) -> None:
    if not isinstance(result, np.ndarray):
        return
    work, made = Work(observation, observed), array_columns(result)
    for value in values:
        _goes_in(work, made, value, "IDENTITY")
    for condition in conditions:
        _goes_in(work, made, condition, "CONDITIONAL")
    if work.inputs or work.is_open:
        work.finish(result, "array", made, rows_out=size(result))


def where(observation: Observation, observed: Observed) -> None:
    """``np.where(condition, values, others)``."""
    given: tuple[Any, ...] = observed.call.arguments[0]  # numpy takes them by position alone
    if len(given) == 3:
        _chosen(observation, observed, given[:1], given[1:], observed.result)


def select(observation: Observation, observed: Observed) -> None:
    """``np.select(conditions, choices, default)``."""
    values = [*observed["choicelist"], observed["default"]]
    _chosen(observation, observed, observed["condlist"], values, observed.result)


def arm(observation: Observation) -> None:
    """Observe numpy's choices, when they are made in the user's own code."""
    implementation = getattr(np.select, "_implementation", None)
    if implementation is not None:

        class Holder:
            select = implementation

        observe(observation, "numpy", Holder, "select", select, label="numpy.select")
    if native.works() and not native.is_observed(np.where):
        target = NativeTarget("numpy", "where", "numpy.where", np.where)
        np.where = native.observed(np.where, hooks_of(observation, target, where))
