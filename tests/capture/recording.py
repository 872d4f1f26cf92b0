"""A process of its own that runs cells under the observers and prints what they reported.

Used as a module by tests (`Recording`), and as a script by the process that a test starts: the
audit hook and the rewritten functions stay for good, so they must not reach the tests' process.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from governed_kernel.capture.emitter import Cell, Decision, ObservedEvent
from governed_kernel.lineage.events import Access, ObserverLost, Operation, Transformation

Event = TypeVar("Event", Access, Transformation, ObserverLost)


class ListEmitter:
    """Keeps events in memory; forbids what lies below a folder named ``forbidden``."""

    def __init__(self) -> None:
        self.events: list[ObservedEvent] = []
        self.texts: dict[str, str] = {}
        self.now = Cell(0, "")

    def emit(self, event: ObservedEvent) -> None:
        self.events.append(event)

    def cell(self) -> Cell:
        return self.now

    def payload(self, text: str) -> str:
        digest = hashlib.sha256(text.encode()).hexdigest()
        self.texts[digest] = text
        return digest

    def decide(self, operation: Operation, path: str) -> Decision:
        if "/forbidden/" in path:
            return Decision(False, f"{operation} is forbidden here", ["no-forbidden"])
        if "/catalogued/" in path:
            return Decision(True, dataset="patients", version="1", data_class="health")
        return Decision(True)


class Recording(msgspec.Struct):
    """What the cells printed, raised and left in the record."""

    folder: str
    events: list[ObservedEvent]
    texts: dict[str, str]
    output: list[str]
    """What each cell printed."""
    errors: list[str]
    """Traceback of each cell, empty when it ended well."""

    def of(self, kind: type[Event], execution: int | None = None) -> list[Event]:
        """Events of one type, of one cell or of all."""
        return [
            event
            for event in self.events
            if isinstance(event, kind) and execution in (None, event.execution)
        ]

    def accesses(self, execution: int | None = None) -> list[tuple[str, str, str]]:
        """Operation, file relative to the folder (or URI) and layer of each access."""
        root = f"file://{self.folder}/"
        return [
            (access.operation, access.uri.removeprefix(root), access.via)
            for access in self.of(Access, execution)
        ]

    def operations(self, execution: int | None = None) -> list[str]:
        """What each transformation was."""
        return [step.operation for step in self.of(Transformation, execution)]


def record(
    folder: Path,
    cells: Iterable[str],
    *,
    observed: bool = True,
    environment: dict[str, str] | None = None,
) -> Recording:
    """Run `cells` in a fresh interpreter whose working folder is `folder`."""
    plan = json.dumps({"cells": list(cells), "observed": observed})
    done = subprocess.run(
        [sys.executable, __file__],
        input=plan,
        capture_output=True,
        text=True,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "OMP_NUM_THREADS": "2",
            **(environment or {}),
        },
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Recording)


def _run(emitter: ListEmitter, cells: list[str]) -> tuple[list[str], list[str]]:
    import contextlib
    import io
    import linecache

    from governed_kernel.capture import settle

    names: dict[str, Any] = {"__name__": "__main__"}
    output, errors = [], []
    for number, source in enumerate(cells, 1):
        emitter.now = Cell(number, f"cell-{number}")
        filename = f"<cell {number}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        printed, error = io.StringIO(), ""
        try:
            with contextlib.redirect_stdout(printed):
                _execute(ast.parse(source, filename), filename, names)
        except BaseException:
            error = traceback.format_exc()
        settle()
        output.append(printed.getvalue())
        errors.append(error)
    return output, errors


def _execute(cell: ast.Module, filename: str, names: dict[str, Any]) -> None:
    """Statement by statement, as IPython does."""
    from governed_kernel import capture

    for node in cell.body:
        code = compile(ast.Module([node], []), filename, "exec")
        with capture.statement(node, names):
            exec(code, names)


def _main() -> None:
    plan = json.loads(sys.stdin.read())
    emitter, folder = ListEmitter(), os.path.realpath(".")
    if plan["observed"]:
        from governed_kernel.capture import install

        install(emitter, session="test")
    output, errors = _run(emitter, plan["cells"])
    events = list(emitter.events)
    recording = Recording(folder, events, emitter.texts, output, errors)
    sys.stdout.write("\n" + msgspec.json.encode(recording).decode() + "\n")


if __name__ == "__main__":
    # As the module tests import, so that its classes are the same ones.
    _main()
