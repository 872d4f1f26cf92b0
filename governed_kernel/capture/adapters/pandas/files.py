"""Readers and writers: an access, and a step between a file and a frame."""

from __future__ import annotations

from typing import Any

import pandas as pd

from governed_kernel.capture.adapters.pandas import pieces
from governed_kernel.capture.adapters.pandas.subjects import (
    UNNAMED,
    Apart,
    Work,
    column_labels,
    levels,
    look,
    own_values,
    size,
    text,
)
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.transfers import announce, complete

__all__ = ["arm"]

READERS = {
    "read_csv": "filepath_or_buffer",
    "read_table": "filepath_or_buffer",
    "read_fwf": "filepath_or_buffer",
    "read_parquet": "path",
    "read_feather": "path",
    "read_orc": "path",
    "read_json": "path_or_buf",
    "read_excel": "io",
    "read_pickle": "filepath_or_buffer",
    "read_hdf": "path_or_buf",
    "read_stata": "filepath_or_buffer",
    "read_sas": "filepath_or_buffer",
    "read_spss": "path",
    "read_xml": "path_or_buffer",
    "read_html": "io",
}
WRITERS = {
    "to_csv": "path_or_buf",
    "to_parquet": "path",
    "to_feather": "path",
    "to_orc": "path",
    "to_json": "path_or_buf",
    "to_excel": "excel_writer",
    "to_pickle": "path",
    "to_hdf": "path_or_buf",
    "to_html": "buf",
    "to_string": "buf",
    "to_markdown": "buf",
    "to_latex": "buf",
    "to_stata": "path",
    "to_xml": "path_or_buffer",
}


def _before(parameter: str, operation: Any) -> Any:
    def before(observation: Observation, call: Call) -> None:
        announce(observation, call, operation, call.target.bind(call.arguments).get(parameter))

    return before


def _read(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    result = observed.result
    if uri is not None:
        pieces.begin(observation, observed, uri)
    parts = list(result.values()) if isinstance(result, dict) else [result]
    for part in parts:
        seen = look(part)
        if uri is None or seen is None:
            continue
        work = Work(observation, observed)
        work.same(work.external(uri, seen[1]))
        work.finish(part, *seen, rows_out=size(part), patient=True)


def _write(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    work = Work(observation, observed)
    node = work.of(observed.subject)
    if uri is None or node is None:
        return
    subject = observed.subject
    columns = node.columns
    with_rows = _has_labels_of_rows(observed)
    if not with_rows:
        columns = own_values(node, subject)
    chosen = observed["columns"]
    if chosen is not None and isinstance(subject, pd.DataFrame):
        wanted = {str(label) for label in chosen}
        columns = tuple(c for c in columns if c in wanted or c not in column_labels(subject))
    names = _names_of_levels(observed) if with_rows else {}
    labels = observation.registry.get(subject.index)
    apart: tuple[str, ...] = ()
    if with_rows and labels is not None and isinstance(labels.extra, Apart):
        apart = tuple(
            [level for level in labels.extra.levels if level not in own_values(node, subject)]
        )
        work.pairs(labels, [(names.get(level, level), level) for level in apart])
    kept = [column for column in columns if column not in apart]
    work.pairs(node, [(names.get(column, column), column) for column in kept])
    columns = tuple([names.get(column, column) for column in columns])
    is_there = labels is not None and labels.entity != node.entity and labels.kind == "index"
    if labels is not None and is_there and with_rows and not levels(subject.index):
        name = names.get(UNNAMED, UNNAMED)
        work.product((name,), labels, labels.columns, "IDENTITY")
        columns = (*columns, name)
    target = work.external(uri, columns)
    del work.inputs[uri]
    work.record([(target, "")], size(subject), size(subject))


def _has_labels_of_rows(observed: Observed) -> bool:
    """Whether a file gets the labels of rows as well; where nobody says, most kinds do."""
    given = observed.arguments.get
    if observed.target.name == "to_json" and given("orient") in ("records", "values"):
        return False
    return given("index") is not False and given("write_index") is not False


def _names_of_levels(observed: Observed) -> dict[str, str]:
    """Level of the index → what the file calls it, where that was said."""
    label = observed.arguments.get("index_label")
    if not label:  # none, or that there is to be none
        return {}
    names = levels(observed.subject.index) or (UNNAMED,)
    given = label if isinstance(label, (list, tuple)) else [label]
    return dict(zip(names, map(text, given), strict=False))


def arm(observation: Observation) -> None:
    """Observe ``pd.read_*`` and ``to_*``."""
    pieces.arm(observation)
    for name, parameter in READERS.items():
        if hasattr(pd, name):
            observe(
                observation, "pandas", pd, name, _read, before=_before(parameter, "read"), io=True
            )
    for name, parameter in WRITERS.items():
        for owner in (pd.DataFrame, pd.Series):
            if hasattr(owner, name):
                observe(
                    observation,
                    "pandas",
                    owner,
                    name,
                    _write,
                    label=f"pandas.{name}",
                    before=_before(parameter, "write"),
                    io=True,
                )
