"""A real JupyterLab on a real workspace in a real browser; nothing in between is replaced."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from governed_kernel.release.run_states import state_of
from tests.extension.server import Server, serving
from tests.loop.environment import PythonEnvironment
from tests.loop.place import Place
from tests.loop.stages import Stages
from tests.ui import language
from tests.ui.programs import without_node

BUILT = Path(__file__).parents[2] / "extension" / "governed_server" / "labextension"
RUN_SECONDS = 600
"""No run ends by itself while a browser is closed and opened again, however busy the machine is."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def _chromium() -> str:
    """The browser's path; installed where nobody is asked for a password, else not run."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        words = ["apt-get", "install", "-y", "-qq", "chromium", "fonts-dejavu-core"]
        subprocess.run(["apt-get", "update", "-qq"], check=False, stdout=subprocess.DEVNULL)
        subprocess.run(words, check=False, stdout=subprocess.DEVNULL)
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("The tests in a browser were NOT RUN: there is no Chromium here")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = _chromium()
    if not (BUILT / "static").is_dir():
        pytest.skip("The tests in a browser were NOT RUN: 'make extension' was not called")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield found
        found.close()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Place]:
    assert browser  # nothing is made where nothing can be shown
    base = tmp_path_factory.mktemp("ui")
    environment = PythonEnvironment.make(base / "environment", with_lab=True)
    language.install(environment)
    made = Stages(base, environment, RUN_SECONDS).researched
    yield made
    for folder in made.workspace.runs.glob("[!.]*"):  # of a test that failed on its way
        state = state_of(made.workspace, folder.name)
        if not state.is_over:
            os.kill(state.pid, signal.SIGTERM)


@pytest.fixture(scope="session")
def server(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that finds no Node: whoever installs the product needs none."""
    nodeless = without_node(tmp_path_factory.mktemp("programs"))
    with serving(place.root, place.home, str(place.environment.python), **nodeless) as found:
        yield found
