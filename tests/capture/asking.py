"""Asks what columns owe to, for many small questions at once: one process, one cell each."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from governed_kernel.lineage.events import ObserverLost, Transformation
from tests.capture.origins import origins_of
from tests.capture.recording import Recording, record

__all__ = ["Answers", "facts"]

FILES = {
    "cases.csv": "k,v,s,t\n1,3.5,x,1\n2,4.0,y,2\n2,,z,5\n",
    "other.csv": "k,w,v\n1,7,1\n2,8,2\n",
    "nested.ndjson": '{"l":[1,2],"st":{"p":1,"q":2},"n":1}\n{"l":[3],"st":{"p":3,"q":4},"n":2}\n',
}
MARKS = {"observed": "", "conservative": "?", "inferred": "~"}


class Answers:
    """What each question's columns owe to, as ``answers[name]``.

    Parameters
    ----------
    questions : mapping
        Name → statements over what `read` has read; the last is an expression, whose value is
        written to a file.
    start : str
        The first cell: imports, and ``keep(value, path)``, which writes.
    read : str
        Comes before each question.
    suffix : str
        Of the written files.
    """

    def __init__(
        self,
        folder: Path,
        questions: Mapping[Any, str],
        *,
        start: str,
        read: str,
        suffix: str = "parquet",
    ) -> None:
        for name, content in FILES.items():
            (folder / name).write_text(content)
        self._numbers = {name: number for number, name in enumerate(questions, 2)}
        self._suffix = suffix
        cells = [start]
        for name, question in questions.items():
            *before, last = ast.parse(question).body
            assert isinstance(last, ast.Expr)
            program, value = ast.unparse(ast.Module(before, [])), ast.unparse(last.value)
            path = f"out_{self._numbers[name]}.{suffix}"
            cells.append(f"{read}\n{program}\nmade = {value}\nkeep(made, {path!r})")
        self._recording = record(folder, cells)

    def __getitem__(self, name: Any) -> set[str]:
        """``column < source RELATION``, as a table of questions spells it."""
        return _told(self._recording, self._numbers[name], self._suffix)


def facts(line: str) -> set[str]:
    """The facts that lines name, apart by commas."""
    return {each.strip() for each in line.replace("\n", ",").split(",") if each.strip()}


def _told(recording: Recording, number: int, suffix: str) -> set[str]:
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
            if entity.entity != f"{root}out_{number}.{suffix}":
                continue
            for column in entity.columns:
                for source, into, relation, evidence in origins_of(steps, entity.entity, column):
                    name = source.removeprefix(root)
                    place = into if name in ("cases.csv", "nested.ndjson") else f"{name[0]}.{into}"
                    found.add(f"{column} < {place} {relation}{MARKS[evidence]}")
    return found
