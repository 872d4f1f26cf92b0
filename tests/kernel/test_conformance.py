"""The tests that the Jupyter project has for kernels: ours must answer as IPython's does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from governed_kernel.lineage.forms import journal_files
from governed_kernel.workspace import Workspace
from tests.kernel.running import home_of

ROOT = Path(__file__).resolve().parents[2]


def _outcomes(kernel: str, workspace: Workspace) -> dict[str, str]:
    """Test → outcome of the suite on one kernel."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.kernel.jupyter_suite", kernel],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=workspace.root,
        env={**os.environ, "GOVERNED_HOME": str(home_of(workspace)), "PYTHONPATH": str(ROOT)},
    )
    lines = [line for line in found.stderr.splitlines() if line.startswith("test_")]
    assert len(lines) > 10, found.stderr
    return {line.split()[0]: line.rpartition("... ")[2] for line in lines}


@pytest.mark.slow
def test_a_governed_kernel_answers_as_ipythons_does(workspace: Workspace) -> None:
    plain = _outcomes("python3", workspace)
    assert _outcomes("governed-research", workspace) == plain
    assert "ok" in plain.values()
    assert len(journal_files(workspace.journals)) == 1  # it was recorded
