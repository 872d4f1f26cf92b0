"""Notebooks as documents: read without trust, cleaned for release, compared."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from governed_kernel.errors import UnknownName, UsageError
from governed_kernel.files import read_regular

# nbformat and IPython come where a notebook is really read: together they take a tenth of a second,
# and most commands know notebooks by their digests only.
if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = [
    "Cell",
    "code_cells",
    "encode",
    "read",
    "release_copy",
    "source_copy",
    "tree_of",
]

_LONGEST = 400
LIMIT_BYTES = 64 << 20
_PYTHON_MAGICS = {"capture", "debug", "lprun", "memit", "mprun", "prun", "time", "timeit"}
_OPTIONS = re.compile(r"^(\s*-\w+(\s*\d+)?)+\s")
Notebook: TypeAlias = "NotebookNode"


@dataclass(frozen=True)
class Cell:
    """A code cell that has a source."""

    index: int
    """Position among all cells, from 0."""
    cell_id: str
    source: str
    tags: tuple[str, ...]
    execution: int | None
    outputs: list[dict[str, Any]]

    @property
    def label(self) -> str:
        """How messages name the cell: people count cells, its id is for programs."""
        return f"cell {self.index + 1}"


def read(path: Path) -> Notebook:
    """Read and validate a notebook.

    Raises
    ------
    UsageError
        It is no valid notebook of format 4.5 or later, or too large.
    """
    import nbformat

    try:
        if path.stat().st_size > LIMIT_BYTES:
            raise _unusable(path, f"it is larger than {LIMIT_BYTES >> 20} MiB", "clear outputs")
        text = read_regular(path).decode()
        _check_ids(path, json.loads(text))
        notebook: Notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
        nbformat.validate(notebook)
    except FileNotFoundError as error:
        raise UnknownName(
            f"there is no notebook {path}",
            why="the file does not exist",
            next="name it relative to the working directory, such as research/study.ipynb",
        ) from error
    except (
        *(OSError, ValueError, nbformat.ValidationError),
        *(AttributeError, TypeError),  # JSON that is no notebook at all
        RecursionError,  # nested too deeply for anybody
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if len(reason) > _LONGEST:  # what is wrong may be how long it is
            reason = f"{reason[: _LONGEST // 2]} … {reason[-_LONGEST // 2 :]}"
        raise _unusable(path, reason, "open it in JupyterLab and save it again") from error
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        raise _unusable(path, "its format is older than 4.5, so cells have no ids", "save it again")
    return notebook


def _check_ids(path: Path, document: Any) -> None:
    """Refuse two cells of one id: one would hide the other from whoever compares notebooks."""
    json.dumps(document, ensure_ascii=False).encode()  # half a character can't be written again
    counts = Counter(cell.get("id") for cell in document.get("cells", []))
    twice = [name for name, count in counts.items() if name is not None and count > 1]
    if twice:
        raise _unusable(path, f"several cells have the id {twice[0]!r}", "make one of them anew")


def code_cells(notebook: Notebook) -> list[Cell]:
    """The code cells that are not empty, in order."""
    return [
        Cell(
            index=index,
            cell_id=cell.get("id", ""),
            source=cell.source,
            tags=tuple(str(tag) for tag in cell.metadata.get("tags", [])),
            execution=cell.get("execution_count"),
            outputs=list(cell.get("outputs", [])),
        )
        for index, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and cell.source.strip()
    ]


def tree_of(source: str) -> ast.Module | None:
    """The syntax tree of a cell, magics and shell lines transformed; None if it has none.

    What a magic such as ``%%time`` runs as Python is part of the tree, behind the rest.
    """
    try:
        tree = ast.parse(_transformed(source))
    except SyntaxError:
        return None
    for text in [text for node in ast.walk(tree) for text in _run_by_magic(node)]:
        inner = tree_of(_OPTIONS.sub("", text))
        tree.body += inner.body if inner else []
    return tree


def _run_by_magic(node: ast.AST) -> list[str]:
    """The Python code that a call of a magic runs."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return []
    said = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
    if node.func.attr not in ("run_line_magic", "run_cell_magic") or not said:
        return []
    return [str(text) for text in said[1:]] if said[0] in _PYTHON_MAGICS else []


def _transformed(source: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    return str(TransformerManager().transform_cell(source))


def source_copy(notebook: Notebook) -> Notebook:
    """What a person wrote into the notebook, with nothing that came out of running it.

    Outputs may hold personal data and are not kept; cells of every kind are, with their tags.
    """
    spec = notebook.metadata.get("kernelspec", {})
    named = {"name": str(spec.get("name", "")), "display_name": str(spec.get("display_name", ""))}
    cells = [_kept(cell, list(cell.metadata.get("tags", []))) for cell in notebook.cells]
    return _made({"kernelspec": named}, cells)


def release_copy(notebook: Notebook) -> Notebook:
    """The notebook as it is released: sources only, nothing that a viewer could be fooled by.

    Outputs, counts, attachments and all metadata but the language and the ``parameters`` tag are
    dropped; empty cells too. The kernel is ``governed-release``. It is the same for a notebook
    and for its `source_copy`.
    """
    cells = [
        _kept(cell, [tag for tag in cell.metadata.get("tags", []) if tag == "parameters"][:1])
        for cell in notebook.cells
        if cell.cell_type in ("code", "markdown") and cell.source.strip()
    ]
    metadata = {
        "kernelspec": {
            "name": "governed-release",
            "display_name": "Governed Python (Release)",
            "language": "python",
        },
        "language_info": {"name": "python"},
    }
    return _made(metadata, cells)


def _kept(cell: Notebook, tags: list[str]) -> dict[str, Any]:
    kept = {"id": cell.id, "cell_type": cell.cell_type, "source": cell.source}
    kept["metadata"] = {"tags": tags} if tags else {}
    if cell.cell_type == "code":
        kept |= {"execution_count": None, "outputs": []}
    return kept


def _made(metadata: Mapping[str, Any], cells: list[dict[str, Any]]) -> Notebook:
    import nbformat

    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    made: Notebook = nbformat.reads(json.dumps(document), as_version=4)
    nbformat.validate(made)
    return made


def encode(notebook: Notebook) -> bytes:
    """The notebook's file content, the same for the same notebook."""
    import nbformat

    text: str = nbformat.writes(notebook)
    return (text + "\n").encode()


def _unusable(path: Path, why: str, next: str) -> UsageError:
    return UsageError(f"{path} can't be used as a notebook", why=why, next=next)
