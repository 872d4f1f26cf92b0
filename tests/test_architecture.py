"""The house is built as ARCHITECTURE.md says."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import governed_kernel

PACKAGE = Path(governed_kernel.__file__).parent
BELOW: dict[str, set[str]] = {
    "lineage": set(),
    "recorder": {"lineage", "capture"},
    "capture": {"lineage", "recorder"},
    "governance": {"lineage", "capture"},
    "training": {"governance", "lineage", "capture"},
    "validation": {"training", "governance", "lineage", "capture"},
    "kernel": {"governance", "recorder", "capture", "lineage"},
    "release": {"validation", "training", "governance", "kernel", "lineage"},
    "audit": {"release", "validation", "training", "governance", "lineage"},
}
"""Room → rooms that it may import from."""


@pytest.mark.parametrize("room", sorted(BELOW))
def test_a_room_imports_only_from_rooms_below_it(room: str) -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in (PACKAGE / room).rglob("*.py")
        for name in _rooms_imported(path)
        if name not in BELOW[room] | {room}
    }
    assert not found


def test_only_the_command_line_imports_the_command_line() -> None:
    outside = [path for path in PACKAGE.rglob("*.py") if "cli" not in path.parts]
    allowed = {PACKAGE / "__main__.py"}
    assert not [
        path for path in outside if "cli" in set(_rooms_imported(path)) and path not in allowed
    ]


def test_importing_every_module_imports_no_heavy_library() -> None:
    modules = sorted(
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        # an adapter is imported once its library is there
        if path.name != "__main__.py" and not {"templates", "adapters"} & set(path.parts)
    )
    heavy = "torch", "transformers", "peft", "pandas", "ray", "sklearn", "jupyter_server"
    code = (
        # papermill loads its engines while it is imported, ours among them, so it comes first
        "import importlib, papermill, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("module", ["release", "data", "run", "recall", "policy", "people"])
def test_a_command_that_only_reads_the_ledger_loads_nothing_that_signs_or_asks_the_store(
    module: str,
) -> None:
    dear = "securesystemslib", "duckdb", "nbformat"
    code = (
        f"import sys, governed_kernel.cli.{module}, governed_kernel.release.execution\n"
        f"print([name for name in {dear!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def _rooms_imported(path: Path) -> Iterator[str]:
    """First-level names below ``governed_kernel`` that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            is_room = len(parts) > 1 and parts[1] in BELOW | {"cli": set()}
            if parts[0] == "governed_kernel" and is_room:
                yield parts[1]
