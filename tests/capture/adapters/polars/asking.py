"""Asks what columns owe to, for many small questions at once: one process, one cell each."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record

FILES = {
    "cases.csv": "k,v,s,t\n1,3.5,x,1\n2,4.0,y,2\n2,,z,5\n",
    "other.csv": "k,w,v\n1,7,1\n2,8,2\n",
    "nested.ndjson": '{"l":[1,2],"st":{"p":1,"q":2},"n":1}\n{"l":[3],"st":{"p":3,"q":4},"n":2}\n',
}
START = """
import polars as pl
import polars.selectors as cs
import numpy as np
col, when, lit = pl.col, pl.when, pl.lit
def read(eager):
    if eager:
        return pl.read_csv("cases.csv"), pl.read_csv("other.csv"), pl.read_ndjson("nested.ndjson")
    return pl.scan_csv("cases.csv"), pl.scan_csv("other.csv"), pl.scan_ndjson("nested.ndjson")
def keep(made, path):
    if isinstance(made, pl.Series):
        made = made.to_frame()
    if isinstance(made, pl.LazyFrame):
        made.sink_parquet(path)
    else:
        made.write_parquet(path)
"""


class Answers:
    """What each question's columns owe to, as ``answers[name]``.

    Parameters
    ----------
    questions : mapping
        Name → statements over ``f``, ``g`` and ``h``, the three files as frames; the last is an
        expression, whose value is written to a file.
    eager : bool
        Read the files at once, rather than scan them.
    """

    def __init__(self, folder: Path, questions: Mapping[Any, str], *, eager: bool) -> None:
        for name, content in FILES.items():
            (folder / name).write_text(content)
        self._numbers = {name: number for number, name in enumerate(questions, 2)}
        cells = [START]
        for name, question in questions.items():
            *before, last = ast.parse(question).body
            assert isinstance(last, ast.Expr)
            program = ast.unparse(ast.Module(before, []))
            path = f"out_{self._numbers[name]}.parquet"
            value = ast.unparse(last.value)
            cells.append(f"f, g, h = read({eager})\n{program}\nkeep({value}, {path!r})")
        self._recording = record(folder, cells)

    def __getitem__(self, name: Any) -> set[str]:
        return told(self._recording, self._numbers[name])


def facts(line: str) -> set[str]:
    """The facts that lines name, apart by commas."""
    return {each.strip() for each in line.replace("\n", ",").split(",") if each.strip()}


def told(recording: Recording, number: int, kind: str = "parquet") -> set[str]:
    """What the columns of a cell's file owe to: ``column < source RELATION``.

    Behind what is conservative is a ``?``, behind what is inferred a ``~``; a source in another
    file than the first of its name has that file's initial in front.
    """
    assert not recording.errors[number - 1], recording.errors[number - 1]
    lost = recording.of(ObserverLost, number)
    assert not lost, [recording.texts[each.error] for each in lost]
    steps = recording.of(Transformation, number)
    root = f"file://{recording.folder}/"
    found = set()
    for step in steps:
        for entity in step.outputs:
            if entity.entity != f"{root}out_{number}.{kind}":
                continue
            for column in entity.columns:
                for source, into, relation, evidence in origins_of(steps, entity.entity, column):
                    name = source.removeprefix(root)
                    place = into if name in ("cases.csv", "nested.ndjson") else f"{name[0]}.{into}"
                    mark = {"observed": "", "conservative": "?", "inferred": "~"}[evidence]
                    found.add(f"{column} < {place} {relation}{mark}")
    return found
