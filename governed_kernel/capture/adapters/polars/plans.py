"""Reads a plan: which files and frames it begins with, and what its columns owe to them.

polars shows its plans to its GPU engine, step by step, with every name resolved and every path
found. This reads the same view of the plan as it was written, before anything is optimised away:
a sort that the optimiser drops is still part of what the user asked for.
"""

from __future__ import annotations

import glob
import io
import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from governed_kernel.capture.adapters.polars.store import HIDDEN
from governed_kernel.capture.uris import is_url

__all__ = ["Plan", "PlanStep", "Scan", "Written", "files_of", "has_buffers", "named"]

_VIEW = 16
"""The version of polars' view that this was written for."""
_TICK = 20_000_000
"""How coarse the clocks of file systems are, in nanoseconds."""


class Scan(NamedTuple):
    """Files that a plan reads.

    Attributes
    ----------
    place : int
        The step.
    kind : str
        ``parquet``, ``csv`` …
    paths : tuple of str
        Every file, found by polars itself.
    columns : tuple of str
        Columns that come from the files.
    structs : tuple of str
        Those of them that are structs.
    """

    place: int
    kind: str
    paths: tuple[str, ...]
    columns: tuple[str, ...]
    structs: tuple[str, ...]


class Written(NamedTuple):
    """A file, or a folder of parts, that a plan writes."""

    kind: str
    path: str
    parts: bool

    def files(self, since: int) -> list[str]:
        """The files that were written there since a moment (in nanoseconds)."""
        if not self.parts:
            return [self.path]
        found = (each for each in Path(self.path).rglob("*") if each.is_file())
        return sorted(str(each) for each in found if each.stat().st_mtime_ns >= since - _TICK)


class PlanStep(NamedTuple):
    """One step of a plan.

    Attributes
    ----------
    place : int
        Its number in polars' store of steps.
    view : Any
        What polars shows of it; None when that is nothing.
    inputs : tuple of int
        The steps before it.
    """

    place: int
    view: Any
    inputs: tuple[int, ...]


class Plan:
    """One plan as polars shows it.

    Parameters
    ----------
    ldf : PyLazyFrame
        The native part of a lazy frame. Files' headers are read to know their columns, once: what
        polars finds out here it does not look up again when it runs the plan.
    sources : sequence of tuple of str
        What the scans read that polars does not show, in the order of the plan.

    Raises
    ------
    polars.exceptions.PolarsError
        The plan is wrong; running it will say so to the user.
    NotImplementedError
        This polars shows its plans in another way.
    """

    def __init__(self, ldf: Any, sources: Sequence[tuple[str, ...]] = ()) -> None:
        self.since = time.time_ns()
        self._sources = list(sources)
        self.traverser = _traverser(ldf)
        if self.traverser.version()[0] != _VIEW:
            raise NotImplementedError(f"plans of version {self.traverser.version()}")
        self.root = self.traverser.get_node()
        self.steps: dict[int, PlanStep] = {}
        self.frames: list[Any] = []
        self.scans: list[Scan] = []
        self.targets: list[Written] = []
        self.frame_places: dict[int, int] = {}
        self._read()

    def _read(self) -> None:
        """Look at every step, inputs in their order."""
        todo = [self.root]
        while todo:
            place = todo.pop()
            if place in self.steps:
                continue
            self.traverser.set_node(place)
            try:
                view = self.traverser.view_current_node()
            except HIDDEN:
                view = None
            inputs = tuple(self.traverser.get_inputs())
            self.steps[place] = PlanStep(place, view, inputs)
            todo += reversed(inputs)
            kind = type(view).__name__
            if view is None and not inputs:
                sources = self._sources.pop(0) if self._sources else ()
                paths = [path for source in sources for path in files_of(source)]
                self.scans.append(self._scan_of(place, "ipc", paths))
            elif kind == "DataFrameScan":
                self.frame_places[place] = len(self.frames)
                self.frames.append(view.df)
            elif kind == "Scan":
                self.scans.append(self._scan(place, view))
            elif kind == "PythonScan":
                self.scans.append(self._dataset(place, view))
            elif kind == "Sink" and (target := _target(view)) is not None:
                self.targets.append(target)

    def _scan(self, place: int, view: Any) -> Scan:
        options = view.file_options
        row_index = getattr(options, "row_index", None)
        added = {options.include_file_paths, row_index[0] if row_index else None}
        return self._scan_of(place, str(view.scan_type[0]), map(str, view.paths), added)

    def _dataset(self, place: int, view: Any) -> Scan:
        """A scan by a Python function: of a pyarrow dataset the files are known."""
        function = view.options[0]
        paths: list[str] = []
        for thing in getattr(function, "args", ()):
            files = getattr(thing, "files", None)
            if isinstance(files, list):
                paths += [path for path in files if isinstance(path, str)]
        return self._scan_of(place, "python", paths)

    def _scan_of(
        self, place: int, kind: str, paths: Iterable[str], added: Collection[str | None] = ()
    ) -> Scan:
        schema = self.traverser.get_schema()
        names = tuple(name for name in schema if name not in added)
        structs = tuple(name for name in names if isinstance(schema[name], pl.Struct))
        return Scan(place, kind, tuple(paths), names, structs)

    def roots(self) -> Iterator[int]:
        """Every expression of the plan that is no part of another."""
        before = self.traverser.get_node()
        for place in self.steps:
            self.traverser.set_node(place)
            for expression in self.traverser.get_exprs():
                yield expression.node
        self.traverser.set_node(before)

    def written(self) -> int:
        """The step whose columns come out, or are written."""
        step = self.steps[self.root]
        return step.inputs[0] if type(step.view).__name__ == "Sink" else self.root

    def columns(self) -> tuple[str, ...]:
        """The columns that come out, or are written."""
        self.traverser.set_node(self.written())
        return tuple(self.traverser.get_schema())


def named(source: Any) -> Iterator[str]:
    """All that an argument names: files, folders, patterns, URLs, and files that are open."""
    if isinstance(source, (list, tuple)):
        for each in source:
            yield from named(each)
        return
    if isinstance(source, io.IOBase):
        source = getattr(source, "name", None)
        source = source if isinstance(source, str) and Path(source).is_file() else None
    if isinstance(source, (str, os.PathLike)) and isinstance(os.fspath(source), str):
        yield os.fspath(source)


def has_buffers(source: Any) -> bool:
    """Whether an argument is, or has among its parts, an open file or bytes."""
    if isinstance(source, (list, tuple)):
        return any(map(has_buffers, source))
    return isinstance(source, (io.IOBase, bytes))


def files_of(source: str) -> list[str]:
    """The files that polars finds by a path, a folder or a pattern."""
    if is_url(source):
        return [source]
    path = Path(source).expanduser()
    if path.is_dir():
        return sorted(str(each) for each in path.rglob("*") if each.is_file())
    if path.is_file():
        return [source]
    return sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - patterns are absolute too


def _traverser(ldf: Any) -> Any:
    """The view of a plan; without the casts that polars adds where types differ, if it can be."""
    try:
        return ldf.with_optimizations(_flags(coercion=False)).visit()
    except pl.exceptions.PolarsError:
        return ldf.with_optimizations(_flags(coercion=True)).visit()


def _flags(*, coercion: bool) -> Any:
    found = _known_flags.get(coercion)
    if found is None:
        found = pl.QueryOptFlags.none()._pyoptflags
        found.type_coercion = coercion
        _known_flags[coercion] = found
    return found


_known_flags: dict[bool, Any] = {}


def _target(view: Any) -> Written | None:
    """What a step writes to; None for a function that takes batches."""
    payload = json.loads(view.payload)
    if "File" in payload:
        told, path = payload["File"], payload["File"]["target"].get("inner")
    elif "Partitioned" in payload:
        told, path = payload["Partitioned"], payload["Partitioned"]["base_path"].get("inner")
    else:
        return None
    if not isinstance(path, str):
        return None
    (kind,) = told["file_format"] if isinstance(told["file_format"], dict) else ("file",)
    return Written(kind.lower(), path, "Partitioned" in payload)
