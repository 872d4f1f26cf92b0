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
import types
from collections.abc import Iterable, Iterator
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
        env={**_variables(), **(environment or {})},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Recording)


class Begun:
    """An observed interpreter that has run its first cells, in a folder.

    Each recording goes on from there in a fork of it, so that tests with the same beginning load
    its libraries once. Not for libraries whose threads a fork loses, such as polars.
    """

    def __init__(self, folder: Path, cells: Iterable[str]) -> None:
        self._log = folder / "standard-error.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                env=_variables(),
            )
        self.beginning = self._ask({"cells": list(cells), "observed": True, "goes_on": True})

    def record(self, cells: Iterable[str]) -> Recording:
        """What the first cells and these left in the record."""
        return self._ask({"cells": list(cells)})

    def end(self) -> None:
        """No further recording."""
        with self._process:
            pass

    def _ask(self, plan: dict[str, object]) -> Recording:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(plan) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith(_ANSWER):
                return msgspec.json.decode(line.removeprefix(_ANSWER), type=Recording)
        raise AssertionError(self._log.read_text())


def well_ended(done: Recording) -> Recording:
    """A recording in which no cell failed and no observer lost anything."""
    assert not any(done.errors), done.errors
    lost = done.of(ObserverLost)
    assert lost == [], [done.texts.get(event.error) for event in lost]
    return done


_ANSWER = "recording: "


def _variables() -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "2"}


def _run(
    emitter: ListEmitter, cells: list[str], names: dict[str, Any]
) -> tuple[list[str], list[str]]:
    import contextlib
    import io
    import linecache

    from governed_kernel.capture import settle

    output, errors = [], []
    for number, source in enumerate(cells, emitter.now.execution + 1):
        emitter.now = Cell(number, f"cell-{number}")
        filename = f"<cell {number}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        printed, error = io.StringIO(), ""
        try:
            with contextlib.redirect_stdout(printed):
                _execute(ast.parse(source, filename), filename, names)
        except BaseException:
            error = traceback.format_exc() + _standing(sys.exc_info()[2])
        settle()
        output.append(printed.getvalue())
        errors.append(error)
    return output, errors


def _standing(passed: types.TracebackType | None) -> str:
    """Where the frames stand that an exception has passed, which IPython shows of long files."""
    frames = [(each.tb_frame.f_code.co_name, each.tb_frame.f_lineno) for each in _entries(passed)]
    # The first is this module's own, and goes on.
    return "".join(f"{name} stands at line {line}\n" for name, line in frames[1:])


def _entries(passed: types.TracebackType | None) -> Iterator[types.TracebackType]:
    while passed is not None:
        yield passed
        passed = passed.tb_next


def _execute(cell: ast.Module, filename: str, names: dict[str, Any]) -> None:
    """Statement by statement, as IPython does."""
    from governed_kernel import capture

    for node in cell.body:
        code = compile(ast.Module([node], []), filename, "exec", dont_inherit=True)
        with capture.statement(node, names):
            exec(code, names)


def _main() -> None:
    plan = json.loads(sys.stdin.readline())
    emitter, folder = ListEmitter(), os.path.realpath(".")
    if plan["observed"]:
        from governed_kernel.capture import install

        install(emitter, session="test")
    names: dict[str, Any] = {"__name__": "__main__"}
    output, errors = _run(emitter, plan["cells"], names)

    def answer(mark: str) -> None:
        recording = Recording(folder, list(emitter.events), emitter.texts, output, errors)
        sys.stdout.write(f"\n{mark}{msgspec.json.encode(recording).decode()}\n")
        sys.stdout.flush()

    if not plan.get("goes_on"):
        answer("")
        return
    answer(_ANSWER)
    for line in sys.stdin:
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            if status:
                sys.exit(f"a fork ended with {status}")
            continue
        more = _run(emitter, json.loads(line)["cells"], names)
        output += more[0]
        errors += more[1]
        answer(_ANSWER)
        os._exit(0)


if __name__ == "__main__":
    # As the module tests import, so that its classes are the same ones.
    _main()
