"""Asks what columns owe to, for many small questions in pandas: one process, a cell each."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.capture.adapters.polars.asking import told
from tests.capture.recording import record

FILES = {
    "cases.csv": "k,v,s,t\n1,3.5,x,1\n2,4.0,y,2\n2,,z,5\n",
    "other.csv": "k,w,v\n1,7,1\n2,8,2\n",
}
START = """
import numpy as np
import pandas as pd
def keep(made, path):
    if isinstance(made, (pd.Series, pd.Index)):
        made = made.to_frame()
    made.to_csv(path, index=False)
"""


class Answers:
    """What each question's columns owe to, as ``answers[name]``.

    Parameters
    ----------
    questions : mapping
        Name → statements over ``f`` and ``g``, the two files as frames; the last is an
        expression, whose value is written to a file without its index.
    """

    def __init__(self, folder: Path, questions: Mapping[Any, str]) -> None:
        for name, content in FILES.items():
            (folder / name).write_text(content)
        self._numbers = {name: number for number, name in enumerate(questions, 2)}
        cells = [START]
        for name, question in questions.items():
            *before, last = ast.parse(question).body
            assert isinstance(last, ast.Expr)
            program = ast.unparse(ast.Module(before, []))
            value, path = ast.unparse(last.value), f"out_{self._numbers[name]}.csv"
            read = "f, g = pd.read_csv('cases.csv'), pd.read_csv('other.csv')"
            cells.append(f"{read}\n{program}\nmade = {value}\nkeep(made, {path!r})")
        self._recording = record(folder, cells)

    def __getitem__(self, name: Any) -> set[str]:
        return told(self._recording, self._numbers[name], "csv")
