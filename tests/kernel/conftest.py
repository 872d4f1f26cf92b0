from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.workspace import Workspace
from tests.kernel.running import END_CHILDREN, RunningKernel, make_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "workspace")


@pytest.fixture(scope="session")
def shared_workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_workspace(tmp_path_factory.mktemp("shared") / "workspace")


@pytest.fixture(scope="session")
def shared_kernel(shared_workspace: Workspace) -> Iterator[RunningKernel]:
    running = RunningKernel(shared_workspace)
    yield running
    running.run(END_CHILDREN)
    running.close()


@pytest.fixture
def kernel(shared_kernel: RunningKernel) -> RunningKernel:
    """A research kernel that other tests use as well."""
    return shared_kernel


@pytest.fixture
def own_kernel(workspace: Workspace) -> Iterator[RunningKernel]:
    """A research kernel that the test may break."""
    running = RunningKernel(workspace)
    yield running
    running.close(now=True)
