"""The wheel, built from what is built here, installed and used where there is no Node."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect

import governed_kernel
from tests.extension.server import serving
from tests.kernel.running import home_of, make_workspace
from tests.loop.environment import PythonEnvironment
from tests.ui.programs import without_node
from tests.ui.window import Window

pytestmark = pytest.mark.full
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def nodeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Nothing that this process starts finds Node, either."""
    found = without_node(tmp_path / "programs")
    for name, text in found.items():
        monkeypatch.setenv(name, text)
    return found


def built(folder: Path) -> Path:
    """The wheel as pip builds it; the extension in it was built before."""
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder)]
    done = subprocess.run([*pip, str(REPOSITORY)], check=False, capture_output=True, text=True)
    if done.returncode and "No matching distribution found" in done.stderr:
        pytest.skip("The wheel was NOT BUILT: what builds it can't be fetched here")
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_a_wheel_is_installed_and_used_where_there_is_no_node(
    browser: Browser, nodeless: dict[str, str], tmp_path: Path
) -> None:
    wheel = built(tmp_path / "wheel")
    environment = PythonEnvironment.make(tmp_path / "environment", with_lab=True, wheel=wheel)
    listed = subprocess.run(
        [environment.python, "-m", "jupyterlab.labextensions", "list"],
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "JUPYTER_DATA_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    told = re.sub(r"\x1b\[\d+m", "", listed.stdout + listed.stderr)
    assert f"governed-notebooks v{governed_kernel.__version__} enabled OK" in told
    workspace = make_workspace(tmp_path / "garden")
    kernel = {"name": "governed-research", "display_name": "Governed Python (Research)"}
    document = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    nbformat.write(document, workspace.root / "note.ipynb")
    python = str(environment.python)
    with serving(workspace.root, home_of(workspace), python, **nodeless) as server:
        window = Window(browser, server, "note.ipynb")
        window.page.get_by_text("(Research) | Idle").wait_for()
        window.insert("from pathlib import Path\nPath('note.txt').write_text('kept')")
        mark = window.page.locator(".gn-Mark-line", has_text="note.txt")
        expect(mark).to_be_visible()
        window.command("governed:open-catalog")
        expect(window.panel.get_by_text("Nothing is registered yet")).to_be_visible()
        assert not [error for error in window.errors if "governed" in error], window.errors
        window.close()
