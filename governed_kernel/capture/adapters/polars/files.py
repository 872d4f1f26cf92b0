"""Readers and writers: an access, and a step between files and frames.

A scan reads nothing yet: its files are read, and on record, where its plan is run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
from polars import io

from governed_kernel.capture.adapters.polars.execution import record_run, run_that_made, runs_of
from governed_kernel.capture.adapters.polars.leaves import Lazy
from governed_kernel.capture.adapters.polars.plans import has_buffers, named
from governed_kernel.capture.adapters.polars.subjects import Work, look, size
from governed_kernel.capture.observation import Call, Observation
from governed_kernel.capture.observing import Observed, observe
from governed_kernel.capture.registry import Node
from governed_kernel.capture.transfers import announce, ask_below, complete
from governed_kernel.capture.uris import is_url, path_of

__all__ = ["arm"]

READERS = (
    *("read_csv", "read_parquet", "read_ipc", "read_ipc_stream", "read_ndjson", "read_json"),
    *("read_avro", "read_excel", "read_ods", "read_lines", "read_delta", "read_iceberg"),
    *("read_parquet_metadata", "read_parquet_schema", "read_ipc_schema"),
)
SCANNERS = (
    *("scan_csv", "scan_parquet", "scan_ipc", "scan_ndjson", "scan_lines", "scan_delta"),
    *("scan_iceberg", "scan_pyarrow_dataset"),
)
WRITERS = (
    *("write_csv", "write_parquet", "write_ipc", "write_ipc_stream", "write_ndjson"),
    *("write_json", "write_avro", "write_excel", "write_delta"),
)
_WILD = frozenset("*?[")


def places(source: Any) -> Iterator[str]:
    """The files and URLs that it names outright; patterns and folders polars resolves."""
    for text in named(source):
        if "\n" not in text and not _WILD & set(text):
            remote = is_url(text) and not text.startswith("file://")
            if remote or Path(text.removeprefix("file://")).expanduser().is_file():
                yield text


def _folders(source: Any) -> Iterator[str]:
    """The folders that it names outright, which polars lists by itself."""
    for text in named(source):
        if "\n" not in text and not _WILD & set(text) and not is_url(text):
            yield os.path.realpath(Path(text).expanduser())


def _ask_to_read(observation: Observation, call: Call) -> None:
    for place in places(call.arguments[0]):
        announce(observation, call, "read", place)
    for folder in _folders(call.arguments[0]):
        ask_below(observation, call, folder)


def _read(observation: Observation, observed: Observed) -> None:
    complete(observation, observed.call)
    uris = [uri for operation, uri in observed.call.claims if operation == "read"]
    result = observed.result
    for part in list(result.values()) if isinstance(result, dict) else [result]:
        seen = look(part)
        if seen is None:
            continue
        run = run_that_made(observed.call, part)
        if run is not None and run.plan is not None and run.plan.scans:
            record_run(Work(observation, observed), run, Lazy(()))
            continue
        work = Work(observation, observed)
        for uri in uris:
            work.same(work.external(uri, seen[1]))
        work.finish(part, *seen, rows_out=size(part), patient=True)


def _ask_about_scan(observation: Observation, call: Call) -> None:
    """What is forbidden is refused at once, though nothing is read before the plan is run."""
    for place in places(call.arguments[0]):
        uri = path_of(place)
        if uri is None:
            continue
        local = uri.startswith("file://")
        target = os.path.realpath(Path(place).expanduser()) if local else uri
        decision = observation.decide("read", target)
        if not decision.allowed:
            kind: Any = "file" if local else "http"
            observation.access("read", kind, uri, call.target.title, decision)
    for folder in _folders(call.arguments[0]):
        ask_below(observation, call, folder)


def _scan(observation: Observation, observed: Observed) -> None:
    if isinstance(observed.result, pl.LazyFrame):
        sources = tuple(named(observed.call.arguments[0]))
        # The plan shows the files of all scans but these.
        hidden = observed.target.name == "scan_ipc" or has_buffers(observed.call.arguments[0])
        lazy = Lazy((), frozenset(("files",)), (sources,) if hidden else (), sources)
        Work(observation, observed).memory.keep(observed.result, lazy)


def _ask_to_write(observation: Observation, call: Call) -> None:
    if isinstance(call.arguments[1], (str, os.PathLike)):
        announce(observation, call, "write", call.arguments[1])


def _write(observation: Observation, observed: Observed) -> None:
    uri = complete(observation, observed.call)
    rows, work = size(observed.subject), Work(observation, observed)
    node = work.subject()
    if node is None:
        return
    if uri is not None:
        work.same(node)
        work.record([(Node(uri, "file", node.columns), "")], rows, rows)
        return
    for run in runs_of(observed.call):
        if run.plan is not None and run.plan.targets:
            lazy = work.lazy([observed.subject])
            record_run(Work(observation, observed), run, lazy, rows_in=rows)


def arm(observation: Observation) -> None:
    """Observe ``pl.read_*``, ``pl.scan_*`` and ``write_*``."""
    for names, rule, before in (
        (READERS, _read, _ask_to_read),
        (SCANNERS, _scan, _ask_about_scan),
    ):
        for name in names:
            if hasattr(io, name):
                observe(observation, "polars", io, name, rule, before=before, io=True)
    for name in WRITERS:
        observe(
            observation,
            "polars",
            pl.DataFrame,
            name,
            _write,
            label=f"polars.{name}",
            before=_ask_to_write,
            io=True,
        )
