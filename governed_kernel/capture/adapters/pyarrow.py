"""pyarrow: Parquet files, which native code opens unseen by Python's audit hook."""

from __future__ import annotations

from types import ModuleType

from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.capture.transfers import announce, complete

__all__ = ["arm"]


def _before_read(observation: Observation, call: Call) -> None:
    announce(observation, call, "read", call.arguments[0])


def _before_write(observation: Observation, call: Call) -> None:
    announce(observation, call, "write", call.arguments[1])


def _read(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    if uri is not None:
        step, columns = Step(observation, observed), tuple(observed.result.column_names)
        step.same(step.external(uri, columns))
        step.finish(
            observed.result, "table", columns, rows_out=observed.result.num_rows, patient=True
        )


def _write(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    if uri is not None:
        table, step = observed.subject, Step(observation, observed)
        columns = tuple(table.column_names)
        step.same(step.node(table, "table", columns))
        step.record([(Node(uri, "file", columns), "")], table.num_rows, table.num_rows)


def arm(observation: Observation, name: str, module: ModuleType) -> None:  # noqa: ARG001
    """Observe Parquet."""
    for function, rule, before in (
        ("read_table", _read, _before_read),
        ("write_table", _write, _before_write),
    ):
        label = f"pyarrow.parquet.{function}"
        observe(observation, "pyarrow", module, function, rule, label=label, before=before, io=True)
