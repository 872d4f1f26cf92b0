"""Run a workspace's split code in a process of its own: ``python -m … SPECIFICATION.json``.

It writes one CSV a part into the folder it is told, and nothing else. What it says about itself is
not believed: `split_checks` reads the files afterwards, in a process where that code never ran.

What is recorded of it is its one file, so that it loads no other of the workspace: modules come
from the environment. Who reads a text and executes it can be seen to do so in that one file.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import runpy
import site
import sys
import sysconfig
import zipimport
from pathlib import Path
from typing import Any

from governed_kernel.canonical import digest_bytes
from governed_kernel.errors import GovernedError, UsageError
from governed_kernel.lifetime import end_with

__all__ = ["PARTS", "main"]

PARTS = ("train", "validation", "holdout")


def main(specification: str) -> None:
    """Divide as the specification says: workspace, source, code and its copy, function, folder."""
    from governed_kernel.governance.frames import read_pandas

    spec: dict[str, str] = json.loads(Path(specification).read_text(encoding="utf-8"))
    end_with(int(spec["parent"]))  # code that never ends is not left behind
    code = Path(spec["copy"]).read_bytes()
    if digest_bytes(code) != spec["sha256"]:
        raise UsageError(
            "the split code is not what was read",
            why="its copy was changed before it ran",
            next="run the same command again",
        )
    _keep_modules_out(Path(spec["workspace"]), Path(spec["code"]))
    function = _function(Path(spec["code"]), code, spec["function"])
    frame = read_pandas(Path(spec["source"]))
    first, second = (_parts(function(frame.copy()), list(frame.columns)) for _ in range(2))
    if first != second:
        raise UsageError(
            "the split is not repeatable",
            why="called twice with the same data, it gave different parts",
            next="seed every random choice, for example sample(..., random_state=7)",
        )
    for part, text in first.items():
        Path(spec["folder"], f"{part}.csv").write_bytes(text.encode())


def _keep_modules_out(workspace: Path, code: Path) -> None:
    """Refuse to open a module that lies in the workspace, and whatever Python's loaders open there.

    An environment within the workspace is none of its files.
    """
    installed = {
        sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    own = str(Path(__file__).parents[1])
    installed |= {*site.getsitepackages(), site.getusersitepackages(), own}
    libraries = tuple(f"{folder}{os.sep}" for folder in installed)
    suffixes = tuple(importlib.machinery.all_suffixes())
    # of an archive, or a module of another name, no suffix tells
    loads = (importlib.machinery.SourceFileLoader.get_data, zipimport.zipimporter.get_data)
    loaders = tuple(method.__globals__ for method in (*loads, runpy.run_path))
    root = f"{workspace}{os.sep}"

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("open", "import"):
            return
        file = arguments[0 if event == "open" else 1]
        if not isinstance(file, str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(file))  # noqa: PTH100 (asked of every open)
        if path.startswith(libraries) or path == str(code):
            return
        caller = sys._getframe(1).f_globals
        if not path.endswith(suffixes) and not any(caller is loader for loader in loaders):
            return
        if path.startswith(root) or os.path.realpath(path).startswith(root):
            with contextlib.suppress(ValueError):  # Python looks for byte code first
                path = importlib.util.source_from_cache(path)
            raise UsageError(
                f"the split code loads {os.path.relpath(path, workspace)}",
                why=f"{code.name} alone is recorded as what divided, so that it is known for ever",
                next=f"put what it takes of that into {code.name}, or install it as a library",
            )

    sys.addaudithook(look)


class _AsRead(importlib.abc.SourceLoader):
    """Loads what was read of a file, which may be another by now."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path, self._data = str(path), data

    def get_filename(self, _: str) -> str:
        return self._path

    def get_data(self, _: Any) -> bytes:
        return self._data


def _function(code: Path, data: bytes, name: str) -> Any:
    loader = _AsRead(code, data)
    spec = importlib.util.spec_from_file_location("governed_split_code", code, loader=loader)
    if spec is None or spec.loader is None or code.suffix != ".py":
        raise UsageError(
            f"{code} is no Python file", why="it must end in .py", next="name a file with --by"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(code.parent))
    spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise UsageError(
            f"{code} has no function {name!r}",
            why="the code is called as split(frame) → {'train': …, 'validation': …, 'holdout': …}",
            next=f"define it, or name another with --by {code.name}:FUNCTION",
        )
    return function


def _parts(result: Any, columns: list[Any]) -> dict[str, str]:
    """The CSV text of each part, always the same for the same rows."""
    if not isinstance(result, dict) or set(result) != set(PARTS):
        given = sorted(map(str, result)) if isinstance(result, dict) else type(result).__name__
        raise UsageError(
            "the split code gave something else than its three parts",
            why=f"it must return a dictionary with {', '.join(PARTS)}; it gave {given}",
            next="mend the code",
        )
    texts = {}
    for part in PARTS:
        frame = result[part]
        if not (hasattr(frame, "columns") and hasattr(frame, "to_csv")):
            raise UsageError(
                f"the part {part} is no table",
                why=f"it is of the type {type(frame).__name__}, where the frame's rows are wanted",
                next="give them as 'frame.loc[…]' or 'frame[…]' does",
            )
        if set(frame.columns) != set(columns) or not len(frame):
            raise UsageError(
                f"the part {part} is empty or has other columns than the dataset",
                why=f"{len(frame)} rows with {len(frame.columns)} columns, {len(columns)} expected",
                next="a split only divides; transform the data before, or in the notebook",
            )
        texts[part] = str(frame[columns].to_csv(index=False, lineterminator="\n"))
    return texts


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except GovernedError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
