"""Code that IPython's magics run, and variables that they bring in."""

from __future__ import annotations

import ast

__all__ = ["ANY", "code_of"]

ANY = "__any__"
"""Stands among the names that are bound for those that only the namespace can tell."""
_RUNNING = {"time", "capture", "timeit", "prun"}
"""Magics that run Python code."""


def code_of(node: ast.Call) -> str | None:
    """The Python code that a call of IPython's runs: ``%%time``, ``%time`` and the like."""
    function = node.func
    if not isinstance(function, ast.Attribute) or not function.attr.startswith("run_"):
        return None
    texts = [
        part.value
        for part in node.args
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    if function.attr == "run_cell_magic" and len(texts) == 3 and texts[0] in _RUNNING:
        return texts[2]
    if function.attr == "run_line_magic" and len(texts) == 2 and texts[0] in _RUNNING:
        return texts[1]
    if function.attr == "run_line_magic" and len(texts) == 2 and texts[0] == "store":
        return _stored(texts[1])
    return None


def _stored(line: str) -> str:
    """What ``%store`` does, as code: it writes variables to files, and with ``-r`` reads them."""
    words = line.partition(">")[0].split()
    names = [word for word in words if word.isidentifier()]
    if "-r" not in words:
        return "\n".join(names)
    return "\n".join(f"{name} = open({name!r})" for name in names or [ANY])
