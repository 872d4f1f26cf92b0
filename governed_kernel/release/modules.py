"""Which Python files of the workspace a notebook, and what it imports, rests on."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from governed_kernel.release.notebook import Notebook, code_cells, tree_of
from governed_kernel.workspace import Workspace

__all__ = ["local_modules"]


def local_modules(workspace: Workspace, folder: Path, notebook: Notebook) -> list[Path]:
    """Every module of the workspace reached by import statements, from the notebook's `folder`.

    Import statements alone are followed: what is imported in any other way is not staged, so a
    run fails closed.
    """
    trees = [tree for cell in code_cells(notebook) if (tree := tree_of(cell.source))]
    found: set[Path] = set()
    waiting = [(folder, name) for tree in trees for name in _imported(tree, "")]
    while waiting:
        root, name = waiting.pop()
        for path in _files_of(root, name):
            if path in found or not path.resolve().is_relative_to(workspace.root):
                continue
            found.add(path)
            package = ".".join(path.relative_to(root).with_suffix("").parts[:-1])
            try:
                with tokenize.open(path) as file:  # in the encoding that it names itself
                    tree = ast.parse(file.read(), filename=str(path))
            except (SyntaxError, ValueError):
                continue  # it can't be imported either
            waiting += [(root, inner) for inner in _imported(tree, package)]
    return sorted(found)


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names of modules that `tree` may import, relative ones resolved in `package`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(parents if node.level else []), *([node.module or ""])]).strip(".")
            yield base
            yield from (f"{base}.{alias.name}".strip(".") for alias in node.names)


def _files_of(root: Path, name: str) -> Iterable[Path]:
    """The files that importing ``a.b.c`` below `root` executes."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path
