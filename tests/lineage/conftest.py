from __future__ import annotations

from pathlib import Path

import pytest

from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage.sessions import prepare, train, workspace_at


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return workspace_at(tmp_path / "workspace")


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with two sessions: one prepares data, one trains on it. Not to be changed."""
    workspace = workspace_at(tmp_path_factory.mktemp("told"))
    prepare(workspace)
    train(workspace)
    store = Store(workspace)
    store.ingest()
    return store
