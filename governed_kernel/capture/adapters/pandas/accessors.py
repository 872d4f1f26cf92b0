"""Accessors: ``series.str.upper()``, ``series.dt.year``. Each value owes to the series' own."""

from __future__ import annotations

from pandas.core.accessor import Accessor  # type: ignore[attr-defined]
from pandas.core.arrays.arrow import ListAccessor, StructAccessor  # type: ignore[attr-defined]
from pandas.core.arrays.categorical import CategoricalAccessor
from pandas.core.indexes import accessors
from pandas.core.indexes.accessors import (
    DatetimeProperties,
    PeriodProperties,
    TimedeltaProperties,
)
from pandas.core.strings.accessor import StringMethods

from governed_kernel.capture.adapters.pandas.arguments import values_into
from governed_kernel.capture.adapters.pandas.subjects import Work, look
from governed_kernel.capture.observation import Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.parts import parts_of
from governed_kernel.capture.untold import untold_value

__all__ = ["arm"]


def _method(observation: Observation, observed: Observed) -> None:
    """``series.str.upper()``, ``series.dt.year``."""
    holder = observed.subject
    series = getattr(holder, "_orig", None)
    if series is None:
        series = getattr(holder, "_parent", None)
    output = look(observed.result)
    work = Work(observation, observed)
    node = work.of(series if look(series) is not None else holder)
    if node is None or output is None:
        return
    values_into(work, node, series, output)
    for thing in parts_of(observed.call.arguments[1:]):
        other = work.of(thing)
        if other is None and isinstance(thing, str) and observation.scalars.has_equal(thing):
            other = untold_value(observation, thing)
        if other is not None:
            values_into(work, other, thing, output)
    work.close()


def _open(observation: Observation, observed: Observed) -> None:
    """``series.str``: its methods are observed from their first use on."""
    holder = type(observed.result)
    kind = _ACCESSORS.get(holder)
    if kind == "cat":  # it does not know the series itself
        node = Work(observation, observed).of(observed.call.arguments[1])
        if node is not None:
            observation.registry.put(observed.result, node)
    if kind is None or holder in _armed:
        return
    _armed.add(holder)
    for name in dir(holder):
        if not name.startswith("_") or name == "__getitem__":
            observe(observation, "pandas", holder, name, _method, label=f"Series.{kind}.{name}")


_armed: set[type] = set()
_ACCESSORS: dict[type, str] = {
    StringMethods: "str",
    DatetimeProperties: "dt",
    TimedeltaProperties: "dt",
    PeriodProperties: "dt",
    accessors.ArrowTemporalProperties: "dt",  # type: ignore[attr-defined]
    ListAccessor: "list",
    StructAccessor: "struct",
    CategoricalAccessor: "cat",
}


def arm(observation: Observation) -> None:
    """Observe each accessor from its first use on."""
    observe(observation, "pandas", Accessor, "__get__", _open)
