"""Hugging Face datasets: their columns through every step, and the files that are mapped.

A function of ``map`` or ``filter`` is the user's own: what it makes may owe to every column that it
is given. Of the columns that were there before, those whose values are the same afterwards are
themselves; that is looked at, since a function may give any column anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from governed_kernel.capture.enclosed import owe_to_enclosed
from governed_kernel.capture.functions import columns_read
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.openings import observe_opening
from governed_kernel.capture.registry import Node
from governed_kernel.capture.steps import Step
from governed_kernel.capture.transfers import announce, complete
from governed_kernel.capture.uris import path_of
from governed_kernel.lineage.events import Evidence

__all__ = ["arm"]

_SAME = (
    *("select", "shuffle", "shard", "take", "skip", "repeat", "flatten_indices", "with_format"),
    *("remove_columns", "select_columns", "cast", "cast_column", "class_encode_column"),
    *("with_transform", "align_labels_with_mapping", "train_test_split", "sort", "to_pandas"),
    *("to_polars", "with_rank", "copy", "map_", "flatten"),
)
_RENAMED = ("rename_column", "rename_columns")
_MADE = ("from_pandas", "from_polars", "from_dict", "from_list")
_READ = ("from_csv", "from_json", "from_parquet")
_WRITTEN = {"to_csv": "path_or_buf", "to_parquet": "path_or_buf", "to_json": "path_or_buf"}
_MOST_BYTES = 1 << 30
"""So much of a column is compared, no more."""


def columns_of(dataset: Any) -> tuple[str, ...]:
    """Names of a dataset's columns."""
    return tuple(getattr(dataset, "column_names", None) or ())


def node_of(step: Step, dataset: Any) -> Node:
    """The node of a dataset."""
    return step.node(dataset, "dataset", columns_of(dataset))


def parts(before: Any, after: Any) -> Iterator[tuple[Any, Any]]:
    """Datasets before and after, one by one: several may lie in a dictionary."""
    if isinstance(after, dict):
        for name, part in after.items():
            yield (before.get(name) if isinstance(before, dict) else before), part
    elif not isinstance(before, dict):
        yield before, after


def _close(step: Step, made: Any, before: Any) -> None:
    seen = _look(made)
    if seen is not None:
        rows = [len(each) if hasattr(each, "__len__") else -1 for each in (before, made)]
        step.finish(made, *seen, rows_in=rows[0], rows_out=rows[1], variant=str(id(made)))


def _look(made: Any) -> tuple[str, tuple[str, ...]] | None:
    """Kind and columns of what a step made."""
    if type(made).__module__.startswith("pandas"):
        from governed_kernel.capture.adapters.pandas.subjects import look

        return look(made)
    if type(made).__module__.startswith("polars"):
        return "frame", tuple(made.columns)
    return ("dataset", columns_of(made)) if hasattr(made, "column_names") else None


def same(observation: Observation, observed: Observed) -> None:
    """Rows or columns are taken, ordered or parted: values stay what they are."""
    for before, after in parts(observed.subject, observed.result):
        if before is None or _look(after) is None:
            continue
        step = Step(observation, observed)
        node = node_of(step, before)
        name = observed.target.name
        if name.startswith("cast") or name in ("class_encode_column", "flatten"):
            old = set(node.columns)
            changed = observed["column"]
            step.same(node, tuple(c for c in columns_of(after) if c != changed and c in old))
            if changed is not None:
                step.same(node, (changed,), "TRANSFORMATION")
            for column in columns_of(after):
                if column not in old and (head := column.partition(".")[0]) in old:
                    step.product((column,), node, (head,))
        else:
            step.same(node, _look(after)[1])  # type: ignore[index]
        if name == "sort":
            by = observed["column_names"]
            step.decides(node, (by,) if isinstance(by, str) else tuple(by), "SORT")
        _close(step, after, before)


def rename(observation: Observation, observed: Observed) -> None:
    """Other names in the same order."""
    for before, after in parts(observed.subject, observed.result):
        if before is not None:
            step = Step(observation, observed)
            node = node_of(step, before)
            step.pairs(node, zip(columns_of(after), node.columns, strict=False))
            _close(step, after, before)


def _inputs(observed: Observed, node: Node) -> tuple[tuple[str, ...], Evidence]:
    """The columns that a function reads: by its code if that says so, else all it is given."""
    given = observed["input_columns"]
    if given:
        names = (given,) if isinstance(given, str) else tuple(given)
        return names, "observed" if len(names) == 1 else "conservative"
    read = columns_read(observed["function"], node.columns)
    if read is not None and set(read) <= set(node.columns):
        return read, "inferred"
    return node.columns, "conservative"


def mapped(observation: Observation, observed: Observed) -> None:
    """``dataset.map(function)``."""
    for before, after in parts(observed.subject, observed.result):
        if before is None or before is after:
            continue
        step = Step(observation, observed)
        node, names = node_of(step, before), columns_of(after)
        kept = tuple(name for name in names if name in node.columns and _equal(before, after, name))
        made = tuple(name for name in names if name not in kept)
        step.same(node, kept)
        inputs, evidence = _inputs(observed, node)
        step.product(made, node, inputs, "TRANSFORMATION", evidence)
        owe_to_enclosed(step, (observed["function"],), made)  # a tokenizer, a list …
        _close(step, after, before)


def _equal(before: Any, after: Any, column: str) -> bool:
    """Whether a column holds the same values as before."""
    if before._indices is not None or after._indices is not None:
        return False
    one, two = before.data.column(column), after.data.column(column)
    if len(one) != len(two) or one.type != two.type or one.nbytes > _MOST_BYTES:
        return False
    return bool(one.equals(two))


def filtered(observation: Observation, observed: Observed) -> None:
    """``dataset.filter(function)``: what it is given decides which rows remain."""
    for before, after in parts(observed.subject, observed.result):
        if before is not None:
            step = Step(observation, observed)
            node = node_of(step, before)
            step.same(node, columns_of(after))
            inputs, evidence = _inputs(observed, node)
            step.decides(node, inputs, "FILTER", evidence)
            owe_to_enclosed(step, (observed["function"],), (), "FILTER")
            _close(step, after, before)


def made_of(observation: Observation, observed: Observed) -> None:
    """``Dataset.from_pandas(frame)``, ``Dataset.from_dict(…)``."""
    step, result = Step(observation, observed), observed.result
    names = columns_of(result)
    data = observed.call.arguments[1]
    node = observation.registry.get(data)
    if node is not None:
        if node.columns:
            step.same(node, names)
        else:
            step.product(names, node, ("*",), "TRANSFORMATION", "inferred")
    elif isinstance(data, dict):
        for name, value in data.items():
            known = observation.registry.get(value)
            if known is not None:
                step.product((str(name),), known, known.columns or ("*",), "IDENTITY")
            else:
                step.open((str(name),))
    else:
        step.open(names)
    step.finish(result, "dataset", names, rows_out=len(result))


def added(observation: Observation, observed: Observed) -> None:
    """``dataset.add_column(name, values)``."""
    step, result = Step(observation, observed), observed.result
    node, name = node_of(step, observed.subject), observed["name"]
    step.same(node, tuple(column for column in columns_of(result) if column != name))
    known = observation.registry.get(observed["column"])
    if known is not None:
        step.product((name,), known, known.columns or ("*",), "IDENTITY")
    else:
        step.open((name,))
    _close(step, result, observed.subject)


def together(observation: Observation, observed: Observed) -> None:
    """``concatenate_datasets`` and ``interleave_datasets``."""
    given = observed["dsets"] if "dsets" in observed.arguments else observed["datasets"]
    step, result = Step(observation, observed), observed.result
    for dataset in given if isinstance(given, (list, tuple)) else ():
        if hasattr(dataset, "column_names"):
            step.same(node_of(step, dataset), columns_of(result))
    _close(step, result, None)


def _files(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, (list, tuple)):
        for each in data:
            yield from _files(each)
    elif isinstance(data, dict):
        for each in data.values():
            yield from _files(each)


def loaded(observation: Observation, observed: Observed) -> None:
    """``load_dataset("csv", data_files=…)``: columns of those files."""
    result, data = observed.result, observed["data_files"]
    for part, dataset in result.items() if isinstance(result, dict) else [("", result)]:
        names, step = columns_of(dataset), Step(observation, observed)
        own = data.get(part, data) if isinstance(data, dict) and part else data
        for path in _files(own):
            uri = path_of(path)
            if uri is not None and "*" not in path:
                step.same(step.external(uri, names))
        if step.inputs:
            rows = len(dataset) if hasattr(dataset, "__len__") else -1  # a stream has no end yet
            step.finish(dataset, "dataset", names, rows_out=rows, variant=part)


def read(observation: Observation, observed: Observed) -> None:
    """``Dataset.from_csv(path)``, ``load_from_disk(folder)``: columns of those files."""
    result = observed.result
    paths = [*_files(observed["path_or_paths"]), *_files(observed["dataset_path"])]
    for part, dataset in result.items() if isinstance(result, dict) else [("", result)]:
        names, step = columns_of(dataset), Step(observation, observed)
        for path in paths:
            uri = path_of(path)
            if uri is not None:
                step.same(step.external(uri, names))
        if step.inputs:
            rows = len(dataset) if hasattr(dataset, "__len__") else -1
            step.finish(dataset, "dataset", names, rows_out=rows, variant=part)


def _before_writing(observation: Observation, call: Call) -> None:
    parameter = _WRITTEN.get(call.target.name, "dataset_path")
    announce(observation, call, "write", call.target.bind(call.arguments).get(parameter))


def written(observation: Observation, observed: Observed) -> None:
    """``to_parquet``, ``save_to_disk``."""
    uri = complete(observation, observed.call)
    if uri is None or isinstance(observed.subject, dict):
        return
    step = Step(observation, observed)
    node = node_of(step, observed.subject)
    step.same(node)
    step.record([(Node(uri, "file", node.columns), "")], len(observed.subject))


def _arm_steps(observation: Observation, owner: Any) -> None:
    """Observe what a dataset, or a dictionary of them, makes of itself."""
    for names, rule in (
        (_SAME, same),
        (_RENAMED, rename),
        (("map",), mapped),
        (("filter",), filtered),
        (("add_column",), added),
    ):
        for name in names:
            if name in vars(owner):
                label = f"datasets.{owner.__name__}.{name}"
                observe(observation, "datasets", owner, name, rule, label=label)


def _arm_making(observation: Observation, module: ModuleType) -> None:
    """Observe where datasets are made, and where they are written."""
    owner, title = module.Dataset, "datasets.Dataset"
    for name in _MADE:
        observe(observation, "datasets", owner, name, made_of, label=f"{title}.{name}")
    for name in (*_READ, "load_from_disk"):
        observe(observation, "datasets", owner, name, read, label=f"{title}.{name}")
    for name in (*_WRITTEN, "save_to_disk"):
        observe(
            observation,
            "datasets",
            owner,
            name,
            written,
            label=f"{title}.{name}",
            before=_before_writing,
            io=True,
        )


def arm(observation: Observation, name: str, module: ModuleType) -> None:
    """Observe one of the library's modules."""
    if name == "datasets.table":
        observe_opening(
            observation,
            "datasets",
            module,
            "_memory_mapped_arrow_table_from_file",
            via="datasets.load",
            parameter="filename",
        )
    elif name == "datasets.arrow_dataset":
        _arm_steps(observation, module.Dataset)
        _arm_making(observation, module)
    elif name == "datasets.dataset_dict":
        _arm_steps(observation, module.DatasetDict)
        label = "datasets.DatasetDict.load_from_disk"
        observe(observation, "datasets", module.DatasetDict, "load_from_disk", read, label=label)
    elif name == "datasets.combine":
        for each in ("concatenate_datasets", "interleave_datasets"):
            observe(observation, "datasets", module, each, together, label=f"datasets.{each}")
    else:
        label = "datasets.load_dataset"
        observe(observation, "datasets", module, "load_dataset", loaded, label=label, io=True)
        label = "datasets.load_from_disk"
        observe(observation, "datasets", module, "load_from_disk", read, label=label)
