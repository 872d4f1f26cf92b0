"""Out of DuckDB: dataframes, tables, arrays and lists of what was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from governed_kernel.capture.adapters.duckdb.instances import connected
from governed_kernel.capture.adapters.duckdb.late import relation_node
from governed_kernel.capture.adapters.duckdb.plans import announce_all, report
from governed_kernel.capture.adapters.duckdb.queries import (
    Lazy,
    come_out,
    connection_of,
    say,
)
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe_native
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step

__all__ = ["arm", "executing", "fetched", "hand_on", "hand_out", "hold"]

FETCHERS = (
    *("df", "fetchdf", "fetch_df", "fetch_df_chunk", "to_df", "pl", "arrow", "to_arrow_table"),
    *("fetch_arrow_table", "fetch_record_batch", "fetch_arrow_reader", "to_arrow_reader"),
    *("fetchnumpy", "torch", "tf", "fetchall"),
)
_VALUES = ("fetchone", "fetchmany")
"""Called in loops: of a relation they are its execution, of a connection they are nothing new (see
`queries.come_out`)."""
_LOOKS = ("__repr__", "__str__", "show", "shape", "__len__", "explain", "__arrow_c_stream__")


def hand_out(observation: Observation, observed: Observed, node: Node) -> None:
    """The step from a result to what the user holds."""
    result = observed.result
    step = Step(observation, observed)
    if isinstance(result, Mapping):
        for name, column in zip(result, node.columns, strict=False):
            step = Step(observation, observed)
            step.pairs(node, [("0", column)])
            step.finish(result[name], "array", ("0",), variant=str(name))
        return
    seen = _look(result)
    step.take(node)
    if seen is None:
        step.finish(None, "value", ())
        return
    kind, columns = seen
    if len(columns) == len(node.columns):
        step.pairs(node, zip(columns, node.columns, strict=True))
    else:
        step.same(node, columns)
    rows = len(result) if hasattr(result, "__len__") else -1
    step.finish(result, kind, columns, rows_out=rows)


def _look(thing: Any) -> tuple[str, tuple[str, ...]] | None:
    library, name = type(thing).__module__.partition(".")[0], type(thing).__name__
    if library == "pandas":
        from governed_kernel.capture.adapters.pandas.subjects import look

        return look(thing)
    if library == "polars":
        if name == "LazyFrame":
            return "lazy", tuple(thing.collect_schema().names())
        return "frame", tuple(thing.columns)
    if library == "pyarrow":
        return ("table" if name == "Table" else "reader"), tuple(thing.schema.names)
    return None


def hand_on(observation: Observation, observed: Observed, connection: Any) -> None:
    """The step to what another library made of the rows that it has asked for."""
    node = connected(connection).instance.last
    if node is not None:
        hand_out(observation, observed, node)


# --- connections -----------------------------------------------------------------------------


def fetched(observation: Observation, observed: Observed) -> None:
    """The result of what a connection executed last."""
    method = observed.target.label.startswith("DuckDBPyConnection.")
    node = connected(connection_of(observed.call, method=method)).result
    if node is not None:
        hand_out(observation, observed, node)
        if type(observed.result) is list:
            come_out(observation, node)


# --- relations -------------------------------------------------------------------------------


def executing(observation: Observation, call: Call) -> None:
    """Before a relation is carried out: what it reads is read now."""
    args, _ = call.arguments
    node = relation_node(observation, call, args[0])
    if node is not None and isinstance(node.extra, Lazy) and node.extra.claims:
        announce_all(observation, call, say(observation, node.extra.known, node.extra.claims))


def _carried_out(observation: Observation, observed: Observed) -> None:
    args, _ = observed.call.arguments
    node = relation_node(observation, observed.call, args[0])
    if node is None or not isinstance(node.extra, Lazy):
        return
    report(observation, observed.call, node.extra.text)
    if observed.target.name not in _LOOKS:
        hand_out(observation, observed, node)
    if observed.target.name in _VALUES:
        hold(observation, args[0], node)


def hold(observation: Observation, relation: Any, node: Node) -> None:
    """Note that a relation holds rows from now on, which it may give later."""
    if not node.extra.held:
        observation.registry.put(relation, node._replace(extra=node.extra._replace(held=True)))


def arm(observation: Observation, modules: Sequence[Any], connection: type, relation: type) -> None:
    """Observe what gives results."""
    for name in FETCHERS:
        label = f"DuckDBPyConnection.{name}"
        observe_native(observation, "duckdb", [connection], name, fetched, label=label)
        if name not in ("df", "arrow"):
            observe_native(observation, "duckdb", modules, name, fetched)
    for name in (*FETCHERS, *_VALUES, *_LOOKS):
        label = f"DuckDBPyRelation.{name}"
        observe_native(
            observation,
            "duckdb",
            [relation],
            name,
            _carried_out,
            label=label,
            before=executing,
        )
