from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from governed_kernel.lineage.store import Store
from governed_kernel.workspace import Workspace
from tests.lineage import lakes, sessions
from tests.lineage.sessions import prepare, train, workspace_at


@pytest.fixture(params=["file", pytest.param("lake", marks=pytest.mark.full)])
def workspace(tmp_path: Path, request: pytest.FixtureRequest) -> Workspace:
    """One whose lineage store is a file, and again one whose store is a lake."""
    if request.param == "lake":
        request.getfixturevalue("lake")
    return workspace_at(tmp_path / "workspace")


@pytest.fixture(scope="session")
def server() -> Iterator[lakes.Server]:
    with lakes.running() as server:
        if server is None:
            pytest.skip("PostgreSQL is not installed")
        yield server


@pytest.fixture
def lake(server: lakes.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings of a lake of the test's own, which new workspaces get."""
    settings = server.settings(tmp_path / "lake")
    monkeypatch.setenv("PGPASSWORD", lakes.PASSWORD)
    monkeypatch.setattr(sessions, "STORE", settings)
    return settings


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with two sessions: one prepares data, one trains on it. Not to be changed."""
    workspace = workspace_at(tmp_path_factory.mktemp("told"))
    prepare(workspace)
    train(workspace)
    store = Store(workspace)
    store.ingest()
    return store
