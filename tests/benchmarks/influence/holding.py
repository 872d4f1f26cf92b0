"""A notebook without observers, again and again: what changes with which column of a table."""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tests.benchmarks.influence import tables

__all__ = ["Held", "Place", "hold"]

WAYS = 3
Place = tuple[str, str]
"""A file or table, and a column."""


class Held(NamedTuple):
    """What runs without observers have shown.

    Attributes
    ----------
    columns : list of tuple
        Those of the files that the notebook writes.
    influences : dict
        Such a column → the columns of tables with which it changes.
    """

    columns: list[Place]
    influences: dict[Place, set[Place]]


def written(folder: Path) -> dict[Place, list[str]]:
    """The columns of all files below ``out``, value by value."""
    found = {}
    for path in sorted((folder / "out").rglob("*.*")):
        for name, column in _table(path).items():
            values = [
                f"{value:.9g}" if isinstance(value, float) else str(value) for value in column
            ]
            found[path.relative_to(folder).as_posix(), str(name)] = values
    return found


def _table(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        return table if isinstance(table.index, pd.RangeIndex) else table.reset_index()
    return pd.read_json(path, lines=path.suffix == ".jsonl")


def run(cells: list[str], given: tables.Tables) -> dict[Place, list[str]] | None:
    """What a notebook writes, without observers; None where it fails with these tables."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        (folder := Path(name)).joinpath("out").mkdir()
        tables.write(folder, given)
        names = {"__name__": "__main__"}
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for cell in cells:
                    exec(compile(cell, "<cell>", "exec"), names)  # a notebook's
        except Exception:
            return None
        return written(folder)


def hold(cells: list[str]) -> Held:
    """Change each column in each way."""
    given = tables.made()
    before, again = run(cells, given), run(cells, given)
    assert before is not None, "the notebook fails"
    assert again is not None
    stable = {place for place, values in before.items() if again.get(place) == values}
    influences: defaultdict[Place, set[Place]] = defaultdict(set)
    for table in (name for name in given if re.search(rf"\b{name}\b", "\n".join(cells))):
        for column in given[table][0]:
            for way in range(WAYS):
                after = run(cells, tables.changed(given, table, column, way)) or {}
                for place in stable & after.keys():
                    if after[place] != before[place]:
                        influences[place].add((table, column))
    return Held(list(before), dict(influences))
