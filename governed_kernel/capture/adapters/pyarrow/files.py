"""Functions that read and write files: those of Python, and native ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe, observe_native
from governed_kernel.capture.openings import before_native, report
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.capture.transfers import announce, complete
from governed_kernel.capture.uris import path_of
from governed_kernel.lineage.events import Operation

__all__ = ["arm"]

Before = Callable[[Observation, Call], None]


def _is_local(filesystem: Any) -> bool:
    """Whether a path is one of this machine's."""
    return filesystem in (None, "file") or type(filesystem).__name__ == "LocalFileSystem"


def _announced(observation: Observation, call: Call, operation: Operation, target: Any) -> None:
    for each in target if isinstance(target, (list, tuple)) else (target,):
        announce(observation, call, operation, each)


def _before(parameter: str, operation: Operation) -> Before:
    """Announces what an argument names."""

    def before(observation: Observation, call: Call) -> None:
        arguments = call.target.bind(call.arguments)
        if _is_local(arguments.get("filesystem")):
            _announced(observation, call, operation, arguments.get(parameter))

    return before


def _read(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    table = observed.result
    if uri is not None and hasattr(table, "column_names"):
        step, columns = Step(observation, observed), tuple(table.column_names)
        step.same(step.external(uri, columns))
        step.finish(table, "table", columns, rows_out=table.num_rows, patient=True)


def _dataset(observation: Observation, observed: Observed) -> None:
    """``dataset(source)``: nothing but headers is read yet, but what it will give is known."""
    uri = complete(observation, observed.call)
    made = observed.result
    step, columns = Step(observation, observed), tuple(made.schema.names)
    local = _is_local(observed["filesystem"])
    files = tuple(getattr(made, "files", ())[:_MOST_FILES]) if local else ()
    for each in dict.fromkeys([path_of(file) for file in files] or [uri]):
        if each is not None:
            step.same(step.external(each, columns))
    source = observed["source"]
    for child in source[:_MOST_FILES] if isinstance(source, (list, tuple)) else ():
        known = observation.registry.get(child)
        if known is not None:
            step.same(known, columns)
            files += known.extra or ()
    if step.inputs:
        step.finish(made, "dataset", columns, patient=True, extra=files)


_MOST_FILES = 200


def _before_pandas(observation: Observation, call: Call) -> None:
    """Look at the table now: with ``self_destruct=True`` whoever looks afterwards crashes."""
    if call.outer is None:
        _, table, *_ = call.arguments
        node = Step(observation, Observed(call, None)).node(
            table, "table", tuple(table.column_names)
        )
        call.note = node, table.num_rows


def _to_pandas(observation: Observation, observed: Observed) -> None:
    """``table.to_pandas()``, whose Python part makes the frame."""
    from governed_kernel.capture.adapters.pandas.subjects import look, size

    output, known = look(observed.result), observed.call.note
    if output is None or known is None:
        return
    node, rows = known
    options = observed["options"]
    if not isinstance(options, dict) or options.get("self_destruct"):
        observation.registry.forget(observed["table"])
    observed.operation = "pyarrow.Table.to_pandas"
    step = Step(observation, observed)
    step.same(node, output[1])
    step.finish(observed.result, *output, rows_in=rows, rows_out=size(observed.result))


def _written(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    given = observed.call.arguments
    table = given[0][0] if type(given[0]) is tuple and given[0] else given[0]
    if uri is not None and hasattr(table, "column_names"):
        step, columns = Step(observation, observed), tuple(table.column_names)
        step.same(step.node(table, "table", columns))
        step.record([(Node(uri, "file", columns), "")], table.num_rows, table.num_rows)


def _written_dataset(observation: Observation, observed: Observed) -> None:
    """``write_dataset(data, folder)``: the files in it are parts of the same."""
    uri, data = complete(observation, observed.call), observed["data"]
    names = getattr(getattr(data, "schema", None), "names", None)
    if uri is not None and names is not None:
        step, columns = Step(observation, observed), tuple(names)
        kind = "table" if hasattr(data, "column_names") else "dataset"
        step.same(step.node(data, kind, columns))
        step.record([(Node(uri, "file", columns), "")])


_PYTHON: dict[str, tuple[tuple[str, str, Operation, Any], ...]] = {
    "pyarrow.parquet.core": (
        ("read_table", "source", "read", _read),
        ("write_table", "where", "write", _written),
        ("read_metadata", "where", "read", report),
        ("read_schema", "where", "read", report),
        ("write_metadata", "where", "write", report),
        ("ParquetFile", "source", "read", report),
        ("ParquetWriter", "where", "write", report),
        ("ParquetDataset", "path_or_paths", "read", report),
    ),
    "pyarrow.dataset": (
        ("dataset", "source", "read", _dataset),
        ("write_dataset", "base_dir", "write", _written_dataset),
    ),
    "pyarrow.feather": (
        ("read_table", "source", "read", _read),
        ("read_feather", "source", "read", report),
        ("write_feather", "dest", "write", _written),
    ),
    "pyarrow.orc": (
        ("read_table", "source", "read", _read),
        ("write_table", "where", "write", _written),
        ("ORCFile", "source", "read", report),
        ("ORCWriter", "where", "write", report),
    ),
}
"""Module → functions and classes of Python: name, name of the argument, operation, rule."""


def _python(observation: Observation, name: str, module: ModuleType) -> None:
    for title, parameter, operation, rule in _PYTHON[name]:
        found = getattr(module, title)
        owner, function = (found, "__init__") if isinstance(found, type) else (module, title)
        observe(
            observation,
            "pyarrow",
            owner,
            function,
            rule,
            label=f"{name.removesuffix('.core')}.{title}",
            before=_before(parameter, operation),
            io=True,
        )


def _before_copying(observation: Observation, call: Call) -> None:
    arguments = call.target.bind(call.arguments)
    for side, operation in (("source", "read"), ("destination", "write")):
        if _is_local(arguments.get(f"{side}_filesystem")):
            announce(observation, call, operation, arguments[side])  # type: ignore[arg-type]


_NATIVE: dict[str, tuple[tuple[str, int, str, Operation | None, Any], ...]] = {
    "pyarrow": (
        ("memory_map", 0, "path", None, report),
        ("create_memory_map", 0, "path", "write", report),
        ("input_stream", 0, "source", "read", report),
        ("output_stream", 0, "source", "write", report),
        ("OSFile", 0, "path", None, report),
    ),
    "pyarrow.csv": (
        ("read_csv", 0, "input_file", "read", _read),
        ("open_csv", 0, "input_file", "read", report),
        ("write_csv", 1, "output_file", "write", _written),
    ),
    "pyarrow.json": (
        ("read_json", 0, "input_file", "read", _read),
        ("open_json", 0, "input_file", "read", report),
    ),
}
"""Module → native functions: name, place and name of the argument, operation, rule."""
_BELOW = {"pyarrow": "lib", "pyarrow.csv": "_csv", "pyarrow.json": "_json"}


def _native(observation: Observation, name: str, module: ModuleType) -> None:
    below = sys.modules[f"pyarrow.{_BELOW[name]}"]
    for function, place, parameter, operation, rule in _NATIVE[name]:
        observe_native(
            observation,
            "pyarrow",
            (below, module),
            function,
            rule,
            label=f"{name}.{function}",
            before=before_native(place, parameter, operation),
        )


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe the module of that name."""
    if name == "pyarrow.pandas_compat":
        observe(
            observation, "pyarrow", module, "table_to_dataframe", _to_pandas, before=_before_pandas
        )
    elif name in _PYTHON:
        _python(observation, name, module)
    elif name in _NATIVE:
        _native(observation, name, module)
    elif name == "pyarrow.fs":
        label, before = "pyarrow.fs.copy_files", _before_copying
        observe(
            observation,
            "pyarrow",
            module,
            "copy_files",
            report,
            label=label,
            before=before,
            io=True,
        )
