"""Writes files out of DuckDB, one a cell, and tells what their columns owe to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import record

__all__ = ["Cases", "Written"]

Cases = Mapping[str, tuple[str, str]]
"""By name: a cell that writes ``OUT``, and what the columns of that owe to, one fact a line.

``*`` in the place of a column is each of them.
"""

FILES = {"t.csv": "id,a,b\n1,2,3\n2,3,4\n", "u.csv": "id,c\n1,9\n2,8\n"}
START = """
import duckdb
import numpy as np, pandas as pd, polars as pl, pyarrow as pa, pyarrow.parquet as pq
def fresh():
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS FROM 't.csv'")
    con.execute("CREATE TABLE u AS FROM 'u.csv'")
    return con
frame = pd.read_csv("t.csv")
lazy = pl.scan_csv("u.csv")
"""


class Written:
    """What the files of `cases` owe to, all of them written by one process.

    Attributes
    ----------
    lost : list of tuple
        Observers that failed, and of what.
    """

    def __init__(self, folder: Path, cases: Cases) -> None:
        for name, content in FILES.items():
            (folder / name).write_text(content)
        cells = [START]
        for number, (cell, _) in enumerate(cases.values()):
            out = f"out{number}.csv"
            cells.append(f"OUT = {out!r}\n{cell}".replace("TO OUT", f"TO '{out}'"))
        self._cases = cases
        self._recording = recording = record(folder, cells)
        self.lost = [
            (each.observer, recording.texts[each.error]) for each in recording.of(ObserverLost)
        ]

    def error(self, name: str) -> str:
        """How a case ended, if not well; or all of them did not begin."""
        errors = self._recording.errors
        return errors[0] or errors[list(self._cases).index(name) + 1]

    def facts(self, name: str) -> tuple[set[str], set[str]]:
        """What is found of a case's file, and what should be: ``column <- source RELATION``."""
        steps = self._recording.of(Transformation)
        folder = f"file://{self._recording.folder}/"
        out = f"{folder}out{list(self._cases).index(name)}.csv"
        columns = next(o.columns for s in steps for o in s.outputs if o.entity == out)
        found = {
            f"{column} <- {source.removeprefix(folder)}.{into} {relation}"
            + ("" if evidence == "observed" else f" {evidence}")
            for column in columns
            for source, into, relation, evidence in origins_of(steps, out, column)
        }
        told = set()
        for line in self._cases[name][1].strip().splitlines():
            left, _, right = line.partition(" <- ")
            told |= {f"{column} <- {right}" for column in (columns if left == "*" else [left])}
        return found, told
