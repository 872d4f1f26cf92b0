"""What can be mended at one click: for a finding, the change that would end it.

Nothing is changed here. The notebook lies open in front of somebody, so whoever shows the finding
applies the change to what is open, and the checks are made again on what was saved.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from governed_kernel.errors import UsageError
from governed_kernel.release.findings import Finding
from governed_kernel.release.notebook import Cell, Notebook, code_cells
from governed_kernel.release.parameters import Bounds, bounded, read_schema
from governed_kernel.workspace import Workspace

__all__ = ["Fix", "bounds_fix", "fix_of"]

_RUN_AGAIN = {
    *("cell-never-run", "cell-failed", "cells-out-of-order", "changed-since-run"),
    *("failed-in-session", "session-differs", "no-session", "text-erased"),
}
_NAME = re.compile(r"\W+")


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """One change that would end a finding.

    Attributes
    ----------
    kind : {'tag', 'source', 'outputs', 'run', 'register'}
        Tag a cell with ``parameters``; give a cell another text; clear a cell's outputs; restart
        and run all cells; register a file in the catalog.
    cell_id : str
        The cell that changes.
    before, after : str
        For ``source``, the cell's text: it is changed only while it still is `before`.
    path : str
        For ``register``, the file, relative to the workspace.
    """

    kind: Literal["tag", "source", "outputs", "run", "register"]
    cell_id: str = ""
    before: str = ""
    after: str = ""
    path: str = ""


def fix_of(workspace: Workspace, path: Path, document: Notebook, finding: Finding) -> Fix | None:
    """The change that would end `finding`; None where a person must think.

    Parameters
    ----------
    path : Path
        Where the notebook lies: relative paths in its cells are taken from its folder.
    """
    cells = code_cells(document)
    cell = next((cell for cell in cells if cell.cell_id == finding.cell_id), None)
    if finding.code in _RUN_AGAIN:
        return Fix(kind="run")
    if finding.code == "no-parameters-cell":
        return _tag(cells)
    if finding.code == "unregistered-input" and finding.subject:
        return _registration(workspace, finding.subject)
    if cell is not None and finding.code == "absolute-path":
        return _relative(workspace, path.parent, cell, finding.subject)
    if cell is not None and finding.code == "secret":
        place, _, line = finding.subject.partition(":")
        if place == "output":
            return Fix(kind="outputs", cell_id=cell.cell_id)
        return _without_secret(cell, int(line))
    return None


def _tag(cells: Sequence[Cell]) -> Fix | None:
    """The first cell that assigns literals and does nothing else."""
    for cell in cells:
        try:
            if read_schema(cell.source):
                return Fix(kind="tag", cell_id=cell.cell_id)
        except UsageError:
            continue
    return None


def _registration(workspace: Workspace, subject: str) -> Fix | None:
    full = (workspace.root / subject).resolve()
    if not full.is_relative_to(workspace.root) or not full.exists():
        return None
    return Fix(kind="register", path=full.relative_to(workspace.root).as_posix())


def _relative(workspace: Workspace, folder: Path, cell: Cell, subject: str) -> Fix | None:
    """The path written from the folder where kernels work; only for files of the workspace."""
    full = Path(os.path.normpath(Path(subject.removeprefix("file://")).expanduser()))
    if not full.is_relative_to(workspace.root):
        return None
    said = Path(os.path.relpath(full, folder)).as_posix()
    after = _replaced(cell.source, subject, repr(said))
    if not after:
        return None
    return Fix(kind="source", cell_id=cell.cell_id, before=cell.source, after=after)


def _replaced(source: str, value: str, by: str, line: int = 0) -> str:
    """`source` with each literal of that value written otherwise; empty when there is none."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ""
    literals = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == value and line in (0, node.lineno)
    ]
    lines = source.encode().splitlines(keepends=True)
    for node in sorted(literals, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        if node.end_lineno != node.lineno or node.end_col_offset is None:
            return ""  # a literal over several lines is for a person
        text = lines[node.lineno - 1]
        lines[node.lineno - 1] = text[: node.col_offset] + by.encode() + text[node.end_col_offset :]
    return b"".join(lines).decode() if literals else ""


def _without_secret(cell: Cell, line: int) -> Fix | None:
    """The longest text of that line read from the environment instead."""
    try:
        tree = ast.parse(cell.source)
    except SyntaxError:
        return None
    named = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    texts = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.lineno == line
    ]
    if not texts:
        return None
    secret = max(texts, key=lambda node: len(str(node.value)))
    name = next((name for name, value in named.items() if value is secret), "secret")
    variable = _NAME.sub("_", name).upper()
    after = _replaced(cell.source, str(secret.value), f'os.environ["{variable}"]', line)
    if not after:
        return None
    if not re.search(r"(?m)^import os$", after):
        after = f"import os\n\n{after}"
    return Fix(kind="source", cell_id=cell.cell_id, before=cell.source, after=after)


def bounds_fix(document: Notebook, said: Mapping[str, Bounds]) -> Fix:
    """The change that writes bounds of parameters into the notebook.

    Raises
    ------
    UsageError
        There is not one ``parameters`` cell, or it can't say that.
    """
    tagged = [cell for cell in code_cells(document) if "parameters" in cell.tags]
    if len(tagged) != 1:
        raise UsageError(
            f"{len(tagged)} cells are tagged 'parameters'",
            why="bounds are written into the one that is",
            next="tag one cell, then check again",
        )
    (cell,) = tagged
    return Fix(
        kind="source", cell_id=cell.cell_id, before=cell.source, after=bounded(cell.source, said)
    )
