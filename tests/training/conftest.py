from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.models import make_base


@pytest.fixture(scope="session")
def tiny_base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("tiny-base"))


@pytest.fixture
def in_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare workspace as working directory, and no run's ticket."""
    root = tmp_path / "workspace"
    root.mkdir()
    (root / "governed.toml").write_text('[workspace]\nname = "Test"\n')
    monkeypatch.chdir(root)
    monkeypatch.delenv("GOVERNED_TICKET", raising=False)
    return root
